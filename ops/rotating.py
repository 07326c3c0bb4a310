"""New passwords and keys for a stack: made by the engine, told to the databases before anybody uses them.

A database keeps the password that its volume was made with, whatever its Secret says. So before an `up` changes that
Secret, the database itself is told: by its own client in its own pod, which knows the old one. Everybody else reads the
Secret when they start, and is renewed as it changes (`infra.kubeflow.readers`).
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.kubeflow.credentials import DATABASE_GENERATED, GENERATED
from ops import run
from ops.run import Session
from ops.unanswered import open_secret
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Resource = Mapping[str, Any]

_RANDOM = "random:index/randomPassword:RandomPassword"
_COMPONENT = "kubeflow:infra:Credentials$"

# The new password comes on standard input: arguments of an exec are in the API server's log. If it is in use already, a
# run was cut short after this; the account that is asked changes last. It has letters and digits only, so it stands in
# SQL as it is.
SCRIPT = """\
IFS= read -r new
if MYSQL_PWD=$new mysql --user=root --execute='SELECT 1' >/dev/null 2>&1; then echo changed; exit; fi
{
  printf "ALTER USER IF EXISTS 'root'@'%%' IDENTIFIED BY '%s';\\n" "$new"
  printf "ALTER USER 'root'@'localhost' IDENTIFIED BY '%s';\\n" "$new"
} | MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql --user=root && echo changed
"""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of the release: its Deployment's name and pods' labels, and where its password lies."""

    name: str
    labels: Mapping[str, str]
    secret: str
    key: str
    credential: str
    namespace: str = "kubeflow"


# As the rendered releases 1.10.2 and 26.03 have them.
DATABASES = (
    Database(name="mysql", labels={"app": "mysql"}, secret="mysql-secret", key="password", credential="mysql_password"),
    Database(
        name="katib-mysql",
        labels={"katib.kubeflow.org/component": "mysql"},
        secret="katib-mysql-secrets",
        key="MYSQL_ROOT_PASSWORD",
        credential="katib_mysql_password",
    ),
)


class Listing(Protocol):
    """All objects of a kind."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...


class Api(Listing, Protocol):
    """What this needs of a cluster. `execute` runs a shell's script in a container, and returns what it prints."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def execute(self, pod: Manifest, container: str, script: str, given: str) -> str: ...


def rotated(state: Iterable[Resource]) -> list[str]:
    """The URNs of the random values that a rotation makes again: all but the seed of the login's hash."""
    return [str(one["urn"]) for one in _generated(state).values()]


def renew(session: Session) -> None:
    """Has the engine make the stack's random values again, and nothing else; the next `up` sends them."""
    urns = rotated(session.resources)
    run.replace(session, urns)
    session.resources = (session.stack.export_stack().deployment or {}).get("resources") or ()


def tell(state: Iterable[Resource], api: Api, report: Callable[[str], object], *, run_pods: bool) -> None:
    """Tells each database the password that the next `up` puts into its Secret, where that is another.

    UserError where one does not take it: nothing reads the new one then, and the old one holds. `run_pods` is false
    where pods run nothing, as on the laptop.
    """
    made = _generated(state)
    if not made:
        return
    for database in DATABASES:
        wanted = _value(made, database.credential)
        secret = api.get("v1", "Secret", database.namespace, database.secret)
        deployment = api.get("apps/v1", "Deployment", database.namespace, database.name)
        if wanted is None or secret is None or deployment is None or _held(secret, database.key) == wanted:
            continue
        if not run_pods:
            report(f"Pods on this machine run nothing, so the database {database.name} is not told its new password.")
            continue
        container = str(deployment["spec"]["template"]["spec"]["containers"][0]["name"])
        pod = pod_of(database, api)
        if pod is None:
            raise UserError(
                f"No pod of the database {database.name} runs, and it has to be told its new password before that is "
                f"used: see why (Deployment {database.namespace}/{database.name}), and run the same command again. "
                "Nothing was changed."
            )
        answer = api.execute(pod, container, SCRIPT, wanted)
        if answer.strip().splitlines()[-1:] != ["changed"]:
            raise UserError(
                f"The database {database.name} does not take a new password ({answer.strip() or 'it says nothing'}), "
                "so nothing was changed: see its log, and run the same command again."
            )
        report(f"told the database {database.name} its new password")


def pod_of(database: Database, api: Listing) -> Manifest | None:
    """The pod that serves a database; None where none runs."""
    for pod in api.list("v1", "Pod"):
        about, status = pod["metadata"], pod.get("status") or {}
        ours = database.labels.items() <= (about.get("labels") or {}).items()
        if ours and about["namespace"] == database.namespace and status.get("phase") == "Running":
            return pod
    return None


def _generated(state: Iterable[Resource]) -> dict[str, Resource]:
    """The random values of the stack's own credentials, by the field of Credentials that they fill."""
    found = {}
    for one in state:
        urn = str(one.get("urn"))
        if one.get("type") == _RANDOM and _COMPONENT in urn:
            # One ends as another does: `mysql-password`, `katib-mysql-password`.
            known = (*GENERATED, *DATABASE_GENERATED)
            names = [spec.name for spec in known if urn.endswith(f"-{spec.name.replace('_', '-')}")]
            if names:
                found[max(names, key=len)] = one
    return found


def _value(generated: Mapping[str, Resource], credential: str) -> str | None:
    value = open_secret((generated.get(credential, {}).get("outputs") or {}).get("result"))
    return value if isinstance(value, str) else None


def _held(secret: Manifest, key: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode()
