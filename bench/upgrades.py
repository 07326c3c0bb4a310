"""`python -m bench.upgrades`: upgrades from 1.10.2 to 26.03 and rollbacks with people's objects, also killed ones.

A journey goes there and back on a control plane of its own. Each way is kept in bench/results/upgrades.json when it is
through; the next call goes on with the journeys that are not whole. The table in docs/upgrading.md is made of all that
is kept.
"""

import json
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from bench.journeys import VICTIMS, Kill, ended, peopled
from bench.people import Manifest
from bench.tables import replaced
from ops.cluster import Access, answering, api_of, connected
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from tests.local.cluster import Cluster, until
from tests.local.stack import Checkout, changes, checked_out, now, unavailable

KEPT = Path(__file__).parent / "results" / "upgrades.json"
PAGE = PROJECT_ROOT / "docs" / "upgrading.md"
SEED = 15
KILLS = (0, 5)
"""Kills of each way in a journey."""
LOOK_S = 20.0
"""Seconds after which the first kill of a way comes, at most: it looks, and saves, for about as long."""
SHARE = 0.9
"""The share of the engine's steps that the other kills let begin, all together."""
OLD, NEW = "1.10.2", "26.03"

GATEWAY = ("security.istio.io/v1", "AuthorizationPolicy", "istio-system", "cluster-local-gateway")
POLL_S = 0.3

WAYS = {
    "upgrade": (
        f"--to={NEW}",
        "--keep=CustomResourceDefinition/pytorchjobs.kubeflow.org,PersistentVolumeClaim/kubeflow/minio-pvc",
        "--yes",
    ),
    "rollback": ("--keep=PersistentVolumeClaim/kubeflow/seaweedfs-pvc", "--yes"),
}


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One way. `missing` counts polls that did not find the gateway's policy, `lost` people's objects that went.

    `steps` are those of the engine in the last run.
    """

    command: str
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


def travel(checkout: Checkout, command: str, people: Sequence[Manifest], wanted: Sequence[Kill]) -> Trip:
    """Goes one way, killed as wanted, until the command ends by itself."""
    since = now()
    with polled(checkout.cluster()) as seen:
        done = ended(checkout, (command, *WAYS[command]), wanted)
    asked = checkout.audit(since)
    return Trip(
        command=command,
        wanted=len(wanted),
        kills=done.kills,
        steps=steps(done.said),
        seconds=done.seconds,
        objects=len(people),
        lost=len(missing(checkout.cluster(), people)),
        requests=asked.writes,
        refused=len(asked.refused) + len(asked.refused_calls),
        polls=len(seen),
        missing=seen.count(False),
        unchanged=changes(checkout.must("preview")).keys() == {"unchanged"},
        unavailable=len(unavailable(checkout.cluster())),
        said="\n".join(line for line in done.said.splitlines() if line.startswith(("Saved", "local runs"))),
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


def missing(cluster: Cluster, people: Sequence[Manifest]) -> list[str]:
    """Those of people's objects that are not there."""
    names = {f"{one['apiVersion']}/{one['kind']}" for one in people}
    found: set[tuple[str, str, str]] = set()
    with connected(Access(cluster.plane.kubeconfig.read_text(), None)) as api:
        for version, _, kind in (name.rpartition("/") for name in sorted(names)):
            for one in api.metadata(version, kind):
                found.add((kind, one["metadata"].get("namespace") or "", one["metadata"]["name"]))
    wanted = {(one["kind"], one["metadata"].get("namespace") or "", one["metadata"]["name"]) for one in people}
    return ["/".join(one) for one in sorted(wanted - found)]


def forget_database(cluster: Cluster) -> None:
    """Deletes Pipelines' database, as somebody does who has dumped it: MySQL 8.0 cannot open what 8.4 has written."""
    cluster.delete("pvc", "-n", "kubeflow", "mysql-pv-claim", wait=False)
    cluster.delete("pods", "-n", "kubeflow", "-l", "app=mysql", wait=False)
    until(lambda: cluster.get("pvc", "-n", "kubeflow", "mysql-pv-claim") is None, "the claim goes", 120)


def plan(kept: Iterable[Mapping[str, Any]]) -> list[int]:
    """The journeys, by their kills, of which not both ways are right yet."""
    right = {(one["wanted"], one["command"]) for one in kept if one["right"]}
    return [number for number in KILLS if any((number, command) not in right for command in WAYS)]


def measured(kept: Iterable[Mapping[str, Any]], command: str) -> int:
    """The steps of a way that nobody killed."""
    return next((int(one["steps"]) for one in kept if one["command"] == command and not one["wanted"]), 0)


def run(kept: list[dict[str, Any]], journeys: int) -> None:
    """So many of the journeys that are left."""
    for number in plan(kept)[:journeys]:
        kept[:] = [one for one in kept if one["wanted"] != number]
        with tempfile.TemporaryDirectory(prefix="up-") as name, checked_out(Path(name)) as made:
            checkout = Checkout(made.root, None)
            people = peopled(checkout, OLD)
            for seed, command in enumerate(WAYS, SEED + number):
                if command == "rollback":
                    refused = checkout.ops(command, *WAYS[command])
                    assert "cannot open it" in refused.stderr, refused.stderr
                    forget_database(checkout.cluster())
                trip = travel(checkout, command, people, moments(seed, number, measured(kept, command)))
                at = datetime.now(UTC).isoformat(timespec="seconds")
                kept.append({"at": at, "right": trip.right, **asdict(trip)})
                KEPT.write_text(json.dumps(kept, indent=1) + "\n")
                click.echo(json.dumps(kept[-1]), err=True)


def table(kept: Sequence[Mapping[str, Any]]) -> str:
    """A row for each way."""
    lines = ["| way | kills | s | people's objects | lost | writes | refused | gateway polled | missing | then |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for one in kept:
        then = "unchanged, all Available" if one["unchanged"] and not one["unavailable"] else "not right"
        keys = ("kills", "seconds", "objects", "lost", "requests", "refused", "polls", "missing")
        lines.append(f"| {one['command']} | {' | '.join(str(one[key]) for key in keys)} | {then} |")
    return "\n".join(lines)


@click.command()
@click.option("--journeys", type=int, default=len(KILLS), help="At most so many journeys there and back.")
@click.option("--report", is_flag=True, help="Only write the page.")
def main(journeys: int, report: bool) -> None:
    """Upgrade, roll back, kill, and write down what came of it."""
    # Control planes are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    kept: list[dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.exists() else []
    if not report:
        run(kept, journeys)
    PAGE.write_text(replaced(PAGE.read_text(), table(kept), "upgrades"))


if __name__ == "__main__":
    main()
