"""With a company's login Dex is gone with its users, and the gateway holds tokens to the same bounds."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.kubeflow import tokens
from infra.kubeflow.credentials import find_known
from infra.kubeflow.login import COMPONENT, Login, need_gateway, use_login
from infra.kubeflow.tokens import AUDIENCE, TokenIssuer, accept_tokens
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render

ROOT = Path(__file__).parents[3]
RELEASES = ROOT.parent / "shared" / "kubeflow"

LOGIN = Login(
    issuer="https://id.example.com",
    client_id="kubeflow",
    client_secret="theirs",
    scopes=("openid", "email", "groups"),
    user_claim="email",
    groups_claim="groups",
    groups=("ml", "data"),
    domains=("example.com",),
    logout="id.example.com",
    ended_by_token="https://id.example.com/logout",
    url="https://kubeflow.example.com",
)


@pytest.fixture(scope="module", params=["26.03", "1.10.2"])
def release(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(RELEASES / request.param, components=[ROOT / COMPONENT, ROOT / tokens.COMPONENT])


def one(objects: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].startswith(name)]
    return found


def config(objects: list[Manifest]) -> dict[str, Any]:
    (text,) = [o["data"]["oauth2_proxy.cfg"] for o in objects if "oauth2_proxy.cfg" in (o.get("data") or {})]
    return tomllib.loads(text)


def test_nothing_of_dex_is_left_and_nobody_knows_a_user(release: list[Manifest]) -> None:
    found = use_login(release, LOGIN)
    assert not [
        o for o in found if o["metadata"].get("namespace") == "auth" or o["metadata"]["name"] in ("auth", "dex")
    ]
    assert not [o for o in found if "dex.coreos.com" in str(o) or "dex.auth.svc" in str(o)]
    assert not [known for known in find_known(found) if known.credential in ("password_hash", "oidc_client_secret")]


def test_oauth2_proxy_asks_the_issuer_and_holds_its_people_to_the_bounds(release: list[Manifest]) -> None:
    found = config(use_login(release, LOGIN))
    assert found["oidc_issuer_url"] == "https://id.example.com"
    assert found["redirect_url"] == "https://kubeflow.example.com/oauth2/callback"
    assert (found["allowed_groups"], found["email_domains"]) == (["ml", "data"], ["example.com"])
    assert found["backend_logout_url"] == "https://id.example.com/logout?id_token_hint={id_token}"
    assert found["whitelist_domains"] == ["id.example.com"]
    free = config(use_login(release, replace(LOGIN, groups=(), domains=(), logout=None, ended_by_token=None)))
    assert (free["allowed_groups"], free["email_domains"]) == ([], ["*"])
    assert not {"backend_logout_url", "whitelist_domains"} & set(free)


def test_the_client_s_secret_stands_in_a_secret_alone(release: list[Manifest]) -> None:
    found = use_login(release, replace(LOGIN, client_secret="very secret"))
    assert [o["kind"] for o in found if "very secret" in str(o)] == ["Secret"]


def test_the_issuer_s_certificate_counts_and_the_cookie_is_for_https(release: list[Manifest]) -> None:
    data = one(use_login(release, LOGIN), "ConfigMap", "oauth2-proxy-parameters")["data"]
    assert (data["ALLOW_SELF_SIGNED_ISSUER"], data["FORCE_HTTPS"]) == ("false", "true")
    plain = one(use_login(release, replace(LOGIN, url="http://localhost:8080")), "ConfigMap", "oauth2-proxy-parameters")
    assert plain["data"]["FORCE_HTTPS"] == "false"


def test_the_gateway_takes_the_client_s_tokens_and_no_others(release: list[Manifest]) -> None:
    found = use_login(release, LOGIN)
    (rule,) = one(found, "RequestAuthentication", "login")["spec"]["jwtRules"]
    assert (rule["issuer"], rule["audiences"]) == ("https://id.example.com", ["kubeflow"])
    policy = one(found, "AuthorizationPolicy", "login")["spec"]
    assert policy["action"] == "DENY"
    assert [when for one in policy["rules"] for when in one["when"]] == [
        {"key": "request.auth.claims[email]", "notValues": ["*"]},
        {"key": "request.auth.claims[groups]", "notValues": ["ml", "data"]},
        {"key": "request.auth.claims[email]", "notValues": ["*@example.com"]},
    ]
    assert {str(one["from"]) for one in policy["rules"]} == {
        "[{'source': {'requestPrincipals': ['https://id.example.com/*']}}]"
    }


def test_a_service_account_is_known_by_its_subject_and_for_pipelines_alone(release: list[Manifest]) -> None:
    found = accept_tokens(release, TokenIssuer(url="https://oidc.eks.example/id/1", keys=None))
    (rule,) = one(found, "RequestAuthentication", "service-accounts")["spec"]["jwtRules"]
    assert (rule["issuer"], rule["audiences"]) == ("https://oidc.eks.example/id/1", [AUDIENCE])
    assert "jwks" not in rule
    headers = {one["header"]: one["claim"] for one in rule["outputClaimToHeaders"]}
    assert headers == {"kubeflow-userid": "sub", "kubeflow-groups": "groups"}
    given = accept_tokens(release, TokenIssuer(url="https://kubernetes.default.svc", keys='{"keys":[]}'))
    assert one(given, "RequestAuthentication", "service-accounts")["spec"]["jwtRules"][0]["jwks"] == '{"keys":[]}'


def test_manifests_without_a_gateway_are_refused() -> None:
    with pytest.raises(UserError, match=r"^loginTokens cannot be as it is set: the manifests have no oauth2-proxy "):
        need_gateway([], "loginTokens")
