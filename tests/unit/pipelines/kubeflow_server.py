"""A Kubeflow endpoint as a client meets it: oauth2-proxy, Dex with one password, the dashboard's list of profiles, the
volumes web app's of claims, and the Pipelines API v2beta1 with its metadata store, over real HTTP on 127.0.0.1.

What is sent and what is answered are held against the API as published (contract.py) and against the pipeline's
protocol buffer. Faults are scripted: the next requests of a method and path end as the test says.
"""

import json
import secrets
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.unit.pipelines.pipelines_api import MetadataStore, PipelinesApi, RefusalError

API = "/pipeline/apis/v2beta1"
NAMESPACE = "team-ada"
USER, PASSWORD = "ada@example.com", "correct horse"

# A fault ends a request: an HTTP status instead of an answer, or a dropped connection before or after the work is done.
Fault = int | str
DROP_BEFORE, DROP_AFTER = "drop before", "drop after"


class Kubeflow:
    """The state behind the server: what tests set up, and what they look at afterwards."""

    def __init__(self) -> None:
        self.url = ""
        self.faults: dict[tuple[str, str], deque[Fault]] = defaultdict(deque)
        self.requests: list[tuple[str, str]] = []
        self.api = PipelinesApi()
        self.problems: list[str] = []
        self.claims: list[str] | None = []
        self.metadata_is_there = True
        self.profiles = [{"namespace": "shared", "role": "contributor"}, {"namespace": NAMESPACE, "role": "owner"}]
        self.choice_of_logins = False
        self.asks_to_sign_in = True
        self.sessions: set[str] = set()
        self.tokens: set[str] = set()
        self.pod_log = ""

    def fault(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of this method and path end so."""
        self.faults[method, path].extend(faults)

    def count(self, method: str, path: str) -> int:
        """How many requests of this method and path came."""
        return self.requests.count((method, path))

    def expire_sessions(self) -> None:
        """Forget who is signed in, as oauth2-proxy does after a day."""
        self.sessions.clear()


@contextmanager
def serve() -> Iterator[Kubeflow]:
    """A Kubeflow on a free port of 127.0.0.1, for as long as the block lasts."""
    kubeflow = Kubeflow()

    class Bound(_Handler):
        state = kubeflow

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    kubeflow.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield kubeflow
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert kubeflow.problems == []


class _Handler(BaseHTTPRequestHandler):
    state: Kubeflow
    protocol_version = "HTTP/1.1"
    # Headers and body go out together: apart, Nagle's algorithm holds the second back for 40 ms.
    wbufsize = 65536

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.state.requests.append((method, url.path))
        queue = self.state.faults[method, url.path]
        fault = queue.popleft() if queue else None
        self._held = fault == DROP_AFTER
        if fault == DROP_BEFORE:
            self._drop()
            return
        if isinstance(fault, int):
            self._answer(fault, b"upstream connect error")
            return
        try:
            self._route(method, url.path)
        except RefusalError as refusal:
            self._json({"code": 3, "message": str(refusal)}, refusal.status)
        except Exception as error:
            self.state.problems.append(f"{method} {url.path}: {error!r}")
            self._json({"code": 13, "message": str(error)}, 500)
        if self._held:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _route(self, method: str, path: str) -> None:
        match method, path:
            case "GET", "/oauth2/start":
                code = secrets.token_hex(8)
                self._redirect(f"/dex/auth?{urlencode({'state': code, 'rd': self.query['rd']})}", csrf=code)
            case "GET", "/dex/auth":
                if self.state.choice_of_logins:
                    self._answer(200, b"<html>choose a way in</html>")
                else:
                    self._redirect(f"/dex/auth/local?{urlencode(self.query)}")
            case "GET", "/dex/auth/local":
                self._redirect(f"/dex/auth/local/login?{urlencode(self.query)}")
            case "GET", "/dex/auth/local/login":
                self._answer(200, b"<html><form method=post><input name=login><input name=password></form></html>")
            case "POST", "/dex/auth/local/login":
                form = {key: values[0] for key, values in parse_qs(self.body.decode()).items()}
                if form != {"login": USER, "password": PASSWORD}:
                    self._answer(401, b"<html>Invalid Email Address and Password</html>")
                    return
                self._redirect(f"/oauth2/callback?{urlencode(self.query)}", status=303)
            case "GET", "/oauth2/callback":
                if self._cookies().get("csrf") != self.query["state"]:
                    self._answer(403, b"csrf")
                    return
                token = secrets.token_hex(8)
                self.state.sessions.add(token)
                self._redirect(self.query["rd"], oauth2_proxy_kubeflow=token)
            case _ if (
                self.state.asks_to_sign_in
                and self._cookies().get("oauth2_proxy_kubeflow") not in self.state.sessions
                and self.headers.get("Authorization") not in {f"Bearer {token}" for token in self.state.tokens}
            ):
                self._answer(
                    401 if path.startswith(("/ml_metadata", "/pipeline/apis", "/api")) else 403,
                    b"<html>Sign in with Dex</html>",
                )
            case _:
                self._signed_in(method, path)

    def _signed_in(self, method: str, path: str) -> None:
        state = self.state
        match method, path.strip("/").split("/"):
            case "GET", ["api", "workgroup", "env-info"]:
                self._json({"user": USER, "namespaces": state.profiles})
            case "GET", ["pipeline", "k8s", "pod", "logs"]:
                # The UI takes the run's id too, and answers for pods of the namespace alone.
                pods = {f"pod-of-{step}" for step in ("draw", "average")}
                found = self.query["podname"] in pods and self.query["podnamespace"] == NAMESPACE
                self._answer(200 if found and state.pod_log else 404, state.pod_log.encode())
            case "GET", ["volumes", "api", "namespaces", namespace, "pvcs"] if state.claims is not None:
                self._own(namespace)
                self._json({"pvcs": [{"name": name} for name in state.claims], "success": True})
            case "POST", ["ml_metadata.MetadataStoreService", call] if state.metadata_is_there:
                answer = MetadataStore(state.api).answer(call, self.body)
                self._answer(200, answer, "application/grpc-web+proto")
            case _ if path.startswith(API):
                if "namespace" in self.query:
                    self._own(self.query["namespace"])
                if method == "POST" and path == f"{API}/experiments":
                    self._own(json.loads(self.body)["namespace"])
                self._json(state.api.route(method, path.removeprefix(API), self.query, self.body))
            case _:
                raise RefusalError(404, f"{method} {path} is not served")

    def _own(self, namespace: str) -> None:
        if namespace not in {profile["namespace"] for profile in self.state.profiles}:
            raise RefusalError(403, f"User {USER} is not authorized in namespace {namespace}")

    def _cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}

    def _redirect(self, to: str, status: int = 302, **cookies: str) -> None:
        if self._held:
            return
        self.send_response(status)
        self.send_header("Location", to)
        for name, value in cookies.items():
            self.send_header("Set-Cookie", f"{name}={value}; Path=/; HttpOnly")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, content: dict[str, Any], status: int = 200) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, content: bytes, kind: str = "text/html") -> None:
        if self._held:
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
