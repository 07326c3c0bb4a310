"""What the issuers of tokens say of themselves (OpenID Connect Discovery 1.0): a company's, and a cluster's own."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.api import client_of, read
from ordering.errors import UserError

_TIMEOUT_SECONDS = 5
_DOCUMENT = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_SCOPES = ("openid", "email", "profile", "groups")


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An identity provider: its address, the scopes to ask it for, and where it ends a session, if it says so.

    `claims` are those that it lists, which need not be all of its own, and None where it lists none. What a claim
    holds, a list or one text, only a token tells.
    """

    url: str
    scopes: tuple[str, ...]
    end_session: str | None
    claims: tuple[str, ...] | None = None

    @property
    def logout_host(self) -> str | None:
        """The host and port at which it ends a session."""
        return urlsplit(self.end_session).netloc if self.end_session else None


@dataclass(frozen=True, kw_only=True)
class ClusterIssuer:
    """Who issues a cluster's tokens, and its keys as JSON."""

    url: str
    keys: str


def discover(url: str) -> Issuer:
    """What a login's issuer says; UserError where it does not answer, is another one, or lacks what a login needs."""
    document = _document(url)
    if document.get("issuer") != url:
        raise UserError(
            f"loginIssuer {url} says that its issuer is {document.get('issuer')!r}, and tokens name that one; set "
            "loginIssuer to what it says, to the letter."
        )
    if missing := [key for key in _NEEDED if not isinstance(document.get(key), str)]:
        raise UserError(
            f"loginIssuer {url} names no {missing[0]}, without which nobody signs in there; check the address."
        )
    offered = document.get("scopes_supported")
    known = offered if isinstance(offered, list) else _SCOPES[:3]
    end = document.get("end_session_endpoint")
    claims = document.get("claims_supported")
    return Issuer(
        url=url,
        scopes=tuple(scope for scope in _SCOPES if scope == "openid" or scope in known),
        end_session=end if isinstance(end, str) and re.fullmatch(r"https?://[^\s\"\\?#]+", end) else None,
        claims=tuple(map(str, claims)) if isinstance(claims, list) else None,
    )


def of_cluster(kubeconfig: str, context: str | None) -> ClusterIssuer:
    """Who issues the tokens of a kubeconfig's cluster; UserError where it does not tell."""
    from kubernetes import client, config  # type: ignore[import-untyped]
    from urllib3.exceptions import HTTPError

    try:
        api = client_of(kubeconfig, context)
        url = str(json.loads(read(api, _DOCUMENT, _TIMEOUT_SECONDS))["issuer"])
        return ClusterIssuer(url=url, keys=read(api, "/openid/v1/jwks", _TIMEOUT_SECONDS).decode())
    except (config.ConfigException, client.ApiException, HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        reason = str(getattr(error, "reason", "") or error).strip().partition("\n")[0]
        raise UserError(
            f"loginTokens is true, and the cluster does not say who issues its tokens ({reason}); use a kubeconfig "
            "that may read its OpenID configuration, or set loginTokens to false."
        ) from None


def _document(url: str) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{url.rstrip('/')}{_DOCUMENT}", timeout=_TIMEOUT_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"loginIssuer {url} does not answer ({reason}); check the address and the network.") from None
    try:
        document = answer.json() if answer.is_success else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UserError(
            f"loginIssuer {url} has no OpenID configuration ({answer.status_code} at {answer.url}); check the address."
        )
    return document
