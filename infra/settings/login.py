"""Who may sign in, and how: with the release's own password, at a company's identity provider, at Cognito."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from infra import versions
from infra.settings.model import DashboardSettings, KubeflowSettings, LoginSettings, Secret
from infra.settings.monitoring import EMAIL
from infra.settings.raw import RawSettings
from infra.settings.secret import check_encrypted, command

# What Kubeflow's own manifests ship for user@example.com: public knowledge.
WELL_KNOWN_USER, WELL_KNOWN_PASSWORD = "user@example.com", "12341234"

# bcrypt ignores, and newer libraries refuse, what comes after 72 bytes.
_PASSWORD_LENGTH, _PASSWORD_BYTES = 8, 72

Kind = Literal["release", "oidc", "cognito"]

COGNITO_GROUPS = "cognito:groups"

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
# Istio takes brackets and dots for the way into a claim's own fields.
_CLAIM = re.compile(r"[\w:/-]+", re.ASCII)
_NAME = re.compile(r"\S+")

# Cognito API reference, CreateUserPoolDomain and "Using the prefix domain".
_NOT_IN_A_PREFIX = ("aws", "amazon", "cognito")

_OF_OIDC = ("loginIssuer", "loginClientId", "loginClientSecret")
_LISTS = ("loginGroups", "loginDomains", "loginUsers")


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the rest of a stack says about its login."""

    project: str
    stack: str
    secret_keys: Collection[str]
    emulated: bool
    cloud: str


def read_login(
    raw: RawSettings,
    kubeflow: KubeflowSettings,
    project: str,
    stack: str,
    secret_keys: Collection[str],
    *,
    emulated: bool,
    cloud: str,
) -> tuple[LoginSettings, DashboardSettings]:
    """How people sign in, and the person whose profile comes first."""
    asked = _Asked(project=project, stack=stack, secret_keys=secret_keys, emulated=emulated, cloud=cloud)
    login = _login(raw, kubeflow, asked)
    return login, _dashboard(raw, kubeflow, login, asked)


def _login(raw: RawSettings, kubeflow: KubeflowSettings, asked: _Asked) -> LoginSettings:
    kind = cast("Kind", raw.text("login", get_args(Kind)))
    if not raw.sound("login"):
        kind = "release"
    given = {key: raw.text(key) for key in _OF_OIDC}
    claims = {"user": raw.text("loginUserClaim"), "groups": raw.text("loginGroupsClaim")}
    groups, domains, users = (raw.texts(key) for key in _LISTS)
    tokens = raw.boolean("loginTokens")
    if (kind != "release" or tokens) and not has_gateway(kubeflow):
        key, value = ("login", repr(kind)) if kind != "release" else ("loginTokens", "true")
        raw.problem(
            key, f"{value} needs Kubeflow's gateway, and {kubeflow.release} has none; choose another kubeflowRelease."
        )
    if kind == "cognito" and asked.cloud == "none":
        raw.problem("login", "'cognito' makes a user pool in AWS, and cloud is none; set login to oidc or release.")
    taken = [word for word in _NOT_IN_A_PREFIX if word in f"{asked.project}-{asked.stack}".lower()]
    if kind == "cognito" and taken:
        raw.problem(
            "login", f"'cognito' takes no {taken[0]!r} in its address, nor so in the name of the stack {asked.stack}."
        )
    if kind != "oidc":
        _refuse(raw, {key: value for key, value in given.items() if value}, f"only login oidc reads it, not {kind}")
    else:
        _check_oidc(raw, given, asked)
    if kind == "release":
        lists = dict(zip(_LISTS, (groups, domains, users), strict=True))
        _refuse(raw, {key: value for key, value in lists.items() if value}, "login is release, which asks none of it")
    elif kind == "oidc" and users:
        _refuse(raw, {"loginUsers": users}, "the issuer has its own users")
    for key, claim in (("loginUserClaim", claims["user"]), ("loginGroupsClaim", claims["groups"])):
        if raw.sound(key) and not _CLAIM.fullmatch(claim):
            raw.problem(key, f"{claim!r} is not a claim of a token at its top; write one like email.")
    _check_lists(raw, groups, domains, users)
    if kind == "cognito" and claims["user"] != "email":
        raw.problem(
            "loginUserClaim", f"{claims['user']!r} does not go with cognito, whose users have e-mail addresses."
        )
    return LoginSettings(
        kind=kind,
        issuer=given["loginIssuer"],
        client_id=given["loginClientId"],
        client_secret=Secret(given["loginClientSecret"]),
        user_claim=claims["user"],
        groups_claim=COGNITO_GROUPS if kind == "cognito" else claims["groups"],
        groups=groups,
        domains=domains,
        users=users,
        tokens=tokens,
    )


def has_gateway(kubeflow: KubeflowSettings) -> bool:
    """Whether what is installed has a gateway to sign in at: all but Pipelines alone, as far as settings tell."""
    return kubeflow.release not in versions.PIPELINES_ALONE or kubeflow.path is not None


def _refuse(raw: RawSettings, given: Collection[str], why: str) -> None:
    for key in given:
        raw.problem(key, f"is set, and {why}; remove it.")


