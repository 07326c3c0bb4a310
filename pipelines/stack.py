"""What a stack gives the pipelines: its bucket, its image repository, its dashboard and who signs in there."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ordering.errors import UserError
from pipelines.endpoint.session import Retry

GATEWAY = "istio-system/istio-ingressgateway"
"""The Service that has the dashboard of a whole Kubeflow."""


def _outputs(stack: str) -> Mapping[str, Any]:
    from ops import stack as ops_stack  # the engine is slow to import, and only commands that name a stack need it

    return ops_stack.outputs(stack)


def _environment(stack: str) -> Mapping[str, str]:
    from ops import stack as ops_stack

    return ops_stack.environment(stack)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a command works with: where a stack's outputs and the environment of its AWS clients come from, how often a
    request to an endpoint is tried, and the seconds between two looks at a run."""

    outputs: Callable[[str], Mapping[str, Any]] = _outputs
    environment: Callable[[str], Mapping[str, str]] = _environment
    retry: Retry = field(default_factory=Retry)
    poll_seconds: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack as the pipelines see it; None is what it does not have. The password and the kubeconfig are secrets."""

    name: str
    environment: Mapping[str, str]
    bucket: str | None
    repository: str | None
    user: str | None
    password: str | None
    kubeconfig: str | None
    region: str | None
    service: str
    """NAMESPACE/NAME of the Service that has the dashboard."""
    address: str | None
    """Where people open the dashboard from outside of the cluster."""
    roles: Mapping[str, str]
    """The ARNs of the roles of service accounts, by NAMESPACE/ACCOUNT."""
    pod_access: str | None = None
    """How pods get at AWS (`podAccess`)."""
    tokens: bool = False
    """Whether its gateway takes tokens of service accounts."""
    pools: Mapping[str, Any] | None = None
    """The groups of nodes by name, as the program describes them (`infra.settings.groups.described`)."""


def read(name: str, context: Context) -> Stack:
    """The stack of a name, from its outputs `bucket`, `repository_url`, `pipelines_image`, `dashboard_user`,
    `dashboard_password`, `dashboard_service`, `address`, `kubeconfig`, `region`, `runner_role_arns`,
    `pod_access`, `token_issuer` and `node_pools`."""
    outputs = context.outputs(name)
    return Stack(
        name=name,
        environment=dict(context.environment(name)),
        bucket=outputs.get("bucket"),
        repository=outputs.get("pipelines_image") or outputs.get("repository_url"),
        user=outputs.get("dashboard_user"),
        password=outputs.get("dashboard_password"),
        kubeconfig=outputs.get("kubeconfig"),
        region=outputs.get("region"),
        service=outputs.get("dashboard_service") or GATEWAY,
        address=outputs.get("address"),
        roles=outputs.get("runner_role_arns") or {},
        pod_access=outputs.get("pod_access"),
        tokens=bool(outputs.get("token_issuer")),
        pools=outputs.get("node_pools"),
    )


@contextlib.contextmanager
def environment(stack: Stack) -> Iterator[None]:
    """The environment of the stack's AWS clients, for this process and those that it starts while the block lasts."""
    with _environ(stack.environment):
        yield


@contextlib.contextmanager
def environment_of_steps(stack: Stack) -> Iterator[None]:
    """The same for steps that run on this machine: the laptop's may do what pods of the profile may, and no more."""
    from ops.project import is_local
    from pipelines import role

    if not is_local(stack.name) or not stack.kubeconfig:
        with environment(stack):
            yield
        return
    if stack.pod_access not in (None, "irsa"):
        raise UserError(
            f"Steps that run here take a profile's role by its account's token alone, and podAccess of stack "
            f"{stack.name!r} is {stack.pod_access}; set it to irsa."
        )
    runner = role.runner_of(stack.roles)
    placed = {**stack.environment, "AWS_REGION": str(stack.region), "AWS_DEFAULT_REGION": str(stack.region)}
    with (
        role.taken(placed, kubeconfig=stack.kubeconfig, role=stack.roles[runner], runner=runner) as given,
        _environ(given, without=role.PERSONS),
    ):
        yield


@contextlib.contextmanager
def _environ(given: Mapping[str, str], without: Iterable[str] = ()) -> Iterator[None]:
    before = dict(os.environ)
    for name in without:
        os.environ.pop(name, None)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def require_pods(stack: Stack) -> None:
    """UserError for a stack whose nodes run nothing: the laptop's."""
    from ops.project import is_local

    if is_local(stack.name):
        raise UserError(f"The nodes of stack {stack.name!r} run no containers; add --local to run the steps here.")


def require_bucket(stack: Stack) -> str:
    """The stack's bucket; UserError when it has none."""
    if not stack.bucket:
        raise UserError(f"Stack {stack.name!r} has no output `bucket`; bring it up with `make up STACK={stack.name}`.")
    return stack.bucket
