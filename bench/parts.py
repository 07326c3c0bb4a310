"""`python -m bench.parts`: every part of 26.03 alone, and thirty sets at random, up and down again.

A set may have parts that the cluster has already: on a cluster of somebody else's, without a cloud, what these are of
the release is there before, by kubectl in a loop.
A round is right if all is Available, nothing was refused, the state has the plan's objects and no others, each part of
the plan is needed by one that is wanted, a preview changes nothing, and a destroy leaves what was there. What came of
it is kept in bench/results/parts.json; the next call goes on with what is missing. The table in docs/platforms.md is
made of all that is kept.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import retry
from bench.resumed import Results, page, resumed
from infra.kubeflow.parts import PARTS, Selection, choose
from infra.kubeflow.slim import slim
from infra.kubeflow.traffic import with_open_paths
from localcloud import emulator, plane
from ops.project import PROJECT_ROOT
from ordering.graph import Graph, build, id_of
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.local.stack import Checkout, changes, checked_out, objects, release, unavailable, world
from tests.local.without_cloud import person

PAGE = PROJECT_ROOT / "docs" / "platforms.md"
RELEASE = "26.03"
SEED = 17
RANDOM = 30
LARGEST = 5
"""Parts that a random set wants, at most."""
FOUNDATION = ("cert-manager", "istio", "knative")
"""What clusters have already, if anything."""
_OWN = {"StorageClass gp3", "VolumeSnapshotClass ebs"}
"""What the program makes in a cluster of its own, whatever is wanted."""


@dataclass(frozen=True, kw_only=True)
class Set:
    """What is wanted of the release, and what the cluster has of it."""

    wanted: tuple[str, ...]
    existing: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """As a person would say it."""
        return ", ".join(self.wanted) + (f"; there: {', '.join(self.existing)}" if self.existing else "")


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of a set: how many parts and objects its plan had, seconds of `up` and of `destroy`, what was wrong."""

    title: str
    parts: int
    objects: int
    up_s: float
    destroy_s: float
    wrong: str


def sets(graph: Graph) -> list[Set]:
    """Each part by itself, then sets drawn with the seed; half of those have foundations that they need already."""
    names = sorted(PARTS)
    drawn, draw = [Set(wanted=(name,)) for name in names], random.Random(SEED)
    while len(drawn) < len(names) + RANDOM:
        wanted = tuple(sorted(draw.sample(names, draw.randint(2, LARGEST))))
        needed = {one.name for one in choose(graph, wanted, ()).parts}
        there = [name for name in FOUNDATION if name in needed and name not in wanted]
        existing = tuple(there[: draw.randint(0, len(there))]) if draw.random() < 0.5 else ()
        one = Set(wanted=wanted, existing=existing)
        if one not in drawn:
            drawn.append(one)
    return drawn


def unjustified(chosen: Selection, wanted: Iterable[str]) -> list[str]:
    """Parts of a plan that no chain of reasons leads to from a wanted one."""
    justified = set(wanted)
    left = [one for one in chosen.parts if one.name not in justified]
    while found := [one for one in left if any(_says(one.why, name) for name in justified)]:
        justified |= {one.name for one in found}
        left = [one for one in left if one not in found]
    return [one.name for one in left]


def _says(why: str, name: str) -> bool:
    """Whether a reason is that a part needs it."""
    who, needs, _ = why.partition(" needs it: ")
    return bool(needs) and (who == name or who.endswith(f" of {name}"))


@contextmanager
def prepared(folder: Path, one: Set, graph: Graph) -> Iterator[tuple[Checkout, Callable[[], set[str]]]]:
    """A checkout on whose cluster a set's existing parts are, and what looks at all that is there."""
    manifests = release(RELEASE)
    if not one.existing:
        with checked_out(folder) as made:
            checkout = Checkout(made.root, manifests, {emulator.MINUTE: "0"})
            emulator.start(checkout.root)
            yield checkout, lambda: world(checkout)
        return
    with person(folder, manifests) as someone:
        checkout = someone.checkout
        retry.install(plane.start(checkout.root), choose(graph, one.existing, ()).objects, client_side=False)
        checkout.must("password")
        yield checkout, lambda: objects(checkout.cluster())


