"""Whom a pipeline's steps are to AWS where they run beside the laptop's cluster: a profile's runner, as its pods are.

On EKS the pod identity webhook gives a pod these variables and this file (Amazon EKS user guide, "Configure Pods to use
a Kubernetes service account"); AWS's SDKs do the rest.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.api import client_of
from ordering.errors import UserError

ACCOUNT = "default-editor"
AUDIENCE = "sts.amazonaws.com"
LIFETIME_S = 3600
PERSONS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""What says who a person is to AWS; its SDKs would take these before the role."""


def runner_of(roles: Mapping[str, str]) -> str:
    """The first profile's runner among roles by `NAMESPACE/ACCOUNT`; UserError when no profile has one."""
    found = next((name for name in roles if name.endswith(f"/{ACCOUNT}")), None)
    if found is None:
        raise UserError(f"No profile's service account {ACCOUNT} has a role: set `kubeflowProfileNamespaces`.")
    return found


@contextmanager
def taken(environment: Mapping[str, str], *, kubeconfig: str, role: str, runner: str) -> Iterator[dict[str, str]]:
    """The environment in which AWS clients take `role` as the service account `runner`, for the length of the block."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "token"
        file.touch(mode=0o600)
        file.write_text(token(kubeconfig, runner, AUDIENCE, LIFETIME_S), encoding="utf-8")
        kept = {name: value for name, value in environment.items() if name not in PERSONS}
        yield kept | {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_SESSION_NAME": ACCOUNT}


def token(kubeconfig: str, runner: str, audience: str, lifetime_s: int) -> str:
    """A token that the cluster's API server signs for a service account, NAMESPACE/ACCOUNT; UserError if it does not.

    It is for one audience alone, and for so many seconds at most: EKS gives none for more than a day.
    """
    from kubernetes import client  # type: ignore[import-untyped]  # half a second
    from urllib3.exceptions import HTTPError

    namespace, _, account = runner.partition("/")
    wanted = client.AuthenticationV1TokenRequest(
        spec=client.V1TokenRequestSpec(audiences=[audience], expiration_seconds=lifetime_s)
    )
    try:
        api = client.CoreV1Api(client_of(kubeconfig))
        made = api.create_namespaced_service_account_token(account, namespace, wanted)
    except client.ApiException as error:
        raise UserError(f"The cluster gives no token for the service account {runner}: {error.reason}.") from None
    except (HTTPError, OSError) as error:
        raise UserError(f"The cluster does not answer ({error}): start it with `make up`.") from None
    return str(made.status.token)
