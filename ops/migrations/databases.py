"""Between the release's own MySQL and a managed one: what Pipelines and Katib have in it is copied, not lost.

The engine makes what is new before it deletes what is old, so there is a moment at which both databases are there:
right before the first of their clients is sent to the other one. The copy runs then, in the pod of the release's MySQL,
which reaches both; the data passes no machine but that. Where it fails no client is sent, and everybody goes on with
the old one. The claim says where its data is (`HELD`), so that a run that was cut short does not copy old rows over new
ones.
"""

import base64
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from ops.existing import Place, place
from ops.migrations.between import Api, Between, Report
from ops.rotating import DATABASES, Database, pod_of
from ordering.errors import UserError
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest

Way = Literal["managed", "claim"]
"""Where the data goes."""

HELD = "kubeflow-on-pulumi/data-in"
"""The annotation of a database's claim that says where its data is by now: a `Way`."""
PATIENCE_S = 300.0
"""Seconds that a database's pod may take to run."""
POLL_S = 2.0
SCRIPT = Path(__file__).with_name("databases.sh")

_NAMESPACE = "kubeflow"
_USERS = Place("batch", "Job", _NAMESPACE, "database-users")
_ADMINISTRATOR = "database-admin"
_PORT = "3306"
_CLIENTS = ("cache-server", "katib-db-manager", "metadata-grpc-deployment", "ml-pipeline")


@dataclass(frozen=True, kw_only=True)
class Store:
    """A database of the release, its claim, and what is in it, by the user who has it in the managed one."""

    database: Database
    claim: str
    databases: Mapping[str, str]

    @property
    def place(self) -> Place:
        """Where its Deployment is."""
        return Place("apps", "Deployment", self.database.namespace, self.database.name)


# manifests/rds/users.sh makes the users.
STORES = (
    Store(
        database=DATABASES[0],
        claim="mysql-pv-claim",
        databases={"pipelines": "mlpipeline", "cache": "cachedb", "metadata": "metadb"},
    ),
    Store(database=DATABASES[1], claim="katib-mysql", databases={"katib": "katib"}),
)


def moves(between: Between) -> list[tuple[Store, Way]]:
    """The databases whose data goes elsewhere in a run, and where to."""
    to_managed = [(one, "managed") for one in STORES if _USERS in between.after and between.goes(one.place)]
    back = [(one, "claim") for one in STORES if between.goes(_USERS) and one.place in between.after]
    return [*to_managed, *back]  # type: ignore[list-item]


def look(between: Between, api: Api) -> list[str]:
    """A sentence for each database whose data is to be copied."""
    return [_planned(store, way) for store, way in moves(between) if _left(store, way, between, api)]


def check(between: Between, api: Api) -> None:
    """UserError where data is to be copied out of a database that does not run."""
    for store, way in moves(between) if between.runs_pods else ():
        if way == "managed" and _left(store, way, between, api) and pod_of(store.database, api) is None:
            raise UserError(
                f"No pod of the database {store.database.name} runs, and what is in it is to be copied to the managed "
                f"one: see why (Deployment {store.place.namespace}/{store.place.name}), and run the same command "
                "again. Nothing was changed."
            )


def before(between: Between, api: Api, report: Report) -> None:
    """Notes that the data is in the claim yet, where a run begins to copy it: a run that gives up again must not copy
    what is not there."""
    for store, way in moves(between):
        if _begins(way, between) and _held(store, api) is not None:
            _note(store, "claim", api)


def ahead(
    between: Between, connect: Callable[[], AbstractContextManager[Api]], report: Report
) -> Mapping[ObjectId, Callable[[], None]]:
    """By each client of the databases what has to be done before it is sent: once, whichever comes first."""
    wanted = moves(between)
    came_of_it: list[UserError | None] = []
    turn = Lock()

    def move() -> None:
        with turn:
            if not came_of_it and between.runs_pods:
                came_of_it.append(_moved(wanted, connect, report))
            elif not came_of_it:
                names = " and ".join(store.database.name for store, _ in wanted)
                report(f"Pods on this machine run nothing, so of the data of {names} nothing is copied.")
                came_of_it.append(None)
            if came_of_it[0] is not None:
                raise came_of_it[0]

    clients = {Place("apps", "Deployment", _NAMESPACE, name) for name in _CLIENTS}
    ids = (node.id for node in between.graph.nodes if node.gate is None and not node.made_by)
    return {id_: move for id_ in ids if place(id_) in clients} if wanted else {}