def judged(checkout: Checkout, look: Callable[[], set[str]], one: Set, graph: Graph) -> Round:
    """One set, up and down again."""
    chosen = choose(graph, one.wanted, one.existing)
    before = look()
    existing = {"kubeflowExisting": list(one.existing)} if one.existing else {}
    checkout.configure({"kubeflowRelease": RELEASE, "kubeflowParts": list(one.wanted), **existing})
    begun, started = datetime.now(UTC), time.monotonic()
    up = checkout.ops("up", "--yes")
    outcome = Round(
        title=one.title,
        parts=len(chosen.parts),
        objects=len(chosen.objects),
        up_s=round(time.monotonic() - started, 1),
        destroy_s=0,
        wrong="",
    )
    if up.returncode:
        return replace(outcome, wrong=up.stderr.strip().splitlines()[-1])
    asked = checkout.audit(begun)
    wrong = [f"refused: {refused}" for refused in (*asked.refused, *asked.refused_calls)][:2]
    wrong += [f"not Available: {name}" for name in unavailable(checkout.cluster())]
    wrong += [f"not justified: {name}" for name in unjustified(chosen, one.wanted)]
    sent, planned = set(_sent(checkout)) - _OWN, {_name(manifest) for manifest in with_open_paths(chosen.objects)}
    wrong += [f"sent and not planned, or the other way round: {name}" for name in sorted(sent ^ planned)[:3]]
    if changes(checkout.must("preview")).keys() != {"unchanged"}:
        wrong.append("a preview has changes")
    started = time.monotonic()
    destroy = checkout.ops("destroy", "--yes")
    outcome = replace(outcome, destroy_s=round(time.monotonic() - started, 1))
    if destroy.returncode:
        wrong.append(destroy.stderr.strip().splitlines()[-1])
    if left := {name for name in look() ^ before if not name.endswith("/istio-ca-root-cert")}:
        # istiod writes it into every namespace, those of others too, and takes it from none.
        wrong.append(f"left or gone: {', '.join(sorted(left)[:3])}")
    return replace(outcome, wrong="; ".join(wrong))


def _name(manifest: Manifest) -> str:
    return id_of(manifest).title


def _sent(checkout: Checkout) -> Iterable[str]:
    """What the state has of objects; gates are patches."""
    for resource in checkout.deployment()["resources"]:
        if resource["type"].startswith("kubernetes:") and "Patch:" not in resource["urn"]:
            yield _name(resource["inputs"])


def plan(kept: Iterable[Mapping[str, Any]], all_: Sequence[Set]) -> list[Set]:
    """The sets that are not right yet."""
    right = {one["title"] for one in kept if not one["wrong"]}
    return [one for one in all_ if one.title not in right]


def run(results: Results, rounds: int) -> None:
    """So many of the sets that are left, each on a checkout of its own, for what is there already differs."""
    graph = build(slim(render(release(RELEASE))))
    for one in plan(results.kept, sets(graph))[:rounds]:
        with (
            tempfile.TemporaryDirectory(prefix="parts-") as name,
            prepared(Path(name), one, graph) as (checkout, look),
        ):
            outcome = judged(checkout, look, one, graph)
        results.forget(title=one.title)
        results.keep(asdict(outcome))


def table(kept: Sequence[Mapping[str, Any]]) -> str:
    """A row for each set."""
    lines = ["| wanted | parts | objects | up, s | destroy, s | then |", "|---|--:|--:|--:|--:|---|"]
    for one in kept:
        keys = ("parts", "objects", "up_s", "destroy_s")
        figures = " | ".join(str(one[key]) for key in keys)
        lines.append(f"| {one['title']} | {figures} | {one['wrong'] or 'nothing left'} |")
    return "\n".join(lines)


main = resumed(
    "parts",
    run,
    page(PAGE, table, "parts"),
    meaning="Bring up parts, look at them, destroy them, and write down what came of it.",
)


if __name__ == "__main__":
    main()
