"""A week that is played on pools of nodes: what comes, what goes, what waits, and what it costs."""

import json
import random
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infra.aws.instances import GI, MI
from infra.kubeflow.capacity import Load, Requirements
from infra.settings import Settings
from ops import cost
from ops.commands import cost as cost_command
from ops.costs.week import report, setup
from ops.costs.week.autoscaler import GOES_AFTER
from ops.costs.week.model import DAY, HOUR, PLATFORM, WEEK
from ops.costs.week.report import Week, played
from ops.costs.week.simulation import NODE_START, simulate
from ops.costs.week.trace import Notebook, Pipeline, Shape, Step, Trace
from ordering.errors import UserError
from tests.unit.settings_source import settings

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "traces"

GPU: dict[str, Any] = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "capacity": "spot", "max": 6}
LARGE: dict[str, Any] = {
    "name": "large",
    "instanceTypes": ["m6i.4xlarge"],
    "max": 9,
    "taints": ["team=risk:NoSchedule"],
}
ARM: dict[str, Any] = {"name": "arm", "instanceTypes": ["m7g.xlarge"], "max": 9}
STEADY: dict[str, Any] = {"name": "steady", "instanceTypes": ["m5.2xlarge"], "min": 1, "max": 3}

KUBEFLOW = Requirements(
    Load(60, 6000, 12 * GI), Load(1, 100, 100 * MI), 100, 200 * MI, 0, 0, (Load(1, 100, 200 * MI),) * 60
)


def stack(*pools: dict[str, Any], **changes: Any) -> Settings:
    return settings(**{"nodesAutoscaling": "cluster-autoscaler", "nodePools": list(pools), **changes})


def shape(**changes: Any) -> Shape:
    return Shape(**{"cpu": 1000, "memory": 4 * GI, "gpus": 0, "pool": None, "arch": None, **changes})


def notebook(name: str = "anna", **changes: Any) -> Notebook:
    hours = {"days": (0,), "start": 9 * 60, "end": 17 * 60}
    others = {"shape": shape(), "count": 1, "zone": None, "left": False}
    return Notebook(**{"name": name, "team": "fraud", **hours, **others, **changes})


def run(of: Settings, *notebooks: Notebook, pipelines: Iterable[Pipeline] = ()) -> Week:
    return played(of, Trace(notebooks=notebooks, pipelines=tuple(pipelines)), KUBEFLOW)


def pool(week: Week, name: str) -> report.PoolUsage:
    [found] = [one for one in week.pools if one.pool == name]
    return found


def test_a_pool_from_zero_and_back_runs_as_long_as_its_notebook_and_ten_minutes() -> None:
    week = run(stack(GPU), notebook(shape=shape(gpus=1)))
    gpu = pool(week, "gpu")
    assert (gpu.floor, gpu.peak, week.waited, week.stuck) == (0, 1, NODE_START, ())
    assert gpu.usage.hours == 8 + Decimal(GOES_AFTER) / HOUR
    # 1.006 dollars, of which spot takes 40%, and a disk of 100 GiB.
    hourly = Decimal("0.4024") + 8 / Decimal(730)
    assert gpu.usage.monthly == pytest.approx(gpu.usage.hours * hourly * 730 / 168)
    assert gpu.spot == pytest.approx(gpu.usage.monthly)
    assert gpu.spot < gpu.savings_plan == gpu.on_demand


def test_a_week_of_nodes_that_never_go_costs_what_the_bill_says() -> None:
    week = run(settings(), notebook())
    base = pool(week, "base")
    lines = {line.name: line for line in cost.estimate(settings())}
    assert base.usage.hours == 5 * 168
    assert base.usage.monthly == pytest.approx(lines["nodes"].on_demand + lines["node disks"].on_demand)
    assert base.savings_plan == pytest.approx(lines["nodes"].savings_plan + lines["node disks"].on_demand)
    assert base.usage.night_hours == 5 * 5 * 12
    assert base.usage.weekend_hours == 5 * 48


