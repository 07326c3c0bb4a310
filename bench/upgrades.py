"""`python -m bench.upgrades`: upgrades from 1.10.2 to 26.03 and rollbacks with people's objects, also killed ones.

Each way is kept in bench/results/upgrades.json when it is through. The table in docs/reliability.md is made of all that
is kept.
"""

import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.people import Manifest, teams, work
from bench.tables import replaced
from ops.cluster import Access, connected
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from tests.local.cluster import Cluster, until
from tests.local.stack import Checkout, changes, checked_out, now, unavailable

KEPT = Path(__file__).parent / "results" / "upgrades.json"
PAGE = PROJECT_ROOT / "docs" / "reliability.md"
SEED = 15
KILLS = 5
"""Kills of each way in the runs that have some."""
LONGEST_S = 45.0
"""Seconds after which a kill comes, at most."""
OLD, NEW = "1.10.2", "26.03"

GATEWAY = ("security.istio.io/v1", "AuthorizationPolicy", "istio-system", "cluster-local-gateway")
POLL_S = 0.3

KEEP_UP = "CustomResourceDefinition/pytorchjobs.kubeflow.org,PersistentVolumeClaim/kubeflow/minio-pvc"
KEEP_BACK = "PersistentVolumeClaim/kubeflow/seaweedfs-pvc"


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One way. `missing` counts polls that did not find the gateway's policy, `lost` people's objects that went."""

    command: str
    kills: int
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


@contextmanager
def polled(cluster: Cluster) -> Iterator[list[bool]]:
    """Whether the gateway's policy was there, at every moment of the block; what does not answer tells nothing."""
    seen: list[bool] = []
    ended = threading.Event()

    def poll() -> None:
        with connected(Access(cluster.plane.kubeconfig.read_text(), None)) as api:
            while not ended.wait(POLL_S):
                try:
                    seen.append(api.get(*GATEWAY) is not None)
                except (OSError, UserError):
                    continue

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join(timeout=60)


def travel(checkout: Checkout, arguments: Sequence[str], people: Sequence[Manifest], kills: int, seed: int) -> Trip:
    """Goes one way, killed so many times at seeded moments, until the command ends by itself."""
    moments, begun, since = random.Random(seed), time.monotonic(), now()
    done = 0
    with polled(checkout.cluster()) as seen:
        while done < kills:
            run = checkout.start(*arguments)
            end = time.monotonic() + moments.uniform(1.0, LONGEST_S)
            while run.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
            if run.poll() is not None:
                break
            run.kill()
            run.communicate()
            done += 1
        said = checkout.must(*arguments)
    seconds = time.monotonic() - begun
    asked = checkout.audit(since)
    return Trip(
        command=arguments[0],
        kills=done,
        seconds=round(seconds, 1),
        objects=len(people),
        lost=len(missing(checkout.cluster(), people)),
        requests=asked.writes,
        refused=len(asked.refused) + len(asked.refused_calls),
        polls=len(seen),
        missing=seen.count(False),
        unchanged=changes(checkout.must("preview")).keys() == {"unchanged"},
        unavailable=len(unavailable(checkout.cluster())),
        said="\n".join(line for line in said.splitlines() if line.startswith(("Saved", "Rehearsed", "local runs"))),
    )


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


def prepared(folder: Path, checkout: Checkout) -> list[Manifest]:
    """Brings the old release up, and makes people's objects."""
    shared = PROJECT_ROOT.parent / "shared"
    if shared.is_dir():
        (folder / "shared").symlink_to(shared.resolve())
    checkout.configure({"kubeflowRelease": OLD})
    checkout.must("up")
    cluster = checkout.cluster()
    cluster.apply(*teams())
    names = {one["metadata"]["name"] for one in teams()}
    until(
        lambda: names <= {one["metadata"]["name"] for one in cluster.at("namespaces")["items"]},
        "namespaces of teams",
        120,
    )
    objects = {"apiVersion": "v1", "kind": "List", "items": work()}
    done = cluster.run("create", "-f", "-", given=json.dumps(objects))
    assert done.returncode == 0, done.stderr
    return [*teams(), *work()]


def forget_database(cluster: Cluster) -> None:
    """Deletes Pipelines' database, as somebody does who has dumped it: MySQL 8.0 cannot open what 8.4 has written."""
    cluster.delete("pvc", "-n", "kubeflow", "mysql-pv-claim", wait=False)
    cluster.delete("pods", "-n", "kubeflow", "-l", "app=mysql", wait=False)
    until(lambda: cluster.get("pvc", "-n", "kubeflow", "mysql-pv-claim") is None, "the claim goes", 120)


def run(kept: list[dict[str, Any]]) -> None:
    """There and back without kills, and with them."""
    with tempfile.TemporaryDirectory(prefix="up-") as name, checked_out(Path(name)) as made:
        checkout = Checkout(made.root, None)
        people = prepared(Path(name), checkout)
        for kills in (0, KILLS):
            rehearse = "--rehearse=no" if kills else "--rehearse=yes"
            ways = (
                ("upgrade", f"--to={NEW}", f"--keep={KEEP_UP}", "--yes", rehearse),
                ("rollback", f"--keep={KEEP_BACK}", "--yes", rehearse),
            )
            for seed, arguments in enumerate(ways, SEED + kills):
                if arguments[0] == "rollback":
                    refused = checkout.ops(*arguments)
                    assert "cannot open it" in refused.stderr, refused.stderr
                    forget_database(checkout.cluster())
                trip = travel(checkout, arguments, people, kills, seed)
                kept.append({"at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(trip)})
                KEPT.write_text(json.dumps(kept, indent=1) + "\n")
                click.echo(json.dumps(kept[-1]), err=True)


def table(kept: Sequence[dict[str, Any]]) -> str:
    """A row for each way."""
    lines = ["| way | kills | s | people's objects | lost | writes | refused | gateway polled | missing | then |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for one in kept:
        then = "unchanged, all Available" if one["unchanged"] and not one["unavailable"] else "not right"
        keys = ("kills", "seconds", "objects", "lost", "requests", "refused", "polls", "missing")
        lines.append(f"| {one['command']} | {' | '.join(str(one[key]) for key in keys)} | {then} |")
    return "\n".join(lines)


@click.command()
@click.option("--report", is_flag=True, help="Only write the page.")
def main(report: bool) -> None:
    """Upgrade, roll back, kill, and write down what came of it."""
    # Control planes are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    kept: list[dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.exists() else []
    if not report:
        run(kept)
    PAGE.write_text(replaced(PAGE.read_text(), table(kept), "upgrades"))


if __name__ == "__main__":
    main()
