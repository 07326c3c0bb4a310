"""The AWS emulator's state file, its guard, and the tokens that it takes."""

import base64
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from localcloud import emulator
from localcloud.emulator import tokens
from localcloud.emulator.guard import Guard, RefusedError
from localcloud.plane.processes import identity
from ordering.errors import UserError

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
NOW = 1_800_000_000


def test_stale_and_damaged_state_is_known(tmp_path: Path) -> None:
    assert emulator.status(tmp_path) is None
    state = emulator.state(tmp_path)
    state.parent.mkdir(parents=True)
    started = identity(os.getpid())
    assert started
    own = emulator.Server(
        pid=os.getpid(),
        started=started,
        endpoint="http://127.0.0.1:1",
        access_key="AKIA",
        secret_key="secret",
        minute=0.5,
    )
    emulator.write(state, own)
    assert state.stat().st_mode & 0o777 == 0o600
    assert emulator.environment(tmp_path) == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "LOCALCLOUD_MINUTE": "0.5",
    }
    state.write_text(json.dumps(json.loads(state.read_text()) | {"started": "another boot:1"}))
    assert emulator.status(tmp_path) is None
    assert emulator.stop(tmp_path) is False  # this process, which only shares the pid, lives on
    with pytest.raises(UserError, match="is not running; start it with `make up`"):
        emulator.environment(tmp_path)
    state.write_text("{")
    with pytest.raises(UserError, match=r"is damaged .*: type `make down`"):
        emulator.status(tmp_path)
    assert emulator.stop(tmp_path) is False
    assert emulator.status(tmp_path) is None


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "61"])
def test_a_bad_minute_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LOCALCLOUD_MINUTE", text)
    with pytest.raises(UserError, match=f"LOCALCLOUD_MINUTE is '{text}'; set it to the seconds that a minute of AWS"):
        emulator.start(tmp_path)
    assert list(tmp_path.iterdir()) == []


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token(claims: dict[str, Any], *, key: ec.EllipticCurvePrivateKey = KEY, algorithm: str = "ES256") -> str:
    head, body = (encoded(json.dumps(part).encode()) for part in ({"alg": algorithm}, claims))
    numbers = decode_dss_signature(key.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    return f"{head}.{body}.{encoded(b''.join(number.to_bytes(32) for number in numbers))}"


def another_body(given: str, claims: dict[str, Any]) -> str:
    head, _, mark = given.split(".")
    return f"{head}.{encoded(json.dumps(claims).encode())}.{mark}"


def test_a_good_token_is_taken() -> None:
    claims = {"sub": "a", "exp": NOW + 1, "aud": ["b"]}
    assert tokens.read(token(claims), PUBLIC, NOW) == claims
    body = tokens.with_one_audience(claims).split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(body + "==")) == claims | {"aud": "b"}


@pytest.mark.parametrize("audience", [None, [], ["a", "b"], "a"])
def test_a_token_for_aws_has_one_audience(audience: object) -> None:
    with pytest.raises(tokens.BadTokenError, match="one audience"):
        tokens.with_one_audience({"aud": audience})


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "no JSON Web Token"),
        ("a.b", "no JSON Web Token"),
        ("ä.ö.ü", "no JSON Web Token"),
        (f"{encoded(b'[]')}.{encoded(b'{}')}.", "no JSON Web Token"),
        (token({"exp": NOW}), "has expired"),
        (token({}), "has expired"),
        (token({"exp": True}, algorithm="none"), "not signed as"),
        (token({"exp": NOW + 1}, algorithm="HS256"), "not signed as"),
        (token({"exp": NOW + 1}).rsplit(".", 1)[0] + ".", "not signed as"),
        (token({"exp": NOW + 1}, key=ec.generate_private_key(ec.SECP256R1())), "not signed by"),
        (another_body(token({"exp": NOW}), {"exp": NOW + 1}), "not signed by"),
    ],
)
def test_any_other_token_is_refused(bad: str, words: str) -> None:
    with pytest.raises(tokens.BadTokenError, match=words):
        tokens.read(bad, PUBLIC, NOW)


