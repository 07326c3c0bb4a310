"""An upgrade on this machine before the real one: the live cluster's own kinds and counts, under other names.

`python -m ops.rehearsal` brings up the old release on a control plane of its own, makes the objects that it reads on
its standard input there, brings up the new one, and writes what became of them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from ops import health, losing, run, upgrading
from ops.bring_up import bring_up
from ops.cluster import ClusterApi
from ops.existing import objects
from ops.inventory import Inventory, bare, look, place_of
from ops.preview import Preview
from ops.project import LOCAL_STACK, PROJECT_ROOT
from ops.reaching import reached
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

LONGEST_S = 3600
"""Seconds after which a rehearsal hangs."""
SETTLE_S = 60.0
"""Seconds for Profiles' namespaces, and for webhooks that refuse until their caches are filled."""

TAKEN = (
    "kubeflowComponents",
    "kubeflowBuild",
    "kubeflowParts",
    "kubeflowAlso",
    "kubeflowEdges",
    "kubeflowProfileNamespaces",
    "dashboardUser",
)
"""The settings of a stack that a rehearsal goes by; its AWS, its nodes and its login are the laptop's."""

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a rehearsal found: objects that it made, those that it could not make, what was refused, what was wrong."""

    made: int
    unmade: Sequence[str] = ()
    refused: Sequence[str] = ()
    wrong: Sequence[str] = ()
    went: Sequence[str] = ()
    requests: int = 0

    def __str__(self) -> str:
        told = (
            f"Rehearsed with {self.made} objects on this machine: {self.requests} requests, {len(self.refused)} refused"
        )
        if self.went:
            told += f"; gone with their definitions: {', '.join(self.went)}"
        if self.unmade:
            told += f"; {len(self.unmade)} objects could not be made there ({self.unmade[0]})"
        return f"{told}."

    @property
    def faults(self) -> list[str]:
        """What speaks against the real run."""
        return [*self.refused, *self.wrong]


@dataclass
class Renamed:
    """Other names for what people named, the same for the same of a kind."""

    kept: frozenset[str]
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def name(self, name: str, kind: str) -> str:
        """The name for one, `kind-1`; what is the platform's own keeps its name."""
        if name in self.kept:
            return name
        number = 1 + sum(1 for known, _ in self._names if known == kind)
        return self._names.setdefault((kind, name), f"{kind.lower()}-{number}")

    def text(self, text: str) -> str:
        """A text that is a Profile's name, or has addresses in it, with others."""
        if profile := self._names.get(("Profile", text)):
            return profile
        return _EMAIL.sub(lambda found: f"{self.name(found[0], 'user')}@example.com", text)


def disguised(found: Inventory, platform: frozenset[str]) -> list[Manifest]:
    """People's objects under other names, Profiles first.

    `platform` are namespaces of the stack's own, which stay. In fields a Profile's name that stands alone is replaced,
    and so are e-mail addresses; other text, images and arguments stay.
    """
    names = Renamed(kept=platform)
    people = sorted(found.people, key=lambda one: one["kind"] != "Profile")
    return [_disguised(bare(one), names) for one in people]


def _disguised(manifest: Manifest, names: Renamed) -> Manifest:
    metadata = {
        "name": names.name(manifest["metadata"]["name"], manifest["kind"]),
        **({"labels": _told(labels, names)} if (labels := manifest["metadata"].get("labels")) else {}),
    }
    if namespace := manifest["metadata"].get("namespace"):
        metadata["namespace"] = names.name(namespace, "Profile")
    content = {
        key: _told(value, names)
        for key, value in manifest.items()
        if key not in ("apiVersion", "kind", "metadata", "status")
    }
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata, **content}


