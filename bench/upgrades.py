"""`python -m bench.upgrades`: upgrades from 1.10.2 to 26.03 and rollbacks with people's objects, also killed ones.

A journey goes there and back on a control plane of its own; where kubectl installed the old release, it adopts that
before. The one without a cloud, whose databases nothing can dump here, ends with a destroy. Each way is kept in
bench/results/upgrades.json when it is through; the next call goes on with the journeys that are not whole. The table in
docs/upgrading.md is made of all that is kept.
"""

import random
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.destroys import finishing
from bench.journeys import INSTALLERS, KUBECTL, NO_CLOUD, VICTIMS, Kill, brought_up, ended, peopled, rendered
from bench.people import Manifest
from bench.resumed import Results, page, resumed
from ops.cluster import Access, answering, api_of, connected
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from tests.local.cluster import Cluster, until
from tests.local.stack import Checkout, changes, checked_out, now, objects, unavailable
from tests.local.test_release import LEFT_BY_ISTIO
from tests.local.without_cloud import person

PAGE = PROJECT_ROOT / "docs" / "upgrading.md"
SEED = 15
JOURNEYS = (("make up", 0), ("make up", 5), *((installed, 0) for installed in INSTALLERS[1:]))
"""What brought the old release up, and the kills of each way."""
LOOK_S = 20.0
"""Seconds after which the first kill of a way comes, at most: it looks, and saves, for about as long."""
SHARE = 0.9
"""The share of the engine's steps that the other kills let begin, all together."""
OLD, NEW = "1.10.2", "26.03"

GATEWAY = ("security.istio.io/v1", "AuthorizationPolicy", "istio-system", "cluster-local-gateway")
POLL_S = 0.3

WAYS = {
    "adopt": ("--yes",),
    "upgrade": (
        f"--to={NEW}",
        "--keep=CustomResourceDefinition/pytorchjobs.kubeflow.org,PersistentVolumeClaim/kubeflow/minio-pvc",
        "--yes",
    ),
    "rollback": ("--keep=PersistentVolumeClaim/kubeflow/seaweedfs-pvc", "--yes"),
}


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One way. `missing` counts polls that did not find the gateway's policy, `lost` objects that went or were made
    again: people's, and on the way of `adopt` the release's.

    `steps` are those of the engine in the last run.
    """

    command: str
    installed: str
    wanted: int
    kills: int
    steps: int
    seconds: float
    objects: int
    lost: int
    requests: int
    refused: int
    polls: int
    missing: int
    unchanged: bool
    unavailable: int
    said: str

    @property
    def right(self) -> bool:
        """Whether each kill came, nothing was lost, refused or missing, and the preview afterwards is empty."""
        wrong = self.lost or self.refused or self.missing or self.unavailable
        return self.kills == self.wanted and self.unchanged and not wrong


@contextmanager
def polled(cluster: Cluster) -> Iterator[list[bool]]:
    """Whether the gateway's policy was there, at every moment of the block; what does not answer tells nothing."""
    seen: list[bool] = []
    ended = threading.Event()

    def poll() -> None:
        api = None
        while not ended.wait(POLL_S):
            with suppress(OSError, UserError), answering():
                api = api or api_of(Access(cluster.plane.kubeconfig.read_text(), None))
                seen.append(api.get(*GATEWAY) is not None)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join(timeout=60)


def travel(checkout: Checkout, command: str, installed: str, kept: Sequence[Manifest], wanted: Sequence[Kill]) -> Trip:
    """Goes one way, killed as wanted, until the command ends by itself; `kept` is there afterwards as before."""
    since, before = now(), made(checkout.cluster(), kept)
    with polled(checkout.cluster()) as seen:
        done = ended(checkout, typed(command, installed), wanted)
    asked = checkout.audit(since)
    after = made(checkout.cluster(), kept)
    return Trip(
        command=command,
        installed=installed,
        wanted=len(wanted),
        kills=done.kills,
        steps=steps(done.said),
        seconds=done.seconds,
        objects=len(kept),
        lost=sum(after.get(one) != uid for one, uid in before.items()),
        requests=asked.writes,
        refused=len(asked.refused) + len(asked.refused_calls),
        polls=len(seen),
        missing=seen.count(False),
        unchanged=changes(checkout.must("preview")).keys() == {"unchanged"},
        unavailable=len(unavailable(checkout.cluster())),
        said="\n".join(line for line in done.said.splitlines() if line.startswith(("Saved", "local runs", "Took"))),
    )


def steps(said: str) -> int:
    """How much an `up` changed, as it says at its end."""
    line = next(line for line in reversed(said.splitlines()) if line.startswith("Changes: "))
    return sum(count for what, count in changes(line).items() if what != "unchanged")


