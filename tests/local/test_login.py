"""The login as a stack renders it, in the real oauth2-proxy, with the emulator's Cognito as the company's provider.

The gateway itself is not here: what Istio makes of its rules is held to its documentation alone (docs/fidelity.md).
"""

import html
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

import tools
from infra.kubeflow.login import COMPONENT, Login, use_login
from infra.settings.login import COGNITO_GROUPS
from ordering.manifests.render import render

ROOT = Path(__file__).parents[2]
RELEASE = ROOT.parent / "shared" / "kubeflow" / "26.03"
PASSWORD = "Passw0rd!long"
PEOPLE = {"ada@example.com": ["ml"], "bob@example.com": [], "eve@other.com": ["ml"]}
ONE_TEXT, TEXTS = "custom:team", {"ada@example.com": "ml", "bob@example.com": "ml,data"}
"""A claim that is no list, as of a provider that joins groups to one text, or knows of one alone."""
START_S = 120


@dataclass(frozen=True)
class Platform:
    """Where oauth2-proxy answers, where the provider does, and the client at it."""

    url: str
    provider: str
    client: str


def free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


@dataclass(frozen=True)
class Provider:
    """Where it is, what it says of itself, a client, and where that brings people back to, by the claim of groups."""

    url: str
    about: dict[str, Any]
    client: str
    secret: str
    platforms: dict[str, str]


@contextmanager
def started(command: list[str], env: dict[str, str], answers: str) -> Iterator[None]:
    """A program, for the length of the block, which begins when it answers."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        wait(answers, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    port = free()
    emulated = {
        "SERVICES": "cognito-idp",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_PORT": "0",
    }
    env = {"PATH": os.defpath, "HOME": str(tmp_path_factory.mktemp("provider")), **emulated}
    url = f"http://127.0.0.1:{port}"
    with started([sys.executable, "-m", "ministack"], env, f"{url}/_ministack/health"):
        yield registered(url, {claim: f"http://127.0.0.1:{free()}" for claim in (COGNITO_GROUPS, ONE_TEXT)})


@contextmanager
def proxied(provider: Provider, claim: str, folder: Path) -> Iterator[Platform]:
    """oauth2-proxy as a stack has it, which reads groups from a claim."""
    url = provider.platforms[claim]
    login = login_at(provider, claim)
    (folder / "proxy.cfg").write_text(configuration(login, provider.about))
    secrets = {"CLIENT_ID": login.client_id, "CLIENT_SECRET": login.client_secret, "COOKIE_SECRET": "c" * 32}
    given = {f"OAUTH2_PROXY_{key}": value for key, value in {**secrets, "COOKIE_SECURE": "false"}.items()}
    program = tools.ensure("oauth2-proxy")["oauth2-proxy"]
    address = f"--http-address={url.removeprefix('http://')}"
    with started([str(program), address, f"--config={folder}/proxy.cfg"], given, f"{url}/ping"):
        yield Platform(url, provider.url, provider.client)


@pytest.fixture(scope="module")
def platform(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with proxied(provider, COGNITO_GROUPS, tmp_path_factory.mktemp("login")) as running:
        yield running


@pytest.fixture
def of_one_text(provider: Provider, tmp_path: Path) -> Iterator[Platform]:
    with proxied(provider, ONE_TEXT, tmp_path) as running:
        yield running


def registered(url: str, platforms: dict[str, str]) -> Provider:
    """A pool with a client and people."""
    api = boto3.client(
        "cognito-idp",
        endpoint_url=url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    team: Any = {"Name": ONE_TEXT.partition(":")[2], "AttributeDataType": "String", "Mutable": True}
    made = api.create_user_pool(PoolName="people", UsernameAttributes=["email"], Schema=[team])
    pool = made["UserPool"]["Id"]
    client = api.create_user_pool_client(
        UserPoolId=pool,
        ClientName="platform",
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "profile"],
        SupportedIdentityProviders=["COGNITO"],
        CallbackURLs=[f"{one}/oauth2/callback" for one in platforms.values()],
        LogoutURLs=[f"{one}/" for one in platforms.values()],
    )["UserPoolClient"]
    api.create_group(UserPoolId=pool, GroupName="ml")
    for mail, groups in PEOPLE.items():
        about = {"email": mail, "email_verified": "true"} | ({ONE_TEXT: TEXTS[mail]} if mail in TEXTS else {})
        attributes: Any = [{"Name": name, "Value": value} for name, value in about.items()]
        api.admin_create_user(UserPoolId=pool, Username=mail, UserAttributes=attributes, MessageAction="SUPPRESS")
        api.admin_set_user_password(UserPoolId=pool, Username=mail, Password=PASSWORD, Permanent=True)
        for group in groups:
            api.admin_add_user_to_group(UserPoolId=pool, Username=mail, GroupName=group)
    about = httpx.get(f"{url}/{pool}/.well-known/openid-configuration").json()
    return Provider(url, about, client["ClientId"], client["ClientSecret"], platforms)


def login_at(provider: Provider, claim: str) -> Login:
    """A login there, for whoever is of the group `ml`."""
    return Login(
        issuer=provider.about["issuer"],
        client_id=provider.client,
        client_secret=provider.secret,
        scopes=("openid", "email", "profile"),
        user_claim="email",
        groups_claim=claim,
        groups=("ml",),
        domains=("example.com",),
        logout=provider.url.removeprefix("http://"),
        ended_by_token=None,
        url=provider.platforms[claim],
    )


def configuration(login: Login, found: dict[str, Any]) -> str:
    """What the release's ConfigMap holds, but for the logo, and for the addresses of an issuer that is not in AWS."""
    objects = use_login(render(RELEASE, components=[ROOT / COMPONENT]), login)
    (text,) = [one["data"]["oauth2_proxy.cfg"] for one in objects if "oauth2_proxy.cfg" in (one.get("data") or {})]
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("custom_sign_in_logo"))
    here = {
        "login_url": found["authorization_endpoint"],
        "redeem_url": found["token_endpoint"],
        "oidc_jwks_url": found["jwks_uri"],
    }
    return f"{text}skip_oidc_discovery = true\n" + "".join(f'{key} = "{value}"\n' for key, value in here.items())


