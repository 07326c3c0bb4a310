"""What is saved before a release changes: custom objects and Secrets as a list for `kubectl create -f`, and dumps.

In the stack's bucket, or, where it has none, in a folder of this checkout. The list comes last: where it is, the backup
is whole.
"""

import errno
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.iam import BACKUPS
from ops.inventory import Inventory, bare, place_of
from ops.rotating import DATABASES, Database, pod_of
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Wanted = Literal["yes", "objects", "no"]
"""All, all but databases, or nothing."""

# As in `ops.rotating`, the container knows its own password. What is written meanwhile does not stop it.
DUMP = (
    "MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysqldump --user=root --all-databases --single-transaction --routines --events"
)
_WHOLE = "-- Dump completed"
"""How mysqldump ends what it has written to its end."""

_OBJECTS = ".objects.json.gz"


class Api(Protocol):
    """What this needs of a cluster. `output` yields what a shell's script in a container prints."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def output(self, pod: Manifest, container: str, script: str) -> Iterator[str]: ...


class Store(Protocol):
    """A place for backups; `put` takes a whole file or nothing."""

    @property
    def title(self) -> str: ...

    def names(self) -> list[str]: ...

    def put(self, name: str, file: Path) -> None: ...

    def read(self, name: str) -> bytes: ...


@dataclass(frozen=True)
class Folder:
    """A folder on this machine, which its owner alone can read."""

    path: Path

    @property
    def title(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        return sorted(one.name for one in self.path.glob("*.gz"))

    def put(self, name: str, file: Path) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.path / f"{name}.part"
        try:
            with _room(self.title):
                private = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
                with open(private, "wb") as copy, file.open("rb") as made:
                    shutil.copyfileobj(made, copy)
                part.replace(self.path / name)
        finally:
            part.unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


@dataclass(frozen=True)
class Bucket:
    """The stack's own bucket."""

    name: str
    region: str

    @property
    def title(self) -> str:
        return f"s3://{self.name}/{BACKUPS.rstrip('/')}"

    def names(self) -> list[str]:
        with _answering(self.title):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=BACKUPS)
            return sorted(one["Key"].removeprefix(BACKUPS) for page in pages for one in page.get("Contents") or ())

    def put(self, name: str, file: Path) -> None:
        with _answering(self.title):
            self._client.upload_file(str(file), self.name, BACKUPS + name)

    def read(self, name: str) -> bytes:
        with _answering(self.title):
            return bytes(self._client.get_object(Bucket=self.name, Key=BACKUPS + name)["Body"].read())

    @property
    def _client(self) -> Any:
        return boto3.client("s3", region_name=self.region)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What was saved where, under names that begin with `name`; `undumped` says why a database is not among it."""

    name: str
    where: str
    objects: int
    secrets: int
    dumps: tuple[str, ...]
    undumped: tuple[str, ...]

    def __str__(self) -> str:
        dumped = f", the databases {', '.join(self.dumps)}" if self.dumps else ""
        missing = f" Not in it: {'; '.join(self.undumped)}." if self.undumped else ""
        return f"Saved {self.objects} custom objects and {self.secrets} Secrets{dumped} in {self.where}.{missing}"


def title(stack: str, old: str, new: str, at: datetime | None) -> str:
    """What a backup's files begin with; without a time, what those of any time do."""
    return f"{stack}_{old}_to_{new}_{at.strftime('%Y%m%dT%H%M%SZ') if at else ''}"


def save(
    store: Store, name: str, found: Inventory, definitions: Sequence[Manifest], secrets: Sequence[Manifest], api: Api,
    *, databases: bool, run_pods: bool,
) -> Saved:  # fmt: skip
    """Saves all; UserError where the place has no room, or does not take it.

    `run_pods` is false where pods run nothing.
    """
    dumps: list[str] = []
    undumped: list[str] = []
    for database in DATABASES if databases else ():
        deployment = api.get("apps/v1", "Deployment", database.namespace, database.name)
        if deployment is None:
            continue
        if not run_pods:
            undumped.append(f"the database {database.name}, since pods on this machine run nothing")
            continue
        try:
            _put(store, f"{name}.{database.name}.sql.gz", _whole(_dumped(database, deployment, api)))
        except UserError as error:
            undumped.append(f"the database {database.name} ({error})")
        else:
            dumps.append(database.name)
    if not databases:
        undumped.append("databases, as BACKUP=objects says")
    _put(store, name + _OBJECTS, [json.dumps(listed(found, definitions, secrets))])
    return Saved(
        name=name,
        where=store.title,
        objects=len(found.objects),
        secrets=len(secrets),
        dumps=tuple(dumps),
        undumped=tuple(undumped),
    )


def listed(found: Inventory, definitions: Sequence[Manifest], secrets: Sequence[Manifest]) -> Manifest:
    """One list: definitions before their objects, and Profiles, which make namespaces, before what is in these."""
    objects = sorted(found.objects, key=lambda one: one["kind"] != "Profile")
    custom = [bare(one, "the stack" if place_of(one) in found.ours else "") for one in objects]
    return {"apiVersion": "v1", "kind": "List", "items": [*map(bare, definitions), *custom, *map(bare, secrets)]}


def newest(store: Store, begin: str) -> Inventory | None:
    """What the newest whole backup holds whose name begins so; None where there is none."""
    names = [one for one in store.names() if one.startswith(begin) and one.endswith(_OBJECTS)]
    if not names:
        return None
    items = json.loads(gzip.decompress(store.read(names[-1])))["items"]
    kinds = frozenset(
        (str(one["spec"]["group"]), str(one["spec"]["names"]["kind"]))
        for one in items
        if one["kind"] == "CustomResourceDefinition"
    )
    objects = [one for one in items if (place_of(one).group, one["kind"]) in kinds]
    return Inventory(objects=objects, kinds=kinds)


def _dumped(database: Database, deployment: Manifest, api: Api) -> Iterator[str]:
    container = str(deployment["spec"]["template"]["spec"]["containers"][0]["name"])
    pod = pod_of(database, api)
    if pod is None:
        raise UserError("no pod of it runs")
    yield from api.output(pod, container, DUMP)


def _whole(parts: Iterable[str]) -> Iterator[str]:
    """The parts of a dump; UserError at their end where that is not the end of one."""
    last = ""
    for part in parts:
        last = (last + part)[-200:]
        yield part
    if _WHOLE not in last:
        raise UserError("the dump broke off")


def _put(store: Store, name: str, parts: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="kubeflow-backup-") as folder:
        file = Path(folder) / name
        with _room(folder), gzip.open(file, "wt", encoding="utf-8") as text:
            for part in parts:
                text.write(part)
        store.put(name, file)


@contextmanager
def _room(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"There is no room for the backup in {where}; nothing was changed: make room, or go on without one "
            "(BACKUP=no)."
        ) from None


@contextmanager
def _answering(where: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, boto3.exceptions.S3UploadFailedError) as error:
        raise UserError(
            f"The backup cannot be written to or read from {where} ({error}); see that you may, or go on without one "
            "(BACKUP=no)."
        ) from None