def moments(seed: int, times: int, total: int) -> list[Kill]:
    """Kills over a way of so many steps, the same at each call: one while it looks, the others one after another.

    A run that was killed leaves the next at most as many steps less as it has begun, so that each kill finds some.
    """
    drawn = random.Random(seed)
    who = [drawn.choice(VICTIMS) for _ in range(times)]
    first = [Kill(victim=one, after_s=round(drawn.uniform(1.0, LOOK_S), 1)) for one in who[:1]]
    part = SHARE * total / max(times - 1, 1)
    points = [0, *(int(drawn.uniform(number, number + 1) * part) for number in range(times - 1))]
    gaps = [max(then - now, 1) for now, then in pairwise(points)]
    return [*first, *(Kill(victim=one, steps=gap) for one, gap in zip(who[1:], gaps, strict=True))]


def made(cluster: Cluster, objects: Sequence[Manifest]) -> dict[tuple[str, str, str], str]:
    """Those of the objects that are there, by kind, namespace and name, with the uid that each was made with."""
    names = {f"{one['apiVersion']}/{one['kind']}" for one in objects}
    found: dict[tuple[str, str, str], str] = {}
    with connected(Access(cluster.plane.kubeconfig.read_text(), None)) as api:
        for version, _, kind in (name.rpartition("/") for name in sorted(names)):
            for one in api.metadata(version, kind):
                about = one["metadata"]
                found[kind, about.get("namespace") or "", about["name"]] = about["uid"]
    wanted = {(one["kind"], one["metadata"].get("namespace") or "", one["metadata"]["name"]) for one in objects}
    return {one: uid for one, uid in found.items() if one in wanted}


def forget_database(cluster: Cluster) -> None:
    """Deletes Pipelines' database, as somebody does who has dumped it: MySQL 8.0 cannot open what 8.4 has written."""
    cluster.delete("pvc", "-n", "kubeflow", "mysql-pv-claim", wait=False)
    cluster.delete("pods", "-n", "kubeflow", "-l", "app=mysql", wait=False)
    until(lambda: cluster.get("pvc", "-n", "kubeflow", "mysql-pv-claim") is None, "the claim goes", 120)


def ways(installed: str) -> list[str]:
    """The commands of a journey, in order."""
    return [way for way in WAYS if way != "adopt" or installed in KUBECTL]


def typed(command: str, installed: str) -> tuple[str, ...]:
    """A way as a person types it."""
    return (command, *WAYS[command], *(("--backup=objects",) if installed == NO_CLOUD else ()))


@contextmanager
def place(installed: str, folder: Path) -> Iterator[Checkout]:
    """Where a journey is made; without a cloud nobody may be looked up, and all that was made goes at its end."""
    if installed != NO_CLOUD:
        with checked_out(folder) as made:
            yield Checkout(made.root, None)
        return
    with person(folder, None) as someone:
        checkout = someone.checkout
        before = objects(checkout.cluster())
        checkout.must("password")
        yield checkout
        with finishing(checkout.cluster().plane.kubeconfig):
            checkout.must("destroy", "--yes")
        left = (objects(checkout.cluster()) ^ before) - LEFT_BY_ISTIO
        assert not left, left
        assert not someone.looked_up, someone.looked_up


def plan(kept: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """The journeys of which not all ways are right yet."""
    right = {(one["installed"], one["wanted"], one["command"]) for one in kept if one["right"]}
    return [about for about in JOURNEYS if any((*about, way) not in right for way in ways(about[0]))]


def measured(kept: Iterable[Mapping[str, Any]], command: str) -> int:
    """The steps of a way that nobody killed."""
    return next((int(one["steps"]) for one in kept if one["command"] == command and not one["wanted"]), 0)


def run(results: Results, rounds: int) -> None:
    """So many of the journeys that are left."""
    for installed, number in plan(results.kept)[:rounds]:
        results.forget(installed=installed, wanted=number)
        with tempfile.TemporaryDirectory(prefix="up-") as name, place(installed, Path(name)) as checkout:
            brought_up(checkout, OLD, installed)
            people = peopled(checkout.cluster(), OLD)
            for seed, command in enumerate(ways(installed), SEED + number):
                if command == "rollback":
                    refused = checkout.ops(*typed(command, installed))
                    assert "cannot open it" in refused.stderr, refused.stderr
                    forget_database(checkout.cluster())
                there = [*people, *(rendered(OLD) if command == "adopt" else ())]
                wanted = moments(seed, number, measured(results.kept, command))
                trip = travel(checkout, command, installed, there, wanted)
                results.keep({"right": trip.right, **asdict(trip)})


def table(kept: Sequence[Mapping[str, Any]]) -> str:
    """A row for each way."""
    lines = ["| installed by | way | kills | s | objects | lost | writes | refused | gateway polled | missing | then |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for one in sorted(kept, key=lambda one: JOURNEYS.index((one["installed"], one["wanted"]))):
        then = "unchanged, all Available" if one["unchanged"] and not one["unavailable"] else "not right"
        keys = ("kills", "seconds", "objects", "lost", "requests", "refused", "polls", "missing")
        lines.append(
            f"| `{one['installed']}` | {one['command']} | {' | '.join(str(one[key]) for key in keys)} | {then} |"
        )
    return "\n".join(lines)


main = resumed(
    "upgrades", run, page(PAGE, table, "upgrades"), meaning="Upgrade, roll back, kill, and write down what came of it."
)


if __name__ == "__main__":
    main()
