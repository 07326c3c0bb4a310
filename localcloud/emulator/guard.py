"""Who may speak to the emulator at all, asked before MiniStack sees a request.

MiniStack 1.5.33 with AUTH=true leaves doors open, by its source (core/iam_evaluator.py, app.py): the access keys
`test`, none, and any account's number are root unsigned; paths of its own (`/_ministack/…`) are served to all; a web
identity's token is not verified; and every origin may read what a browser asks for. None of them is open here.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from ministack.core import iam_evaluator

from localcloud.emulator import ACCOUNT, tokens

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_SCHEME, _LENGTH = b"x-forwarded-proto", b"content-length"
_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
# IAM's users and roles have such keys; MiniStack's several names for root do not look like them.
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=((?:AKIA|ASIA)[0-9A-F]{16})/")
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/\d+/([a-z0-9-]+)/")
_OF_POD = re.compile(r"/clusters/([^/]+)/assume-role-for-pod-identity")
_WEB_IDENTITY = "AssumeRoleWithWebIdentity"


class RefusedError(Exception):
    """A request that goes no further, and why."""


class Guard:
    """An ASGI application before another; `token_key` is the file of the public key of service account tokens."""

    def __init__(self, application: Application, token_key: Path) -> None:
        self._application, self._token_key = application, token_key

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":  # closing a WebSocket before it is accepted refuses it with 403
            await send({"type": "websocket.close", "code": 1008})
            return
        body = await _body(receive)
        if body is None:
            return
        try:
            admitted = self.admit(scope, body)
        except RefusedError as refused:
            await _refuse(send, str(refused))
            return
        if scope["method"] == "POST" and (asked := _OF_POD.fullmatch(scope["path"])):
            await _answer(send, *self._of_pod(asked[1], scope, body))
            return
        headers = [one for one in scope["headers"] if one[0].lower() != _LENGTH]
        # What never leaves the machine counts as encrypted, as policies ask for, unless a caller says otherwise.
        if not any(name.lower() == _SCHEME for name, _ in headers):
            headers.append((_SCHEME, b"https"))
        headers.append((_LENGTH, str(len(admitted)).encode()))
        await self._application({**scope, "headers": headers}, _replay(admitted, receive), _without_origins(send))

    def admit(self, scope: Message, body: bytes) -> bytes:
        """The body of a request that MiniStack may see; raises RefusedError for any other request."""
        headers: list[tuple[str, str]] = [
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        given = dict(headers)
        if len({name for name, _ in headers if name in _ONCE}) < sum(name in _ONCE for name, _ in headers):
            raise RefusedError("a header that says who asks is there twice")
        if not _HOST.fullmatch(given.get("host", "")):
            raise RefusedError("the emulator goes by no name but its loopback address")
        if "origin" in given or given.get("sec-fetch-site", "none") != "none":
            raise RefusedError("web pages have no business here")
        if scope["path"].startswith("/_"):
            raise RefusedError("this path is the emulator's own")
        if scope["path"] == "/" and _asks_for_web_identity(scope, given, body):
            return self._with_known_token(body)
        _check_signature(scope, given, body)
        return body

    def _of_pod(self, cluster: str, scope: Message, body: bytes) -> tuple[int, dict[str, Any]]:
        """What EKS answers to the agent of a node that asks for a pod's credentials."""
        from localcloud.emulator.conduct import pod_identity  # of MiniStack's services, which read settings at import

        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        signed = _SCOPE.match(headers[b"authorization"])
        assert signed, "the signature has been checked"
        if not self._token_key.is_file():
            return 400, {"__type": "InvalidTokenException", "message": "no API server runs here"}
        try:
            key = self._token_key.read_bytes()
            return 200, pod_identity.assume(cluster, body, key, access_key=signed[1], account=ACCOUNT, region=signed[2])
        except pod_identity.FaultError as fault:
            return fault.status, {"__type": fault.name, "message": str(fault)}

    def _with_known_token(self, body: bytes) -> bytes:
        """The form that asks for a web identity: AWS wants no signature there, but the issuer's on the token."""
        if not self._token_key.is_file():
            raise RefusedError("no API server runs here whose tokens could be trusted")
        form = parse_qs(body.decode("utf-8", "replace"))
        if len(form.get("WebIdentityToken", [])) != 1:
            raise RefusedError("a web identity is one token in the form of a POST")
        try:
            claims = tokens.read(form["WebIdentityToken"][0], self._token_key.read_bytes())
            form["WebIdentityToken"] = [tokens.with_one_audience(claims)]
        except tokens.BadTokenError as bad:
            raise RefusedError(str(bad)) from None
        return urlencode(form, doseq=True).encode()


_ONCE = frozenset({"host", "authorization", "x-amz-target", "x-amz-security-token", "x-amz-date"})


def _asks_for_web_identity(scope: Message, headers: dict[str, str], body: bytes) -> bool:
    """Whether MiniStack may take a request for AssumeRoleWithWebIdentity, in any of the ways it can be asked for."""
    if _WEB_IDENTITY in headers.get("x-amz-target", ""):
        return True
    texts = (scope["query_string"].decode("utf-8", "replace"), body.decode("utf-8", "replace"))
    return any(_WEB_IDENTITY in parse_qs(text).get("Action", []) for text in texts)


def _check_signature(scope: Message, headers: dict[str, str], body: bytes) -> None:
    """Raises RefusedError for a bad signature; MiniStack itself asks only where it knows the action."""
    found = _SIGNED.match(headers.get("authorization", ""))
    if not found or b"X-Amz-" in scope["query_string"]:
        raise RefusedError("the request is not signed by a user or role of this account")
    query = parse_qs(scope["query_string"].decode("utf-8"), keep_blank_values=True)
    raw_path = scope["raw_path"].decode("latin-1")
    iam_evaluator.pin_signed_request(scope["method"], raw_path, query, scope["headers"])
    iam_evaluator.pin_signed_body(body)
    failure = iam_evaluator.check_credentials(found[1])
    if failure is not None:
        raise RefusedError(str(failure.message))


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when the client went away."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes."""
    waiting = [body]

    async def next_message() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return next_message


def _without_origins(send: Send) -> Send:
    """Sends an answer without the headers that open it to web pages."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [one for one in message.get("headers", ()) if not one[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return sending


async def _answer(send: Send, status: int, told: dict[str, Any]) -> None:
    answer = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    if "__type" in told:
        headers.append((b"x-amzn-errortype", str(told["__type"]).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _refuse(send: Send, reason: str) -> None:
    answer = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{reason}</Message></Error>"
        "</ErrorResponse>"
    ).encode()
    headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
