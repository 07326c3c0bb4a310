"""From what a person says on the command line to a Pipelines API that answers."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from infra.kubeflow.tokens import AUDIENCE
from ordering.errors import UserError
from pipelines import role
from pipelines.endpoint.connection import Connection
from pipelines.endpoint.forward import forward
from pipelines.endpoint.session import Retry, Session
from pipelines.stack import Stack, environment, require_pods

# Where the dashboard is once a person follows the advice that goes with a link.
FORWARDED = "http://localhost:8080"
FORWARD_COMMAND = "kubectl port-forward svc/istio-ingressgateway -n istio-system 8080:80"
LIFETIME_S = 86400
"""Of a token that a command asks for: a run may be followed for a day."""
ALONE_COMMAND = "kubectl port-forward svc/ml-pipeline-ui -n kubeflow 8080:80"


@dataclass(frozen=True, kw_only=True)
class Target:
    """An endpoint as a person names it; None is what they leave to the stack, or to the endpoint itself."""

    url: str | None
    user: str | None
    namespace: str | None
    token: str | None = None


@contextlib.contextmanager
def open_api(target: Target, stack: Stack | None, retry: Retry) -> Iterator[Connection]:
    """The API of the endpoint, or of the stack, signed in as the person or as the stack's user.

    A stack is reached at its address, where its login leads to, and else through its cluster.

    The password is in `KUBEFLOW_PASSWORD`, or the stack's. Where nobody names a person and the stack's gateway takes
    tokens, the cluster is asked for one of the profile's service account. Raises UserError when nothing says where to
    go.
    """
    password = os.environ.get("KUBEFLOW_PASSWORD") or (stack.password if stack else None)
    user = target.user or (stack.user if stack else None)
    with contextlib.ExitStack() as opened:
        if stack is not None and _as_program(target, stack):
            target = _with_token(target, stack)
        url, shown_at = target.url, None
        if url is None and stack is not None:
            require_pods(stack)
            url = stack.address
        if url is None and stack is not None:
            if not stack.kubeconfig:
                raise UserError(f"Stack {stack.name!r} has no output `kubeconfig` to reach its dashboard with.")
            url, shown_at = opened.enter_context(forward(stack.kubeconfig, stack.service)), FORWARDED
        if url is None:
            raise UserError("Nothing says where Kubeflow is; add --stack NAME or --endpoint URL.")
        session = opened.enter_context(Session(url, user=user, password=password, retry=retry, token=target.token))
        yield Connection(session, target.namespace, shown_at)


def _as_program(target: Target, stack: Stack) -> bool:
    named = target.token or target.user or os.environ.get("KUBEFLOW_PASSWORD")
    return bool(stack.tokens and stack.kubeconfig and not named)


def _with_token(target: Target, stack: Stack) -> Target:
    """The target with a token of a profile's service account, which its pods have, too, and in that profile."""
    namespace = target.namespace or role.runner_of(stack.roles).partition("/")[0]
    with environment(stack):  # in which a kubeconfig of EKS asks AWS
        token = role.token(str(stack.kubeconfig), f"{namespace}/{role.ACCOUNT}", AUDIENCE, LIFETIME_S)
    return replace(target, token=token, namespace=namespace)