def _planned(store: Store, way: Way) -> str:
    names, claim = " and ".join(store.databases.values()), f"{_NAMESPACE}/{store.claim}"
    if way == "claim":
        return f"What is in {names} is copied from the managed database into the claim {claim} before anybody uses it."
    return (
        f"What is in {names} is copied to the managed database before anybody uses that; who writes to the old one is "
        f"refused meanwhile. With KEEP=PersistentVolumeClaim/{claim} the old volume stays besides."
    )


def _begins(way: Way, between: Between) -> bool:
    """Whether no earlier run has begun to go to the managed database: its users come before the copy."""
    return way == "managed" and _USERS not in between.before


def _left(store: Store, way: Way, between: Between, api: Api) -> bool:
    """Whether there is data that a run has to copy."""
    held = _held(store, api)
    if held is None:
        return way == "claim"
    return _begins(way, between) or held != way


def _held(store: Store, api: Api) -> str | None:
    """Where the claim says that its data is, empty where it says nothing; None without a claim."""
    claim = api.get("v1", "PersistentVolumeClaim", _NAMESPACE, store.claim)
    return None if claim is None else str((claim["metadata"].get("annotations") or {}).get(HELD, ""))


def _note(store: Store, way: Way, api: Api) -> None:
    claim: Manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    claim["metadata"] = {"name": store.claim, "namespace": _NAMESPACE}
    api.patch(claim, {"metadata": {"annotations": {HELD: way}}})


def _moved(
    wanted: Iterable[tuple[Store, Way]], connect: Callable[[], AbstractContextManager[Api]], report: Report
) -> UserError | None:
    """Copies all that is to be copied; returns why not all of it was."""
    try:
        with connect() as api:
            for store, way in wanted:
                _move(store, way, api, report)
    except UserError as error:
        return error
    return None


def _move(store: Store, way: Way, api: Api, report: Report) -> None:
    held = _held(store, api)
    if held == way or (held is None and way == "managed"):
        return
    name = store.database.name
    pod, deployment = _running(store, api), api.get("apps/v1", "Deployment", _NAMESPACE, name)
    secret = api.get("v1", "Secret", _NAMESPACE, _ADMINISTRATOR)
    if pod is None or deployment is None or secret is None:
        raise UserError(f"No pod of the database {name} runs, so nothing of it can be copied.")
    known = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    users, databases = ",".join(store.databases), ",".join(store.databases.values())
    given = [way, known["host"], _PORT, known["username"], known["password"], users, databases]
    where = "the managed database" if way == "managed" else f"the claim {_NAMESPACE}/{store.claim}"
    report(f"copying what is in {databases.replace(',', ', ')} to {where}")
    container = str(deployment["spec"]["template"]["spec"]["containers"][0]["name"])
    try:
        said = b"".join(api.output(pod, container, SCRIPT.read_text(encoding="utf-8"), " ".join(given)))
    except UserError as error:
        raise UserError(
            f"What is in {databases.replace(',', ', ')} was not all copied to {where} ({str(error).rstrip('.')}). The "
            "old database goes on; once that is put right, the same command goes on there."
        ) from None
    _note(store, way, api)
    tables = [line.split() for line in said.decode().splitlines() if line]
    report(f"copied {sum(int(one[1]) for one in tables)} rows in {len(tables)} tables to {where}")


def _running(store: Store, api: Api) -> Manifest | None:
    """The database's pod, which may have to come yet."""
    end = time.monotonic() + PATIENCE_S
    while (pod := pod_of(store.database, api)) is None and time.monotonic() < end:
        time.sleep(POLL_S)
    return pod
