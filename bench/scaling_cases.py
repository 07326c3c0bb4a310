"""What the cluster autoscaler and the played one are compared on: hours of the examples, and work drawn with a seed."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.aws.instances import GI, MI
from infra.kubeflow.capacity import Load, Requirements
from infra.settings import Settings
from ops.costs.week import setup
from ops.costs.week.model import HOUR, NodeGroup, Pod, Work
from ops.costs.week.trace import Notebook, Pipeline, Shape, Step, Trace, read_file
from ops.project import PROJECT_ROOT
from tests.unit.settings_source import settings

PLATFORM = Requirements(
    Load(30, 3000, 6 * GI), Load(1, 100, 100 * MI), 100, 200 * MI, 0, 0, (Load(1, 100, 200 * MI),) * 30
)
"""A small platform: 30 pods alike, which leave four base nodes well under half, and one pod on every node."""
NOTHING = Requirements(Load(), Load(1, 100, 100 * MI), 0, 0, 0, 0)
"""No platform but what is on every node."""
ZONES = ("us-west-2a", "us-west-2b")

GPU: dict[str, Any] = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "capacity": "spot", "max": 4}
LARGE: dict[str, Any] = {
    "name": "large",
    "instanceTypes": ["m6i.4xlarge"],
    "max": 6,
    "taints": ["team=risk:NoSchedule"],
}
WORK: dict[str, Any] = {"name": "work", "instanceTypes": ["m5.xlarge"], "max": 12, "zones": list(ZONES)}
APART: dict[str, Any] = {
    "name": "apart",
    "instanceTypes": ["m5.2xlarge"],
    "max": 8,
    "zones": [ZONES[0]],
    "taints": ["team=risk:NoSchedule"],
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Works on groups of nodes for so many hours; `about` says what is in it."""

    name: str
    about: str
    groups: tuple[NodeGroup, ...]
    works: tuple[Work, ...]
    hours: int


def cases() -> list[Case]:
    """All cases; no call changes them."""
    return [
        *(_short(seed) for seed in (1, 2, 3)),
        _example("small-team", "a night's pipeline and six notebooks beside a platform", 1, 10),
        _example("busy-company", "runs every few hours and large notebooks on a pool with a taint", 5, 9, LARGE),
        _example("gpu-week", "notebooks with GPUs, and small ones beside a platform", 9, 10, GPU),
        *(_runs(seed) for seed in (1, 2)),
    ]


def _stack(*pools: dict[str, Any], **changes: Any) -> Settings:
    return settings(**{"nodesAutoscaling": "cluster-autoscaler", "nodePools": list(pools), **changes})


def _case(name: str, about: str, of: Settings, trace: Trace, needed: Requirements, first: int, hours: int) -> Case:
    groups = _groups(of, needed)
    works = _between(first, hours, [setup.platform(needed), *setup.works(trace, of, groups)])
    return Case(name=name, about=about, groups=tuple(groups), works=tuple(_settled(works, groups)), hours=hours)


def _settled(works: Iterable[Work], groups: Sequence[NodeGroup]) -> Iterable[Work]:
    """Each volume in a zone, as it has one after its first day.

    For one that is yet to be bound the scheduler waits a second, which is a minute here, in which its node looks empty.
    """
    draw, zones = random.Random(0), dict[str, str]()

    def placed(pod: Pod) -> Pod:
        if pod.claim is None or pod.zone is not None:
            return pod
        there = sorted({zone for group in groups if pod.suits(group) for zone in group.zones})
        return replace(pod, zone=zones.setdefault(pod.claim, draw.choice(there)))

    for work in works:
        yield replace(work, stages=tuple(tuple(placed(pod) for pod in stage) for stage in work.stages))


def _groups(of: Settings, needed: Requirements) -> list[NodeGroup]:
    """The stack's, as kwok's provider can have them: in one zone each, with all that an instance has for pods.

    Its nodes are made after one template, from which the autoscaler knows what they offer; on AWS it guesses. Between
    groups that waste alike it draws lots, so that no two runs are the same: each has a MiB more than the one before.
    """
    made = setup.node_groups(of, needed.per_node)
    return [
        replace(group, zones=group.zones[:1], capacity=group.room._replace(memory=group.room.memory + number * MI))
        for number, group in enumerate(made)
    ]


def _between(first: int, hours: int, works: Iterable[Work]) -> Iterable[Work]:
    """The works that begin in some hours of Monday, and what is always there, by a clock that begins then."""
    for work in works:
        if work.start == 0 and work.end is None and work.stages[0][0].seconds is None:
            yield work
        elif 0 <= work.start - first * HOUR < hours * HOUR:
            end = None if work.end is None else work.end - first * HOUR
            yield replace(work, start=work.start - first * HOUR, end=end)


def _example(name: str, about: str, first: int, hours: int, *pools: dict[str, Any]) -> Case:
    trace = read_file(PROJECT_ROOT / "examples" / "traces" / f"{name}.yaml")
    return _case(name, about, _stack(*pools, nodesMin=2, nodesDesired=4), trace, PLATFORM, first, hours)


def _short(seed: int) -> Case:
    """Eight hours of many short notebooks: on a pool with a taint, on one in two zones, or anywhere."""
    draw = random.Random(seed)

    def notebook(number: int) -> Notebook:
        start = draw.randrange(5, 7 * 60)
        return Notebook(
            name=f"n{number}",
            team="fraud",
            shape=_shape(draw, draw.choice(("work", "work", "apart", None))),
            count=1,
            days=(0,),
            start=start,
            end=start + draw.randint(8, 90),
            zone=None,
            left=False,
        )

    notebooks = [notebook(number) for number in range(56)]
    of = _stack(WORK, APART, nodesMin=1, nodesDesired=1, nodesMax=2)
    trace = Trace(notebooks=tuple(notebooks), pipelines=_pipelines(draw, ("work", "apart"), 4))
    return _case(f"short notebooks {seed}", "56 notebooks of 8 to 90 minutes and some runs", of, trace, NOTHING, 0, 8)


def _runs(seed: int) -> Case:
    """Eight hours of pipelines whose steps run side by side, and a few notebooks that stay."""
    draw = random.Random(100 + seed)
    notebooks = tuple(
        Notebook(
            name=f"n{number}",
            team="fraud",
            shape=_shape(draw, "work"),
            count=1,
            days=(0,),
            start=draw.randrange(5, 120),
            end=draw.randrange(240, 480),
            zone=None,
            left=False,
        )
        for number in range(6)
    )
    of = _stack(WORK, APART, nodesMin=1, nodesDesired=1, nodesMax=2)
    trace = Trace(notebooks=notebooks, pipelines=_pipelines(draw, ("work", "work", "apart"), 14))
    return _case(f"pipelines {seed}", "14 runs of steps side by side and six notebooks", of, trace, NOTHING, 0, 8)


def _pipelines(draw: random.Random, pools: Sequence[str], count: int) -> tuple[Pipeline, ...]:
    return tuple(
        Pipeline(
            name=f"r{number}",
            team="risk",
            days=(0,),
            starts=(draw.randrange(5, 6 * 60),),
            steps=tuple(
                Step(shape=_shape(draw, draw.choice(pools)), count=draw.randint(1, 4), minutes=draw.randint(3, 40))
                for _ in range(draw.randint(1, 3))
            ),
        )
        for number in range(count)
    )


def _shape(draw: random.Random, pool: str | None) -> Shape:
    cpu, memory = draw.choice((250, 500, 1000, 2000)), draw.choice((1, 2, 4, 6)) * GI
    return Shape(cpu=cpu, memory=memory, gpus=0, pool=pool, arch=None)
