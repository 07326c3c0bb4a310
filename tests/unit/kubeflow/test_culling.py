"""Idle notebook servers: what the release is changed to, who is stopped, and what that saves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infra.kubeflow.culling import COMPONENT, NEVER, use_culling
from infra.kubeflow.load import OF_STACK
from ops import cost
from ops.commands import cost as cost_command
from ops.costs.culling import savings
from ops.doctor.stack import check_notebooks
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.culling import notebook, program_of_culling
from tests.unit.kubeflow.platforms import written
from tests.unit.rendering import kustomize
from tests.unit.settings_source import settings

__all__ = ["kustomize"]

ROOT = Path(__file__).parents[3]
GPU: dict[str, Any] = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 2}


def controller() -> list[Manifest]:
    about = {"name": "notebook-controller-config-fhm9f7tdt5", "namespace": "kubeflow"}
    data = {"CULL_IDLE_TIME": "1440", "ENABLE_CULLING": "false", "IDLENESS_CHECK_PERIOD": "1"}
    pod = {"containers": [{"name": "web", "image": "registry.example/jupyter-web-app:v1"}]}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "jupyter-web-app-deployment", "namespace": "kubeflow"},
            "spec": {"selector": {}, "template": {"spec": pod}},
        },
    ]


def configured(**changes: Any) -> dict[str, str]:
    [one] = [one for one in use_culling(controller(), settings(**changes).notebooks) if one["kind"] == "ConfigMap"]
    data: dict[str, str] = one["data"]
    return data


@pytest.mark.parametrize(
    ("changes", "enabled", "minutes"),
    [
        ({}, "false", "1440"),
        ({"notebooksIdleMinutes": 90}, "true", "90"),
        # The controller asks servers what they do, and stops none itself.
        ({"notebooksGpuIdleMinutes": 30}, "true", str(NEVER)),
        ({"notebooksIdleMinutes": 90, "notebooksGpuIdleMinutes": 30}, "true", "90"),
    ],
)
def test_the_controller_gets_the_limit_for_all(changes: dict[str, int], enabled: str, minutes: str) -> None:
    found = configured(**changes)
    assert (found["ENABLE_CULLING"], found["CULL_IDLE_TIME"], found["IDLENESS_CHECK_PERIOD"]) == (enabled, minutes, "1")


def test_what_looks_for_idle_gpus_runs_in_an_image_of_the_release(tmp_path: Path) -> None:
    rendered = render(written(tmp_path / "release", controller()), components=[ROOT / COMPONENT])
    found = use_culling(rendered, settings(notebooksGpuIdleMinutes=30).notebooks)
    [job] = [one for one in found if one["kind"] == "CronJob"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == "registry.example/jupyter-web-app:v1"
    assert container["env"] == [{"name": "IDLE_MINUTES", "value": "30"}]
    [held] = [one for one in found if one["kind"] == "ConfigMap" and "stop.py" in one["data"]]
    assert pod["volumes"] == [{"name": "program", "configMap": {"name": held["metadata"]["name"]}}]
    [role] = [one for one in found if one["kind"] == "ClusterRole"]
    assert role["rules"] == [{"apiGroups": ["kubeflow.org"], "resources": ["notebooks"], "verbs": ["list", "patch"]}]


def test_it_is_sent_whichever_parts_are_wanted(tmp_path: Path) -> None:
    own = render(written(tmp_path / "release", []), components=[ROOT / COMPONENT])
    assert len(own) == 5
    assert all(one["metadata"]["labels"][OF_STACK] == "stack" for one in own)


@pytest.mark.parametrize("key", ["notebooksIdleMinutes", "notebooksGpuIdleMinutes"])
def test_a_limit_for_no_notebooks_is_refused(key: str) -> None:
    changes: dict[str, Any] = {key: 30}
    with pytest.raises(UserError, match=f"{key} is set, and the manifests hold no notebook controller that it"):
        use_culling([], settings(**changes).notebooks)


def test_a_release_without_the_image_is_refused() -> None:
    with pytest.raises(UserError, match="hold no Deployment kubeflow/jupyter-web-app-deployment, whose image looks"):
        use_culling(controller()[:1], settings(notebooksGpuIdleMinutes=30).notebooks)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"notebooksIdleMinutes": -1}, "notebooksIdleMinutes -1 is out of range; choose a number from 0 to 525600."),
        ({"notebooksIdleMinutes": "soon"}, "notebooksIdleMinutes 'soon' is not a whole number;"),
        ({"notebooksGpuIdleMinutes": 5}, "notebooksGpuIdleMinutes 5 would stop people in a pause; choose 10 or more"),
        (
            {"notebooksIdleMinutes": 60, "notebooksGpuIdleMinutes": 60},
            "notebooksGpuIdleMinutes 60 says nothing, for notebooksIdleMinutes stops all after 60; choose a smaller",
        ),
    ],
)
def test_limits_that_say_nothing_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        settings(**changes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("about", "stopped"),
    [
        ({"gpus": 1, "idle": 31}, True),
        ({"gpus": 1, "idle": 29}, False),
        ({"gpus": 0, "idle": 500}, False),
        # The controller has not asked for a while, so nobody knows.
        ({"gpus": 1, "idle": 31, "checked": 11}, False),
        ({"gpus": 1, "idle": 31, "notes": {"kubeflow-resource-stopped": "2026-11-01T00:00:00Z"}}, False),
        ({"gpus": 1, "idle": 31, "notes": {"notebooks.kubeflow.org/server-type": "group-one"}}, False),
    ],
)
def test_who_is_stopped(about: dict[str, Any], stopped: bool) -> None:
    assert bool(stopped_of(notebook("a", **about))) is stopped


def test_who_was_never_looked_at_is_not_stopped() -> None:
    assert not stopped_of({**notebook("a", gpus=1, idle=31), "metadata": {"name": "a", "namespace": "b"}})


def stopped_of(given: Manifest) -> list[Manifest]:
    return list(program_of_culling().idle([given], datetime.now(UTC), timedelta(minutes=30)))


def test_what_is_saved_is_what_a_node_would_have_run() -> None:
    both: dict[str, Any] = {"notebooksIdleMinutes": 120, "notebooksGpuIdleMinutes": 30}
    base, gpu = savings(settings(nodesAutoscaling="cluster-autoscaler", nodePools=[GPU], **both))
    # 730 hours less 22 days of 8 and of half an hour.
    assert (int(base.hours), int(gpu.hours), gpu.minutes) == (510, 543, 30)
    assert cost.money(gpu.monthly) == "546.26"
    assert savings(settings(nodePools=[GPU], **both)) == ()
    assert savings(settings(nodesAutoscaling="cluster-autoscaler", nodePools=[GPU])) == ()
    [alone] = savings(settings(nodesAutoscaling="cluster-autoscaler", nodePools=[GPU], notebooksGpuIdleMinutes=30))
    assert alone.group == "gpu"


def test_the_command_says_what_a_setting_would_save(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "claimed_gib", lambda _: 0)
    changes = ["--set", "nodesAutoscaling=cluster-autoscaler", "--set", "notebooksIdleMinutes=120"]
    done = CliRunner().invoke(cost_command.command, ["--stack", "dev", *changes])
    assert done.exit_code == 0, done.output
    assert "Stopped after 120 idle minutes, a notebook" in done.output
    assert "97.92 dollars" in done.output


def test_doctor_says_that_nodes_stay_where_nothing_takes_them_away() -> None:
    [told] = check_notebooks(settings(notebooksIdleMinutes=60))
    assert (told.state, told.advice) == ("warning", "set nodesAutoscaling to cluster-autoscaler")
    assert not list(check_notebooks(settings()))
    assert not list(check_notebooks(settings(notebooksIdleMinutes=60, nodesAutoscaling="cluster-autoscaler")))
