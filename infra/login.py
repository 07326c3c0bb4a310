"""From settings to a login that manifests can be filled with."""

from urllib.parse import urlencode

import pulumi

from infra.aws.cluster import ClusterAccess
from infra.aws.user_pool import UserPool
from infra.issuer import ClusterIssuer, Issuer
from infra.kubeflow.address import external_url
from infra.kubeflow.dashboard import PORT
from infra.kubeflow.login import LOGOUT, Login
from infra.kubeflow.tokens import TokenIssuer
from infra.settings import Settings

_POOL_SCOPES = ("openid", "email", "profile")


def login_url(settings: Settings) -> str:
    """Where people's browsers find the platform, without a slash at the end: its address, or a forwarded port."""
    return external_url(settings) or f"http://localhost:{PORT}"


def login_of(settings: Settings, issuer: Issuer | None, pool: UserPool | None) -> Login | None:
    """Where people sign in: at the company's issuer, or in the stack's user pool; None for the release's own login."""
    chosen = settings.login
    if pool is not None:
        return _login(settings, pool.issuer, pool.client_id, pool.client_secret, _POOL_SCOPES, pool.host, None)
    if issuer is None:
        return None
    secret = chosen.client_secret.output()
    return _login(settings, issuer.url, chosen.client_id, secret, issuer.scopes, issuer.logout_host, issuer.end_session)


def _login(
    settings: Settings,
    issuer: pulumi.Input[str],
    client_id: pulumi.Input[str],
    client_secret: pulumi.Input[str],
    scopes: tuple[str, ...],
    logout: pulumi.Input[str] | None,
    ended_by_token: str | None,
) -> Login:
    chosen = settings.login
    return Login(
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        scopes=scopes,
        user_claim=chosen.user_claim,
        groups_claim=chosen.groups_claim,
        groups=chosen.groups,
        domains=chosen.domains,
        logout=logout,
        ended_by_token=ended_by_token,
        url=login_url(settings),
    )


def logout_url(settings: Settings, issuer: Issuer | None, pool: UserPool | None) -> pulumi.Input[str] | None:
    """Where a browser ends its session with the platform and then with the issuer; None for the release's own login.

    OpenID Connect RP-Initiated Logout 1.0; Cognito has parameters of its own (user guide, "The managed login log out
    endpoint").
    """
    url = login_url(settings)
    if pool is not None:
        return pulumi.Output.all(pool.host, pool.client_id).apply(
            lambda known: _leaving(url, f"https://{known[0]}/logout", client_id=known[1], logout_uri=f"{url}/")
        )
    if issuer is None:
        return None
    if issuer.end_session is None:
        return f"{url}{LOGOUT}"
    client = settings.login.client_id
    return _leaving(url, issuer.end_session, client_id=client, post_logout_redirect_uri=f"{url}/")


def _leaving(url: str, end: str, **parameters: str) -> str:
    return f"{url}{LOGOUT}?{urlencode({'rd': f'{end}?{urlencode(parameters)}'})}"


def token_issuer(settings: Settings, given: ClusterIssuer | None, access: ClusterAccess) -> TokenIssuer | None:
    """Whose tokens programs may bring, if any: EKS serves its keys to anybody, another cluster's are given along."""
    if not settings.login.tokens:
        return None
    if given is not None:
        return TokenIssuer(url=given.url, keys=given.keys)
    if access.issuer is None:
        return None
    return TokenIssuer(url=pulumi.Output.concat("https://", access.issuer), keys=None)
