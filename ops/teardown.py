"""A destroy: first the engine's lock, then a look at what is protected, then the drain, then the engine's deletes."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

from infra import preflight
from infra.aws import standing
from infra.errors import UserError
from infra.settings import SettingsError
from ops import run
from ops.cluster import access_of, connected
from ops.drain import drain, scope_of
from ops.project import full_key, is_local, project_name
from ops.run import Session
from ops.settings import read_config, stack_settings

Resource = dict[str, Any]

_NAMED = 5
"""Protected resources that an error names."""


def configured(stack: str, key: str) -> str:
    """One of the stack's settings as text; empty for one that has neither value nor default."""
    return read_config(stack)[0].get(full_key(project_name(), key), "")


def check_settings(stack: str) -> None:
    """UserError for a stack whose settings protect it."""
    if configured(stack, "protect") == "true":
        raise UserError(
            f"The stack {stack} is protected: nothing was destroyed; set `protect: false` in Pulumi.{stack}.yaml and "
            f"run `make up STACK={stack}` first, if you really want to destroy it."
        )


def check_state(stack: str, state: Iterable[Mapping[str, Any]]) -> None:
    """UserError that names what the stack's state protects, whatever its settings say by now.

    The engine refuses these as well, but only once the cluster has been drained.
    """
    names = [str(one["urn"]).rsplit("::", 1)[-1] for one in state if one.get("protect")]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise UserError(
            f"The state of {stack} protects {', '.join(names[:_NAMED])}{more}: nothing was destroyed; run "
            f"`make up STACK={stack}` with `protect: false` in Pulumi.{stack}.yaml first, if you really want to "
            "destroy it."
        )


def check_access(stack: str, state: Iterable[Mapping[str, Any]]) -> None:
    """UserError where the stack's own cluster is there and does not let the caller delete what is in it."""
    inside = any(str(one.get("type", "")).startswith("kubernetes:") for one in state)
    if is_local(stack) or not inside or configured(stack, "clusterMode") != "create":
        return
    try:
        settings = stack_settings(stack).settings
    except SettingsError:  # which are no reason to keep a stack
        return
    caller = preflight.check_aws(settings.region)
    living = standing.look(settings, caller)
    found = standing.standing(living, caller, settings.cluster.access)
    if found not in ("creator", "administrator"):
        raise UserError(f"Nothing was destroyed. {standing.sentence(found, living, caller, settings)}")


def destroy(session: Session, console: Console) -> list[Resource]:
    """Takes a stack down; returns what its state had. UserError, and nothing is touched, where that is refused.

    The engine holds the stack from before the first look at the state until the end, so no other run can come between.
    """
    state: list[Resource] = []

    def first() -> None:
        state.extend(_resources(session))
        check_state(session.stack.name, state)
        check_access(session.stack.name, state)
        drain_cluster(session, console, state)

    # In an empty state the engine would make the stack itself, only to run this.
    run.destroy(session, first if _resources(session) else None)
    return state


def _resources(session: Session) -> list[Resource]:
    return (session.stack.export_stack().deployment or {}).get("resources") or []


def drain_cluster(session: Session, console: Console, state: list[Resource]) -> None:
    """Empty the stack's cluster of what holds something in AWS; a cluster that is not there has nothing to drain."""
    stack = session.stack.name
    if not any(str(one.get("type", "")).startswith("kubernetes:") for one in state):
        return
    access = access_of(state)
    if access is None:
        return
    try:
        with session.timed("drain"), connected(access) as api:
            drain(
                api,
                scope_of(state, whole=configured(stack, "clusterMode") == "create"),
                report=lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
            )
    except OSError as error:
        console.print(
            f"The cluster does not answer ({error}), so what it created in AWS may outlive it: "
            f"`make leftovers STACK={stack}` lists it.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