def _check_oidc(raw: RawSettings, given: dict[str, str], asked: _Asked) -> None:
    issuer, secret = given["loginIssuer"], "loginClientSecret"
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    schemes = ("https", "http") if asked.emulated else ("https",)
    if not issuer:
        raw.problem("loginIssuer", "is not set; write the address of your identity provider, https://….")
    elif (
        parts.scheme not in schemes or not host or parts.query or parts.fragment or any(one.isspace() for one in issuer)
    ):
        raw.problem("loginIssuer", f"{issuer!r} is not an issuer; write its https address, without a query.")
    if not given["loginClientId"]:
        raw.problem("loginClientId", "is not set; register a client with the issuer, and write its id.")
    elif not _NAME.fullmatch(given["loginClientId"]):
        raw.problem("loginClientId", f"{given['loginClientId']!r} is not a client's id; remove the space in it.")
    if not given[secret]:
        if raw.sound(secret) and asked.emulated:
            raw.problem(secret, f"is not set; write the client's secret into Pulumi.{asked.stack}.yaml.")
        elif raw.sound(secret):
            raw.problem(secret, f"is not set; run {command(asked.stack, secret)} with the client's secret.")
    elif not asked.emulated:
        check_encrypted(raw, asked.project, asked.stack, secret, asked.secret_keys)


def _check_lists(raw: RawSettings, groups: tuple[str, ...], domains: tuple[str, ...], users: tuple[str, ...]) -> None:
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raw.problem("loginDomains", f"{domain!r} is not a domain; write one like example.com, in lower case.")
    for group in groups:
        if not group.strip() or "*" in group or "," in group:
            raw.problem("loginGroups", f"{group!r} is not a group's name; write it whole, without * or a comma.")
    for user in users:
        if not EMAIL.fullmatch(user):
            raw.problem("loginUsers", f"{user!r} is not an e-mail address; write one like ada@example.com.")
    for key, values in (("loginGroups", groups), ("loginDomains", domains), ("loginUsers", users)):
        for one in sorted({one for one in values if values.count(one) > 1}):
            raw.problem(key, f"names {one!r} twice; keep one.")


def _dashboard(raw: RawSettings, kubeflow: KubeflowSettings, login: LoginSettings, asked: _Asked) -> DashboardSettings:
    user = raw.text("dashboardUser")
    if raw.sound("dashboardUser", "loginUserClaim"):
        if login.kind != "release":
            _check_owner(raw, user, login)
        elif not EMAIL.fullmatch(user):
            raw.problem("dashboardUser", f"{user!r} is not an e-mail address; write one like user@example.com.")
    password = raw.text("dashboardPassword")
    if raw.sound("dashboardPassword") and login.kind == "release":
        if asked.emulated:
            password = password or WELL_KNOWN_PASSWORD
            if len(password.encode()) > _PASSWORD_BYTES:
                raw.problem("dashboardPassword", f"is longer than bcrypt's {_PASSWORD_BYTES} bytes; shorten it.")
        elif password or has_gateway(kubeflow):
            _check_password(raw, password, asked)
    return DashboardSettings(user=user, password=Secret(password if login.kind == "release" else ""))


def _check_owner(raw: RawSettings, user: str, login: LoginSettings) -> None:
    """The first profile is for somebody who can sign in."""
    mail = login.user_claim == "email"
    if user == WELL_KNOWN_USER:
        raw.problem(
            "dashboardUser",
            f"is {user}, whom {login.kind} does not know; write who owns the first profile, as loginUserClaim has it.",
        )
    elif not (EMAIL if mail else _NAME).fullmatch(user):
        what = "an e-mail address" if mail else f"what a token's {login.user_claim} may be"
        raw.problem("dashboardUser", f"{user!r} is not {what}; write who owns the first profile.")
    elif login.domains and raw.sound("loginDomains") and user.rpartition("@")[2] not in login.domains:
        raw.problem("dashboardUser", f"{user} is of no domain in loginDomains, and could not sign in; add its domain.")


def password_fault(password: str) -> str | None:
    """What is wrong with a password that a stack of one's own would have, as the end of a sentence; None if nothing."""
    if password == WELL_KNOWN_PASSWORD:
        return f"{WELL_KNOWN_PASSWORD} is public and allowed only in an emulated stack"
    if len(password) < _PASSWORD_LENGTH:
        return f"has fewer than {_PASSWORD_LENGTH} characters"
    if len(password.encode()) > _PASSWORD_BYTES:
        return f"is longer than bcrypt's {_PASSWORD_BYTES} bytes"
    return None


def _check_password(raw: RawSettings, password: str, asked: _Asked) -> None:
    typed = command(asked.stack, "dashboardPassword")
    if not password:
        raw.problem("dashboardPassword", f"is not set, and only an emulated stack has a default; run {typed}.")
    elif fault := password_fault(password):
        raw.problem("dashboardPassword", f"{fault}; run {typed}.")
    else:
        check_encrypted(raw, asked.project, asked.stack, "dashboardPassword", asked.secret_keys)