def signed_in(platform: Platform, mail: str) -> tuple[httpx.Client, httpx.Response]:
    """A browser that has filled in the provider's form, and what it saw last."""
    browser = httpx.Client(base_url=platform.url, follow_redirects=True, timeout=30)
    form = browser.get("/oauth2/start", params={"rd": "/"})
    hidden = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form.text)
    filled = {**{name: html.unescape(value) for name, value in hidden}, "username": mail, "password": PASSWORD}
    return browser, browser.post(form.url.join("/login"), data=filled)


def test_nobody_gets_in_without_signing_in_and_no_page_starts_a_login_by_itself(platform: Platform) -> None:
    assert httpx.get(f"{platform.url}/", headers={"accept": "text/html"}).status_code == 403
    assert httpx.get(f"{platform.url}/pipeline/apis/v2beta1/healthz").status_code == 401


def test_whoever_is_of_the_group_and_the_domain_gets_in_and_a_log_out_ends_it(platform: Platform) -> None:
    browser, seen = signed_in(platform, "ada@example.com")
    with closing(browser):
        assert (seen.status_code, seen.url.path) == (200, "/")
        # What the gateway is given, and shows to the platform.
        assert browser.get("/").headers["authorization"].startswith("Bearer ")
        end = f"{platform.provider}/logout?client_id={platform.client}&logout_uri={platform.url}/"
        left = browser.get("/oauth2/sign_out", params={"rd": end}, follow_redirects=False)
        assert left.headers["location"] == end
        assert browser.get("/").status_code == 403


def test_a_log_out_leads_to_the_provider_and_nowhere_else(platform: Platform) -> None:
    left = httpx.get(f"{platform.url}/oauth2/sign_out", params={"rd": "https://elsewhere.example/"})
    assert left.headers["location"] == "/"


@pytest.mark.parametrize("mail", ["bob@example.com", "eve@other.com"])
def test_whoever_lacks_the_group_or_the_domain_is_refused(platform: Platform, mail: str) -> None:
    browser, seen = signed_in(platform, mail)
    with closing(browser):
        assert (seen.status_code, seen.url.path) == (403, "/oauth2/callback")
        assert browser.get("/").status_code == 403
        assert "authorization" not in browser.get("/").headers


def test_a_claim_that_is_one_text_is_one_group_and_no_list_of_them(of_one_text: Platform) -> None:
    browser, seen = signed_in(of_one_text, "ada@example.com")
    with closing(browser):
        assert (seen.status_code, seen.url.path) == (200, "/")
        assert browser.get("/oauth2/userinfo").json()["groups"] == ["ml"]
    browser, seen = signed_in(of_one_text, "bob@example.com")
    with closing(browser):
        assert (seen.status_code, seen.url.path) == (403, "/oauth2/callback")
        assert "You do not have permission to access this resource." in seen.text
        assert browser.get("/").status_code == 403
