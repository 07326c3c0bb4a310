"""What an issuer says of itself, and the sentence for each that says something else."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from infra import issuer
from ordering.errors import UserError

URL = "https://id.example.com"
DOCUMENT: dict[str, Any] = {
    "issuer": URL,
    "authorization_endpoint": f"{URL}/auth",
    "token_endpoint": f"{URL}/token",
    "jwks_uri": f"{URL}/keys",
    "scopes_supported": ["openid", "groups", "email", "offline_access"],
    "end_session_endpoint": f"{URL}/logout",
}

Answer = Callable[[str], httpx.Response]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, object], None]:
    def answers(status: int, body: object) -> None:
        text = body if isinstance(body, str) else json.dumps(body)

        def get(url: str, **_: Any) -> httpx.Response:
            return httpx.Response(status, text=text, request=httpx.Request("GET", url))

        monkeypatch.setattr(httpx, "get", get)

    return answers


def test_it_is_asked_for_what_it_offers(answer: Callable[[int, object], None]) -> None:
    answer(200, DOCUMENT)
    found = issuer.discover(URL)
    assert (found.scopes, found.end_session) == (("openid", "email", "groups"), f"{URL}/logout")
    assert found.logout_host == "id.example.com"


@pytest.mark.parametrize(
    ("listed", "claims"),
    [({}, None), ({"claims_supported": ["sub", "email"]}, ("sub", "email")), ({"claims_supported": "sub"}, None)],
)
def test_its_claims_are_those_that_it_lists(
    answer: Callable[[int, object], None], listed: dict[str, Any], claims: tuple[str, ...] | None
) -> None:
    answer(200, {**DOCUMENT, **listed})
    assert issuer.discover(URL).claims == claims


def test_what_it_leaves_out_is_what_every_issuer_has(answer: Callable[[int, object], None]) -> None:
    optional = ("scopes_supported", "end_session_endpoint")
    answer(200, {key: value for key, value in DOCUMENT.items() if key not in optional})
    found = issuer.discover(URL)
    assert (found.scopes, found.end_session, found.logout_host) == (("openid", "email", "profile"), None, None)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, {**DOCUMENT, "issuer": f"{URL}/"}, f"loginIssuer {URL} says that its issuer is '{URL}/', "),
        (200, {**DOCUMENT, "issuer": None}, f"loginIssuer {URL} says that its issuer is None, "),
        (200, {**DOCUMENT, "jwks_uri": 1}, f"loginIssuer {URL} names no jwks_uri, "),
        (
            404,
            "gone",
            f"loginIssuer {URL} has no OpenID configuration (404 at {URL}/.well-known/openid-configuration); ",
        ),
        (200, "<html>", f"loginIssuer {URL} has no OpenID configuration (200 "),
        (200, [], f"loginIssuer {URL} has no OpenID configuration (200 "),
    ],
)
def test_another_or_none_gets_its_sentence(
    answer: Callable[[int, object], None], status: int, body: object, sentence: str
) -> None:
    answer(status, body)
    with pytest.raises(UserError) as caught:
        issuer.discover(URL)
    assert str(caught.value).startswith(sentence)


def test_one_that_does_not_answer_is_named() -> None:
    with pytest.raises(UserError, match=r"^loginIssuer http://127.0.0.1:1 does not answer \(.+\); check the address"):
        issuer.discover("http://127.0.0.1:1")