def test_teams_pay_for_all_nodes_together() -> None:
    week = run(stack(GPU), notebook(shape=shape(gpus=1)), notebook("ben", team="risk"))
    assert set(week.teams) == {"fraud", "risk", PLATFORM, "nobody"}
    assert sum(one.monthly for one in week.teams.values()) == pytest.approx(week.total.monthly)
    assert week.teams["risk"].night == week.teams["risk"].weekend == 0


def test_a_notebook_that_nobody_stops_keeps_its_node_until_it_is_culled() -> None:
    mine = notebook(shape=shape(gpus=1), left=True, days=(0, 1))
    always = pool(run(stack(GPU), mine), "gpu")
    assert always.floor == 1
    assert always.usage.hours == 168
    culled = pool(run(stack(GPU, notebooksIdleMinutes=120, notebooksGpuIdleMinutes=30), mine), "gpu")
    assert culled.usage.hours * 60 == pytest.approx(2 * (8 * 60 + 30 + Decimal(GOES_AFTER) / 60))


def test_without_an_autoscaler_an_empty_pool_stays_empty_and_says_so() -> None:
    for left in (False, True):
        week = run(stack(GPU, nodesAutoscaling="none"), notebook(shape=shape(gpus=1), left=left))
        assert {(one.pod.name, one.why) for one in week.stuck} == {("anna", "what would take it has no node free: gpu")}


def test_steps_run_one_after_another_and_keep_their_node() -> None:
    steps = (Step(shape=shape(gpus=1), count=2, minutes=60), Step(shape=shape(gpus=1), count=1, minutes=30))
    train = Pipeline(name="train", team="fraud", days=(5,), starts=(120,), steps=steps)
    gpu = pool(run(stack(GPU), pipelines=[train]), "gpu")
    # Two nodes that start, and run an hour; the second step goes on at once on one of them, and the other has nothing.
    assert gpu.peak == 2
    gone = Decimal(GOES_AFTER) / 60
    assert gpu.usage.hours * 60 == pytest.approx((2 + 60 + 30 + gone) + (2 + 60 + gone))
    assert gpu.usage.weekend_hours == gpu.usage.hours


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"pool": "gpus"},
            "'anna' of the trace names the pool 'gpus', which the stack dev does not have; it has base, arm",
        ),
        (
            {"gpus": 1},
            "asks for GPUs, and no node of any pool has one; add a pool with instanceTypes such as g5.xlarge.",
        ),
        ({"arch": "arm64", "pool": "base"}, "asks for arm64, and no node of the pool base has such a processor"),
        ({"cpu": 64000}, "asks for 64 vCPU, 4.0 GiB and 0 GPUs at once, which no node of any pool offers;"),
        ({"memory": 15 * GI, "pool": "arm"}, "which no node of the pool arm offers;"),
    ],
)
def test_what_no_node_could_ever_take_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        run(stack(ARM), notebook(shape=shape(**changes)))
    assert words in str(caught.value)


def test_a_volume_where_no_nodes_come_is_refused() -> None:
    only = {**ARM, "zones": ["us-west-2a"]}
    with pytest.raises(UserError, match=r"has its volume in us-west-2b, where no pool that would take it has nodes"):
        run(stack(only), notebook(shape=shape(pool="arm"), zone="us-west-2b"))
    with pytest.raises(UserError, match=r"names the zone 'us-west-2x', which is not in networkZones"):
        run(stack(only), notebook(zone="us-west-2x"))


def test_a_cluster_of_somebody_else_has_no_pools_to_play_on() -> None:
    with pytest.raises(UserError, match="name a stack with clusterMode create"):
        run(settings(clusterMode="existing", clusterContext="lab"), notebook())