def asked(
    method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **headers: Any
) -> tuple[dict[str, Any], bytes]:
    """A request as the server hands it over, to the emulator by its address."""
    given = {"host": "127.0.0.1:4566"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    return scope, body


def signed(key: str, secret: str = "secret") -> dict[str, Any]:
    request = AWSRequest("GET", "http://127.0.0.1:4566/", headers={"host": "127.0.0.1:4566"})
    SigV4Auth(Credentials(key, secret), "s3", "us-west-2").add_auth(request)
    return {name.lower().replace("-", "_"): value for name, value in request.headers.items()}


def form(**fields: str) -> bytes:
    return urlencode({"Version": "2011-06-15", **fields}).encode()


WEB = "AssumeRoleWithWebIdentity"


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    async def nobody(*_: object) -> None:
        raise AssertionError

    (tmp_path / "key").write_bytes(PUBLIC)
    return Guard(nobody, tmp_path / "key")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(), "not signed"),
        (asked(path="/bucket/key"), "not signed"),
        (asked(host="evil.example:4566"), "no name but its loopback address"),
        (asked(host="127.0.0.1.evil.example"), "no name but its loopback address"),
        (asked(origin="http://localhost:3000"), "web pages"),
        (asked(origin="null"), "web pages"),
        (asked(sec_fetch_site="cross-site"), "web pages"),
        (asked("POST", "/_ministack/reset"), "the emulator's own"),
        (asked(path="/_ministack/health"), "the emulator's own"),
        (asked(path="/_localstack/health"), "the emulator's own"),
        (asked(**signed("test", "test")), "not signed by a user"),
        (asked(**signed("123456789012")), "not signed by a user"),
        (asked(query="X-Amz-Credential=test", **signed("AKIA0123456789ABCDEF")), "not signed by a user"),
        (asked("POST", body=form(Action="GetCallerIdentity")), "not signed"),
        (asked("POST", body=form(Action=WEB)), "one token"),
        (asked("POST", body=form(Action=WEB, WebIdentityToken="a.b.c")), "no JSON Web Token"),
        (asked("POST", body=form(Action=WEB, WebIdentityToken=token({"exp": 1}))), "has expired"),
        (asked("POST", query=f"Action={WEB}", body=form(Action="GetCallerIdentity")), "one token"),
        (asked("POST", body=f"Action=%41{WEB[1:]}".encode(), **signed("AKIA0123456789ABCDEF")), "one token"),
        (asked("POST", x_amz_target=f"AWSSecurityTokenServiceV20110615.{WEB}", body=b"{}"), "one token"),
    ],
)
def test_the_guard_lets_nobody_in_unproved(guard: Guard, request_: tuple[dict[str, Any], bytes], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        guard.admit(*request_)


def test_the_guard_lets_no_unknown_key_in(guard: Guard) -> None:
    # Signed now, for a signature is good for 15 minutes, and the whole suite collects its tests long before.
    with pytest.raises(RefusedError, match="token included in the request is invalid"):
        guard.admit(*asked(**signed("AKIA0123456789ABCDEF")))


def test_a_header_that_is_there_twice_is_refused(guard: Guard) -> None:
    scope, body = asked(**signed("AKIA0123456789ABCDEF"))
    scope["headers"].append((b"Authorization", b"AWS4-HMAC-SHA256 Credential=test/"))
    with pytest.raises(RefusedError, match="twice"):
        guard.admit(scope, body)


def test_the_guard_lets_a_good_token_through(guard: Guard) -> None:
    good = token({"sub": "a", "exp": 4_000_000_000, "aud": ["sts.amazonaws.com"]})
    passed = parse_qs(guard.admit(*asked("POST", body=form(Action=WEB, WebIdentityToken=good))).decode())
    assert passed["Action"] == [WEB]
    [unsigned] = passed["WebIdentityToken"]
    assert unsigned.endswith(".")


def test_without_an_api_server_no_token_is_good(tmp_path: Path) -> None:
    async def nobody(*_: object) -> None:
        raise AssertionError

    good = form(Action=WEB, WebIdentityToken=token({"sub": "a", "exp": 4_000_000_000}))
    with pytest.raises(RefusedError, match="no API server"):
        Guard(nobody, tmp_path / "none").admit(*asked("POST", body=good))
