"""What is saved before a release changes: custom objects and Secrets as a list for `kubectl create -f`, and dumps.

In the stack's bucket, or, where it has none, in a folder of this checkout. The list comes last: where it is, the backup
is whole. Snapshots of volumes stay in the cluster, where it can take any.
"""

import errno
import gzip
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.iam import BACKUPS
from infra.kubeflow.oneway import STORES
from infra.scratch import scratch
from ops import snapshots
from ops.existing import objects
from ops.inventory import Inventory, bare, place_of
from ops.rotating import DATABASES, Database, pod_of
from ops.snapshots import Snapshots
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Wanted = Literal["yes", "objects", "no"]
"""All, all but databases, or nothing."""

# As in `ops.rotating`, the container knows its own password. What is written meanwhile does not stop it. Images of
# MariaDB have the program under its own name alone, since 11.
DUMP = (
    'dump=$(command -v mysqldump || command -v mariadb-dump) && MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec "$dump" '
    "--user=root --all-databases --single-transaction --routines --events --hex-blob"
)
_WHOLE = b"-- Dump completed"
"""How mysqldump ends what it has written to its end."""

_OBJECTS = ".objects.json.gz"
_OVER = ".over.json.gz"
"""Beside a backup: it is not what a run of its way that goes on found there. It sorts right behind the list."""

_CLAIMS = {store.deployment: f"{store.namespace}/{store.claim}" for store in STORES}
"""The claims that databases keep their data in."""


class NoRoomError(UserError):
    """A place is full."""


class Api(snapshots.Api, Protocol):
    """What this needs of a cluster. `output` yields what a shell's script in a container prints."""

    def output(self, pod: Manifest, container: str, script: str) -> Iterator[bytes]: ...


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
    """What was saved where, under names that begin with `name`.

    `undumped` says why a database is not among it, neither as a dump nor in a snapshot of its volume.
    """

    name: str
    where: str
    objects: int
    secrets: int
    dumps: tuple[str, ...]
    undumped: tuple[str, ...]
    volumes: Snapshots

    def __str__(self) -> str:
        dumped = f", the databases {', '.join(self.dumps)}" if self.dumps else ""
        missing = f" Not in it: {'; '.join(self.undumped)}." if self.undumped else ""
        return (
            f"Saved {self.objects} custom objects and {self.secrets} Secrets{dumped} in {self.where}.{missing}"
            f"{self.volumes}"
        )


def title(stack: str, old: str, new: str, at: datetime | None) -> str:
    """What a backup's files begin with; without a time, what those of any time do."""
    return f"{stack}_{old}_to_{new}_{at.strftime('%Y%m%dT%H%M%SZ') if at else ''}"


def save(
    store: Store,
    name: str,
    state: Sequence[Mapping[str, Any]],
    found: Inventory,
    secrets: Sequence[Manifest],
    api: Api,
    *,
    databases: bool,
    run_pods: bool,
) -> Saved:
    """Saves all; UserError where the place has no room, or does not take it.

    `run_pods` is false where pods run nothing.
    """
    dumps: list[str] = []
    why: dict[str, str] = {}
    for database in DATABASES if databases else ():
        deployment = api.get("apps/v1", "Deployment", database.namespace, database.name)
        if deployment is None:
            continue
        try:
            if not run_pods:
                raise UserError("pods on this machine run nothing")
            _put(store, f"{name}.{database.name}.sql.gz", whole(_dumped(database, deployment, api)))
        except NoRoomError:
            raise
        except UserError as error:
            why[database.name] = str(error).rstrip(".")
        else:
            dumps.append(database.name)
    volumes = snapshots.take(state, api, name) if databases else Snapshots()
    undumped = [f"the database {one} ({why[one]})" for one in why if _CLAIMS.get(one) not in volumes.taken]
    if not databases:
        undumped.append("databases, as BACKUP=objects says")
    definitions = [one for at, one in objects(state) if at.kind == "CustomResourceDefinition"]
    _put(store, name + _OBJECTS, [json.dumps(listed(found, definitions, secrets)).encode()])
    return Saved(
        name=name,
        where=store.title,
        objects=len(found.objects),
        secrets=len(secrets),
        dumps=tuple(dumps),
        undumped=tuple(undumped),
        volumes=volumes,
    )


def listed(found: Inventory, definitions: Sequence[Manifest], secrets: Sequence[Manifest]) -> Manifest:
    """One list: definitions before their objects, and Profiles, which make namespaces, before what is in these."""
    objects = sorted(found.objects, key=lambda one: one["kind"] != "Profile")
    custom = [bare(one, "the stack" if place_of(one) in found.ours else "") for one in objects]
    return {"apiVersion": "v1", "kind": "List", "items": [*map(bare, definitions), *custom, *map(bare, secrets)]}


def newest(store: Store, begin: str) -> Inventory | None:
    """What the newest whole backup holds whose name begins so; None where there is none, or that is over."""
    name = _open(store, begin)
    if name is None:
        return None
    items = json.loads(gzip.decompress(store.read(name + _OBJECTS)))["items"]
    kinds = frozenset(
        (str(one["spec"]["group"]), str(one["spec"]["names"]["kind"]))
        for one in items
        if one["kind"] == "CustomResourceDefinition"
    )
    objects = [one for one in items if (place_of(one).group, one["kind"]) in kinds]
    return Inventory(objects=objects, kinds=kinds)


def close(store: Store, begin: str) -> None:
    """Notes of the newest whole backup whose name begins so that it is over."""
    if (name := _open(store, begin)) is not None:
        _put(store, name + _OVER, [b"{}"])


def _open(store: Store, begin: str) -> str | None:
    """The name of the newest whole backup, unless it is over; those before it are, whatever they say."""
    names = [one for one in store.names() if one.startswith(begin) and one.endswith((_OBJECTS, _OVER))]
    return names[-1].removesuffix(_OBJECTS) if names and names[-1].endswith(_OBJECTS) else None


def _dumped(database: Database, deployment: Manifest, api: Api) -> Iterator[bytes]:
    container = str(deployment["spec"]["template"]["spec"]["containers"][0]["name"])
    pod = pod_of(database, api)
    if pod is None:
        raise UserError("no pod of it runs")
    yield from api.output(pod, container, DUMP)


def whole(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts of a dump; UserError at their end where that is not the end of one."""
    last = b""
    for part in parts:
        last = (last + part)[-200:]
        yield part
    if _WHOLE not in last:
        raise UserError("the dump broke off")


def _put(store: Store, name: str, parts: Iterable[bytes]) -> None:
    with scratch() as folder:
        file = folder / name
        with _room(str(folder)), gzip.open(file, "wb") as packed:
            for part in parts:
                packed.write(part)
        store.put(name, file)


@contextmanager
def _room(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoRoomError(
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
