"""What manifests/login leaves open: the issuer, the client at it, and who may enter.

oauth2-proxy asks the issuer directly. Of what it lets in, Istio sees the ID token and nothing else, and a request that
brings a token never comes to oauth2-proxy (26.03, AuthorizationPolicy `istio-ingressgateway-oauth2-proxy`). So the
gateway holds the token to the same bounds. Options are those of oauth2-proxy v7.7 (1.10.2) to v7.15.

A claim of groups may be a list or one text; that is one group by its whole name to both (oauth2-proxy,
`pkg/providers/util/claim_extractor.go`; Istio, `pilot/pkg/security/authz/matcher/metadata.go`).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.kubeflow.address import CALLBACK
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "login")

LOGOUT = "/oauth2/sign_out"

_GATEWAY = {"app": "istio-ingressgateway"}
_PROXY = "oauth2-proxy"
_CONFIG = "oauth2_proxy.cfg"

# Paths that answer 401 in place of a page to sign in at, as the release has them: what a page asks for by itself.
_BACKGROUND = ("/api/", "/apis/", "^/ml_metadata")

# A token that has grown old is renewed, or its owner asked to sign in again; Istio would refuse it. Issuers give tokens
# for 5 minutes (Keycloak) to an hour, and whoever loses a group is out as soon.
_RENEW = "4m"


@dataclass(frozen=True, kw_only=True)
class Login:
    """An identity provider, and who of its people may enter.

    `issuer`, `client_id`, `client_secret` and `logout` may be text or what stands for text that is not known yet, such
    as a `pulumi.Output`. `logout` is the host at which the issuer ends a browser's session, and `ended_by_token` where
    it ends one for whoever shows its ID token, if it does. `url` is where people find the platform. No `groups` and no
    `domains` are no bound.
    """

    issuer: Any
    client_id: Any
    client_secret: Any
    scopes: Sequence[str]
    user_claim: str
    groups_claim: str
    groups: Sequence[str]
    domains: Sequence[str]
    logout: Any
    ended_by_token: str | None
    url: str


def use_login(objects: Iterable[Manifest], login: Login, *, join: Callable[..., Any] = str.format) -> list[Manifest]:
    """The objects with the login filled in; the given ones are left as they are.

    `join` puts values into a text as `str.format` does.
    """
    return [_filled(one, login, join) for one in objects]


def need_gateway(objects: Iterable[Manifest], setting: str) -> None:
    """UserError for manifests without oauth2-proxy in front of a gateway of Istio's."""
    if not any(_CONFIG in (one.get("data") or {}) for one in objects if one["kind"] == "ConfigMap"):
        raise UserError(
            f"{setting} cannot be as it is set: the manifests have no oauth2-proxy in front of a gateway; "
            "install a whole release, or remove the setting."
        )


def accepted(issuer: Any, audiences: Sequence[Any], *, user: str, groups: str) -> dict[str, Any]:
    """Istio's rule for the tokens of an issuer, and the headers that Kubeflow reads.

    Both headers are always named, for Istio then removes what a caller wrote into them.
    """
    return {
        "issuer": issuer,
        "audiences": list(audiences),
        "forwardOriginalToken": True,
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
        "outputClaimToHeaders": [
            {"claim": user, "header": "kubeflow-userid"},
            {"claim": groups, "header": "kubeflow-groups"},
        ],
    }


def _filled(manifest: Manifest, login: Login, join: Callable[..., Any]) -> Manifest:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if manifest["metadata"].get("namespace") == _PROXY:
        data = manifest.get("data") or {}
        if kind == "ConfigMap" and _CONFIG in data:
            return {**manifest, "data": {**data, _CONFIG: _config(login, join)}}
        if kind == "ConfigMap" and "FORCE_HTTPS" in data:
            return {**manifest, "data": {**data, **_parameters(login)}}
        if kind == "Secret" and re.fullmatch(r"oauth2-proxy(-[a-z0-9]{10})?", name):
            kept = {key: value for key, value in data.items() if not key.startswith("client-")}
            client = {"client-id": login.client_id, "client-secret": login.client_secret}
            return {**manifest, "data": kept, "stringData": {**(manifest.get("stringData") or {}), **client}}
    if (kind, name) == ("RequestAuthentication", "login"):
        rule = accepted(login.issuer, [login.client_id], user=login.user_claim, groups=login.groups_claim)
        return {**manifest, "spec": {**manifest["spec"], "jwtRules": [rule]}}
    if (kind, name) == ("AuthorizationPolicy", "login"):
        return {**manifest, "spec": {**manifest["spec"], "rules": _refused(login, join)}}
    return manifest


def _parameters(login: Login) -> Mapping[str, str]:
    """The cookie is for https where the address is, the issuer's certificate counts, and no token comes this way."""
    secure = str(login.url.startswith("https:")).lower()
    return {"FORCE_HTTPS": secure, "ALLOW_SELF_SIGNED_ISSUER": "false", "ENABLE_M2M_TOKENS": "false"}


def _refused(login: Login, join: Callable[..., Any]) -> list[dict[str, Any]]:
    """Rules for tokens of the issuer: no name, none of the groups, none of the domains."""
    bounds = [(login.user_claim, ["*"])]
    if login.groups:
        bounds.append((login.groups_claim, list(login.groups)))
    if login.domains:
        bounds.append((login.user_claim, [f"*@{domain}" for domain in login.domains]))
    of_issuer = [{"source": {"requestPrincipals": [join("{issuer}/*", issuer=login.issuer)]}}]
    return [
        {"from": of_issuer, "when": [{"key": f"request.auth.claims[{claim}]", "notValues": values}]}
        for claim, values in bounds
    ]


def _config(login: Login, join: Callable[..., Any]) -> Any:
    """oauth2-proxy's configuration, in TOML, whose texts and lists JSON's are."""
    settings: dict[str, Any] = {
        "provider": "oidc",
        "provider_display_name": "single sign-on",
        "scope": " ".join(login.scopes),
        "oidc_email_claim": login.user_claim,
        "oidc_groups_claim": login.groups_claim,
        "email_domains": list(login.domains) or ["*"],
        "allowed_groups": list(login.groups),
        "code_challenge_method": "S256",
        "insecure_oidc_skip_nonce": False,
        "approval_prompt": "auto",
        "redirect_url": f"{login.url}{CALLBACK}",
        "upstreams": ["static://200"],
        "api_routes": list(_BACKGROUND),
        "skip_provider_button": False,
        "custom_sign_in_logo": "/custom-theme/kubeflow-logo.svg",
        "banner": "-",
        "footer": "-",
        "set_authorization_header": True,
        "set_xauthrequest": True,
        "cookie_name": "oauth2_proxy_kubeflow",
        "cookie_expire": "24h",
        "cookie_refresh": _RENEW,
    }
    fixed = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    if login.ended_by_token:
        fixed += f'backend_logout_url = "{login.ended_by_token}?id_token_hint={{id_token}}"\n'
    text = fixed.replace("{", "{{").replace("}", "}}") + 'oidc_issuer_url = "{issuer}"\n'
    if login.logout:
        text += 'whitelist_domains = ["{logout}"]\n'
    return join(text, issuer=login.issuer, logout=login.logout)