def _told(value: Any, names: Renamed) -> Any:
    if isinstance(value, dict):
        return {key: _told(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_told(one, names) for one in value]
    return names.text(value) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a rehearsal plays: two releases, a stack's settings, and what is in its cluster.

    `claims` are the namespaces and names of the volumes that are there, `keep` the names of losses that are to stay.
    """

    old: str
    new: str
    config: Mapping[str, Any]
    objects: Sequence[Manifest]
    claims: Sequence[Sequence[str]]
    keep: Sequence[str]


def rehearse(part: Part, say: Callable[[str], None]) -> Rehearsed:
    """Plays the way from one release to another on a laptop of its own, which is gone afterwards.

    UserError where it could not be played.
    """
    given = json.dumps(asdict(part))
    with tempfile.TemporaryDirectory(prefix="kf-rehearsal-") as folder:
        # The plane listens by files whose paths may have a hundred characters.
        env = {**os.environ, "KUBEFLOW_LOCAL_ROOT": folder}
        # What leads the real run is not this one's.
        for name in (*(one for one in env if one.startswith("AWS_")), "KUBECONFIG", "PULUMI_DEBUG_PROVIDERS"):
            env.pop(name, None)
        try:
            with _saying(say, Path(folder) / "said") as said:
                done = subprocess.run(
                    [sys.executable, "-m", "ops.rehearsal"],
                    cwd=PROJECT_ROOT, env=env, input=given, stdout=subprocess.PIPE, stderr=said, text=True,
                    timeout=LONGEST_S, check=False,
                )  # fmt: skip
            told = (Path(folder) / "said").read_text(encoding="utf-8").strip()
        except subprocess.TimeoutExpired:
            raise UserError(_unplayed(f"it has not ended within {LONGEST_S} s")) from None
        finally:
            subprocess.run(
                [sys.executable, "-m", "ops", "down"], cwd=PROJECT_ROOT, env=env, capture_output=True, check=False
            )
    if done.returncode:
        raise UserError(_unplayed(told.rpartition("\n")[2] or f"it ended with {done.returncode}"))
    return Rehearsed(**json.loads(done.stdout.splitlines()[-1]))


def _unplayed(why: str) -> str:
    told = why.rstrip(".")
    return f"The rehearsal on this machine failed: {told}. Nothing was changed; REHEARSE=no goes on without one."


@contextmanager
def _saying(say: Callable[[str], None], file: Path) -> Iterator[Any]:
    say("Rehearsing on this machine, on a control plane of its own, which takes some minutes.")
    with file.open("w") as said:
        yield said


def play(part: Part, console: Console) -> Rehearsed:
    """Brings up the old release, the objects, and the new release; says what became of them."""
    with _session(part, part.old, console) as session:
        bring_up(session, show=lambda _: None, agree=lambda _: None)
        with _there(session) as (state, api):
            made, unmade = _make(part.objects, api)
            forget(state, part.claims, api)
            before = look(state, api)
    with _session(part, part.new, console) as session:
        accepted = Accepted(frozenset(part.keep))
        bring_up(
            session,
            show=accepted.answer,
            agree=lambda _: None,
            lose=accepted.lose,
            keep=accepted.keep,
            look_first=True,
        )
        asked = session.ground.asked()
        assert asked is not None, "the local stack has a log of requests"
        with _there(session) as (state, api):

            def examined() -> health.Health:
                after = look(state, api)
                return health.examine(api, after.ours, before, after, ())

            found = health.wait(examined, SETTLE_S)
    return Rehearsed(
        made=made,
        unmade=unmade,
        refused=[str(one) for one in (*asked.refused, *asked.refused_calls)],
        wrong=found.wrong,
        went=sorted({f"{count} {kind}" for kind, count in Counter(one.kind for one in found.went).items()}),
        requests=asked.writes,
    )


@dataclass
class Accepted:
    """What a run would lose: as in the real one it stays where `wanted` names it, and all else may go.

    The lists are filled by what the preview shows, since a laptop holds other data than the stack.
    """

    wanted: frozenset[str]
    lose: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)

    def answer(self, planned: Preview) -> None:
        """Sorts the losses of a preview."""
        for one in losing.lost(planned.changes):
            (self.keep if one.name in self.wanted else self.lose).append(one.name)


def _session(part: Part, release: str, console: Console) -> AbstractContextManager[run.Session]:
    changes = {**part.config, upgrading.RELEASE: release, upgrading.BEFORE: part.old}
    return run.session(LOCAL_STACK, console=console, pods="instant", missing="make", changes=changes)


@contextmanager
def _there(session: run.Session) -> Iterator[tuple[Sequence[Mapping[str, Any]], ClusterApi]]:
    """The state as it is now, and the cluster."""
    with reached(session) as api:
        assert api is not None, "the local stack has a cluster"
        yield (session.stack.export_stack().deployment or {}).get("resources") or (), api


def forget(state: Sequence[Mapping[str, Any]], claims: Iterable[Sequence[str]], api: ClusterApi) -> None:
    """Deletes the release's claims that the live cluster has not: somebody has saved and deleted what is in them."""
    known = {tuple(one) for one in claims}
    for at, sent in objects(state):
        if at.kind == "PersistentVolumeClaim" and (at.namespace, at.name) not in known:
            api.delete(sent)
            # Pods may use it, and hold it.
            api.drop_finalizers(sent)


def _make(people: Sequence[Manifest], api: ClusterApi) -> tuple[int, list[str]]:
    """Makes objects; returns how many there are, and why others could not be made."""
    namespaces = {one["metadata"]["namespace"] for one in people if one["metadata"].get("namespace")}
    made = {one["metadata"]["name"] for one in people if one["kind"] == "Profile"}
    for name in sorted(namespaces - made - {one["metadata"]["name"] for one in api.metadata("v1", "Namespace")}):
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    unmade: dict[str, str] = {}
    left = list(people)
    end = time.monotonic() + SETTLE_S
    while left and time.monotonic() < end:
        refused = []
        for one in left:
            try:
                api.create(one)
            except UserError as error:
                # A controller may have made it already, under its owner.
                with suppress(UserError):
                    if api.get(one["apiVersion"], one["kind"], place_of(one).namespace, one["metadata"]["name"]):
                        continue
                unmade[title(one)] = f"{title(one)}: {error}"
                refused.append(one)
        if len(refused) == len(left):
            time.sleep(2)
        left = refused
    return len(people) - len(left), [unmade[title(one)] for one in left]


if __name__ == "__main__":
    try:
        result = play(Part(**json.load(sys.stdin)), Console(stderr=True))
    except UserError as error:
        sys.exit(str(error))
    json.dump(asdict(result), sys.stdout)
    sys.stdout.write("\n")
