"""From what a person says on the command line to a Pipelines API that answers."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from ordering.errors import UserError
from pipelines.endpoint.connection import Connection
from pipelines.endpoint.forward import forward
from pipelines.endpoint.session import Retry, Session
from pipelines.stack import Stack, require_pods

# Where the dashboard is once a person follows the advice that goes with a link.
FORWARDED = "http://localhost:8080"
FORWARD_COMMAND = "kubectl port-forward svc/istio-ingressgateway -n istio-system 8080:80"
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

    The password is in `KUBEFLOW_PASSWORD`, or the stack's. Raises UserError when nothing says where to go.
    """
    password = os.environ.get("KUBEFLOW_PASSWORD") or (stack.password if stack else None)
    user = target.user or (stack.user if stack else None)
    with contextlib.ExitStack() as opened:
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