def random_week(source: random.Random, of: Settings) -> Trace:
    """Work of one day, of all kinds that a stack's pools take: some with a volume in a zone, a processor or a GPU."""
    zones = [None, *of.network.zones]
    wishes: list[dict[str, Any]] = [{}, {"gpus": 1}, {"arch": "arm64"}, *({"pool": one.name} for one in of.pools)]

    def wanted() -> Shape:
        wish = source.choice(wishes)
        return shape(cpu=source.choice((100, 500, 1000, 2000)), memory=source.choice((1, 2, 6)) * GI, **wish)

    notebooks = []
    for number in range(source.randint(1, 8)):
        start = source.randrange(0, 16 * 60)
        end = start + source.randint(5, 8 * 60 - 1)
        some = source.choice((1, 1, 1, 12))
        mine = {"zone": source.choice(zones), "count": some, "start": start, "end": end, "days": (source.randrange(5),)}
        small = shape(cpu=100, memory=GI // 4) if some > 1 else wanted()
        notebooks.append(notebook(f"n{number}", shape=small, **mine))
    pipelines = [
        Pipeline(
            name=f"r{number}",
            team="risk",
            days=(source.randrange(5),),
            starts=(source.randrange(1440),),
            steps=tuple(
                Step(shape=wanted(), count=source.randint(1, 3), minutes=source.randint(1, 90))
                for _ in range(source.randint(1, 3))
            ),
        )
        for number in range(source.randint(0, 3))
    ]
    return Trace(notebooks=tuple(notebooks), pipelines=tuple(pipelines))


@pytest.mark.parametrize("first", range(0, 500, 25))
def test_of_500_weeks_no_pod_waits_for_ever_and_nodes_at_night_are_the_floor(first: int) -> None:
    """Sunday at three o'clock, when nobody works, each pool has its minimum."""
    of = stack(GPU, LARGE, ARM, STEADY, nodesMax=20, networkCidr="10.0.0.0/16")
    groups = setup.node_groups(of, KUBEFLOW.per_node)
    floor = {name: sum(one.min for one in groups if one.pool == name) for name in {one.pool for one in groups}}
    for seed in range(first, first + 25):
        trace = random_week(random.Random(seed), of)
        works = [setup.platform(KUBEFLOW), *setup.works(trace, of, groups)]
        outcome = simulate(groups, works, until=2 * WEEK, scaling=True)
        assert [(seed, one.pod.name, one.why) for one in outcome.stuck] == []
        begun = {one.pod.name for one in outcome.starts}
        assert {pod.name for work in works for stage in work.stages for pod in stage} <= begun, seed
        assert max(one.waited for one in outcome.starts) <= 4 * NODE_START, seed
        night = [one for one in outcome.spans if one.start <= WEEK + 6 * DAY + 3 * HOUR < one.end]
        assert {name: sum(one.pool == name for one in night) for name in floor} == floor, seed


def test_the_command_plays_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "requested", lambda _: KUBEFLOW)
    for path in sorted(EXAMPLES.glob("*.yaml")):
        arguments = ["--stack", "dev", "--trace", str(path), "--set", f"nodePools={json.dumps([GPU, LARGE])}"]
        arguments += ["--set", "nodesAutoscaling=cluster-autoscaler"]
        done = CliRunner().invoke(cost_command.command, arguments, env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        assert "base (m5.xlarge, on demand)" in done.output
        assert re.search(r"No pod waited longer than [02] minutes for its node", done.output)
        assert "got no node" not in done.output


def test_without_its_manifests_a_platform_is_not_counted_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Any) -> Requirements:
        raise UserError("Kubeflow 26.03 is not available.")

    monkeypatch.setattr(cost, "requested", missing)
    done = CliRunner().invoke(cost_command.command, ["--stack", "dev", "--trace", str(EXAMPLES / "small-team.yaml")])
    assert "The platform's own pods are not counted: Kubeflow 26.03 is not available." in done.output.replace("\n", " ")
    assert "Nodes neither come nor go: nodesAutoscaling is none." in done.output
