"""What is compared with the real autoscaler, how it is made for it, and what is told of it."""

import json
from statistics import mean
from typing import Any

import pytest

from bench import scaled_objects as objects
from bench.autoscaled import NAME, PAGE, RESULTS, TIMES, hours, plan, played, table
from bench.scaling_cases import Case, cases
from bench.tables import replaced
from infra.aws.instances import GI
from infra.settings import Taint
from ops.costs.week.model import HOUR, Pod, Room

ALL = cases()


def test_the_cases_are_of_differing_kinds_and_no_call_changes_them() -> None:
    assert len({case.name for case in ALL}) == len(ALL) >= 5
    assert [case.works[-1].start for case in ALL] == [case.works[-1].start for case in cases()]
    assert any(one.taints for case in ALL for one in case.groups)
    assert any(len({one.name for one in case.groups if one.pool == "work"}) == 2 for case in ALL)
    assert any(pod.request.gpus for case in ALL for work in case.works for stage in work.stages for pod in stage)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_case_is_what_kwok_and_a_plane_can_have(case: Case) -> None:
    # Its provider makes nodes after one template, and knows no more of them; nobody here counts volumes.
    assert all(len(one.zones) == 1 and one.capacity.memory - one.room.memory < GI for one in case.groups)
    assert all(pod.zone for work in case.works for stage in work.stages for pod in stage if pod.claim)
    assert max(len(work.stages[0]) for work in case.works) < min(one.free.pods for one in case.groups)
    assert played(case).stuck == ()
    assert all(0 <= work.start < case.hours * HOUR for work in case.works)


def test_a_node_of_a_template_offers_what_the_played_one_does() -> None:
    [large] = [one for one in ALL[0].groups if one.name == "apart"]
    node = objects.template(large)
    offered = node["status"]["allocatable"]
    assert (offered["cpu"], offered["memory"]) == (f"{large.room.cpu}m", str(large.room.memory))
    # One pod stands for those of every node.
    assert int(offered["pods"]) - 1 == large.free.pods
    assert [one["key"] for one in node["spec"]["taints"]] == ["team", objects.STARTING]
    there = objects.first(large, 0)
    assert [one["key"] for one in there["spec"]["taints"]] == ["team"]
    [daemon] = [one for one in objects.surroundings([large]) if one["kind"] == "DaemonSet"]
    [container] = daemon["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == f"{large.room.cpu - large.free.cpu}m"


def test_a_notebook_is_made_again_and_a_step_is_not() -> None:
    about: dict[str, Any] = {
        "team": "t",
        "request": Room(1500, 4 * GI, 1),
        "pool": "gpu",
        "tolerates": frozenset({Taint(key="k")}),
    }
    notebook = objects.work(Pod(name="n", claim="t/home", zone="a", **about), "w0-0-0")
    assert notebook["kind"] == "StatefulSet"
    spec = notebook["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert spec["nodeSelector"] == {objects.POOL: "gpu", "topology.kubernetes.io/zone": "a"}
    step = objects.work(Pod(name="s", seconds=60, movable=False, **about), "w1-0-0")
    assert step["kind"] == "Pod"
    assert step["spec"]["tolerations"] == [{"key": "k", "value": "", "effect": "NoSchedule"}]
    assert objects.work(Pod(name="p", team="platform", request=Room(1, 1)), "w2-0-0")["kind"] == "Deployment"


def test_delays_are_scaled_and_nothing_listens_beyond_loopback() -> None:
    given = objects.arguments("/k", 8085, 60)
    assert "--scale-down-unneeded-time=10000ms" in given
    assert "--unremovable-node-recheck-timeout=5000ms" in given
    assert "--address=127.0.0.1:8085" in given
    config = next(one for one in objects.surroundings(ALL[0].groups) if "config" in one.get("data", {}))
    assert json.loads(config["data"]["config"])["nodegroups"] == {"fromNodeLabelKey": objects.GROUP}


def test_the_next_call_goes_on_and_the_table_says_how_far_off_the_mean_is() -> None:
    case = ALL[0]
    ours = hours(played(case))
    kept = [
        {"case": case.name, "run": number, "hours": {group: amount * factor for group, amount in ours.items()}}
        for number, factor in enumerate((1.0, 1.02))
    ]
    assert plan(kept, [case]) == []
    assert plan(kept[:1], [case, ALL[1]]) == [(ALL[1], 0), *((one, 1) for one in (case, ALL[1]))][: 2 * TIMES]
    whole = sum(ours.values())
    row = table(kept, ALL).splitlines()[-1]
    assert row == f"| **{case.name}**: {case.about} | all | {whole:.1f} | {whole:.1f}, {whole * 1.02:.1f} | -1.0% |"


KEPT = json.loads(RESULTS.read_text())


def test_the_page_has_the_table_of_what_is_kept_and_of_what_is_played_today() -> None:
    page = PAGE.read_text()
    assert replaced(page, table(KEPT, ALL), NAME) == page


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_node_hours_are_within_two_percent_of_the_real_autoscaler(case: Case) -> None:
    runs = [one for one in KEPT if one["case"] == case.name]
    real = mean(sum(one["hours"].values()) for one in runs)
    assert sum(hours(played(case)).values()) == pytest.approx(real, rel=0.02)
    assert not any(one["stuck"] for one in runs)
