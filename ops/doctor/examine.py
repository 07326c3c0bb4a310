"""Every check of a stack, one after the other."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from infra import extensions, preflight
from infra.declared import full_key
from infra.issuer import discover
from infra.kubeflow import succession
from infra.settings import Settings, SettingsError
from ops import kind, policies
from ops.doctor.account import check_account
from ops.doctor.finding import Finding, attempt, broken, ok, warning
from ops.doctor.offers import check_offers
from ops.doctor.plugins import check_plugins
from ops.doctor.release import check_release
from ops.doctor.stack import check_passwords, check_stack
from ops.doctor.state import check_state
from ops.doctor.tools import check_tools, is_here
from ops.project import PROJECT_ROOT, is_local, project_name
from ops.settings import read_config, stack_settings
from ops.stack import outputs
from ordering.errors import UserError
from tools import proxy


def examine(stack: str, changes: Mapping[str, str] | None = None) -> list[Finding]:
    """Every finding about a stack, with `changes` on top of its settings; UserError for a stack that does not exist.

    Settings that the program would refuse are findings, and what does not depend on them is looked at all the same.
    """
    config, _ = read_config(stack)
    local = is_local(stack)
    without_cloud = config.get(full_key(project_name(), "cloud")) == "none"
    sealed = config.get(full_key(project_name(), "imagesFrom")) == "ecr"
    findings = list(check_tools(local=local, aws=not without_cloud, sealed=sealed and not local))
    today = datetime.now(UTC).date()
    try:
        found = stack_settings(stack, changes, today=today)
    except SettingsError as error:
        findings += [broken("settings", problem, f"fix it in Pulumi.{stack}.yaml") for problem in error.problems]
        found = None
    findings += attempt("state", lambda: check_state(stack))
    if way := proxy.told(os.environ):
        findings.append(ok("proxy", way))
    findings += attempt("policy", check_policy)
    findings += attempt("extensions", check_extensions)
    if local:
        findings.append(ok("AWS", "not checked: this stack runs on stand-ins on this machine"))
    elif without_cloud:
        findings += [ok("AWS", "not asked: cloud is none"), check_plugins("kubernetes", "random")]
    else:
        creates = found.settings.cluster.mode == "create" if found else True
        findings.append(check_plugins("aws", "kubernetes", "random", *(("eks",) if creates else ())))
        asked = check_account(config.get("aws:region", ""), config, found.settings if found else None)
        findings += asked
        if asked[0].state != "broken" and found is not None and found.settings.cluster.mode == "create":
            findings += check_offers(found.settings)
    if found is not None:
        if found.settings.emulated and not local:
            findings += attempt("emulator", check_emulator)
        if kind.is_kind(stack):
            findings += attempt("kind", check_kind)
        if kind.is_kind(stack) and findings[-1].advice:
            # There is nothing to look at yet.
            findings += check_passwords(found)
            return findings
        findings += check_stack(found, today)
        findings += attempt("login", lambda: check_login(found.settings))
        findings += check_release(found.settings, PROJECT_ROOT, _ran(stack))
    return findings


def _ran(stack: str) -> Any:
    """The release of the stack's last run; None where it has none, or its state is a finding already."""
    if not is_here("pulumi"):
        return None
    try:
        return outputs(stack).get(succession.OUTPUT)
    except UserError:
        return None


def check_kind() -> Iterator[Finding]:
    """Whether kind and Docker answer, and whether the cluster is there."""
    if kind.is_gone():
        yield ok("kind", f"no cluster {kind.CLUSTER} yet", "the first `up` makes it")
    else:
        yield ok("kind", f"the cluster {kind.CLUSTER} is there")


def check_policy() -> Iterator[Finding]:
    """Whether the policy rules can be loaded; nothing is deployed without them."""
    yield ok("policy", f"{len(policies.load().rules)} rules")


def check_extensions() -> Iterator[Finding]:
    """Whether a team's own file, where there is one, can be used."""
    extensions.load(PROJECT_ROOT)
    if (PROJECT_ROOT / extensions.FILE).is_file():
        yield ok("extensions", f"{extensions.FILE} can be loaded")


def check_login(settings: Settings) -> Iterator[Finding]:
    """Whether the company's issuer answers, is who it is taken for, and knows the claims that are read."""
    login = settings.login
    if login.kind == "oidc":
        found = discover(login.issuer)
        yield ok("login", f"{found.url} answers and is its own issuer")
        read = [login.user_claim, *([login.groups_claim] if login.groups else [])]
        for claim in read if found.claims is not None else []:
            if claim not in (found.claims or ()):
                yield warning(
                    "login",
                    f"{found.url} does not list {claim} among its claims",
                    f"whose ID token lacks {claim} does not get in: look at one, or write another claim",
                )
        if found.end_session is None:
            yield warning("login", f"{found.url} ends no sessions", "a log-out ends that of the platform alone")


def check_emulator() -> Iterator[Finding]:
    """Whether an emulated stack would meet an emulator."""
    preflight.check_emulator(os.environ)
    yield ok("emulator", os.environ["AWS_ENDPOINT_URL"])
