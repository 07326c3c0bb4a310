"""`python -m bench.destroys`: destroys 26.03 with people's objects in it, each killed at a seeded moment and repeated.

A round brings the platform up, makes the objects, and destroys all. What came of it is kept in
bench/results/destroys.json; the next call goes on with what is missing. The table in docs/reliability.md is made of all
that is kept.
"""

import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.journeys import Kill, brought_up, ended, kills, peopled
from bench.people import FINALIZERS
from bench.resumed import Results, page, resumed
from localcloud import emulator
from localcloud.aws.record import recorded_kinds
from ops.cluster import Access, connected
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from tests.local.stack import Checkout, checked_out, world
from tests.local.test_release import LEFT_BY_ISTIO

PAGE = PROJECT_ROOT / "docs" / "reliability.md"
SEED = 14
TIMES = 10
LONGEST_S = 60.0
"""Seconds after which a kill comes, at most; a destroy without one lasts about as long."""
RELEASE = "26.03"
POLL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Round:
    """One destroy. `quiet_s` is its longest silence, which came after the line `quiet_after`; `wrong` what was left."""

    number: int
    victim: str
    after_s: float
    kills: int
    objects: int
    seconds: float
    quiet_s: float
    quiet_after: str
    wrong: str


@contextmanager
def finishing(kubeconfig: Path) -> Iterator[None]:
    """Lets go of what people delete, as the controllers of its kinds do, for as long as these are there."""
    stopped = threading.Event()

    def finish() -> None:
        while not stopped.wait(POLL_S):
            try:
                with connected(Access(kubeconfig.read_text(), None)) as api:
                    for kind, (finalizer, controller) in FINALIZERS.items():
                        if api.get("apps/v1", "Deployment", "kubeflow", controller) is None:
                            continue
                        for one in api.list(*KINDS[kind]):
                            about = one["metadata"]
                            if about.get("deletionTimestamp") and finalizer in (about.get("finalizers") or ()):
                                api.drop_finalizers(one)
            except (OSError, UserError):
                continue

    thread = threading.Thread(target=finish, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=60)


KINDS = {
    "InferenceService": ("serving.kserve.io/v1beta1", "InferenceService"),
    "Experiment": ("kubeflow.org/v1beta1", "Experiment"),
}


def destroyed(checkout: Checkout, number: int, kill: Kill, empty: set[str]) -> Round:
    """Brings all up, and takes it down with a kill on the way."""
    brought_up(checkout, RELEASE)
    people = peopled(checkout.cluster(), RELEASE)
    with finishing(checkout.cluster().plane.kubeconfig):
        done = ended(checkout, ("destroy", "--yes"), [kill])
    left = (world(checkout) ^ empty) - LEFT_BY_ISTIO
    wrong = [f"left: {', '.join(sorted(left)[:5])}"] if left else []
    if checkout.resources():
        wrong.append("a state with resources")
    if recorded_kinds(emulator.record(checkout.root)):
        wrong.append("a record")
    return Round(
        number=number,
        victim=kill.victim,
        after_s=kill.after_s,
        kills=done.kills,
        objects=len(people),
        seconds=done.seconds,
        quiet_s=round(done.quiet.seconds, 1),
        quiet_after=done.quiet.after,
        wrong="; ".join(wrong),
    )


def plan(kept: Iterable[Mapping[str, Any]]) -> list[int]:
    """The rounds that are not right yet."""
    right = {one["number"] for one in kept if not one["wrong"]}
    return [number for number in range(TIMES) if number not in right]


def run(results: Results, rounds: int) -> None:
    """So many of the rounds that are left, on a checkout of their own."""
    moments = kills(SEED, TIMES, LONGEST_S)
    with tempfile.TemporaryDirectory(prefix="gone-") as name, checked_out(Path(name)) as made:
        checkout = Checkout(made.root, None)
        emulator.start(checkout.root)
        empty = world(checkout)
        for number in plan(results.kept)[:rounds]:
            results.forget(number=number)
            results.keep(asdict(destroyed(checkout, number, moments[number], empty)))


def table(kept: Sequence[Mapping[str, Any]]) -> str:
    """A row for each round."""
    lines = ["| killed | after, s | people's objects | whole, s | longest silence, s | then |"]
    lines.append("|---|--:|--:|--:|--:|---|")
    for one in sorted(kept, key=lambda one: one["after_s"]):
        who = f"{one['victim']}" if one["kills"] else "nobody: it was through"
        keys = ("after_s", "objects", "seconds", "quiet_s")
        lines.append(f"| {who} | {' | '.join(str(one[key]) for key in keys)} | {one['wrong'] or 'nothing left'} |")
    return "\n".join(lines)


main = resumed(
    "destroys",
    run,
    page(PAGE, table, "destroys"),
    meaning="Bring up, fill, destroy, kill, and write down what came of it.",
)


if __name__ == "__main__":
    main()
