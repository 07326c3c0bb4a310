"""What node pools change in a release: the GPU plugin, and the form of new notebooks."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.kubeflow.pools import COMPONENT, needs_plugin, use_pools
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import written
from tests.unit.settings_source import settings

ROOT = Path(__file__).parents[3]
GPU: dict[str, Any] = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "capacity": "spot", "max": 2}
STEADY: dict[str, Any] = {"name": "steady", "instanceTypes": ["m6i.2xlarge"], "min": 1, "max": 4}

FORM = {
    "spawnerFormDefaults": {
        "gpus": {"value": {"num": "none"}},
        "affinityConfig": {"readOnly": False, "value": "", "options": [{"configKey": "theirs"}]},
    }
}


def form(text: str) -> Manifest:
    metadata = {"name": "jupyter-web-app-config-9c2fbg2gdc", "namespace": "kubeflow"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"spawner_ui_config.yaml": text}}


def filled(pools: list[dict[str, Any]]) -> dict[str, Any]:
    before = form(yaml.safe_dump(FORM))
    [after] = use_pools([before], settings(nodePools=pools).pools, 1)
    assert yaml.safe_load(before["data"]["spawner_ui_config.yaml"]) == FORM
    found: dict[str, Any] = yaml.safe_load(after["data"]["spawner_ui_config.yaml"])["spawnerFormDefaults"]
    return found


def test_a_notebook_may_be_put_on_each_pool_and_tolerates_what_keeps_others_off() -> None:
    found = filled([GPU, STEADY])
    assert found["gpus"] == FORM["spawnerFormDefaults"]["gpus"]
    places = found["affinityConfig"]["options"]
    assert [one["configKey"] for one in places] == ["theirs", "pool-gpu", "pool-steady"]
    assert places[1]["displayName"] == "gpu (g5.xlarge, spot)"
    [term] = places[1]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term == {"matchExpressions": [{"key": "kubeflow-on-pulumi/pool", "operator": "In", "values": ["gpu"]}]}
    # A pool without taints needs none.
    [group] = found["tolerationGroup"]["options"]
    assert group["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    ]
    assert (found["tolerationGroup"]["value"], found["affinityConfig"]["value"]) == ("", "")


def test_without_pools_the_form_stays_as_it_is() -> None:
    before = form("not: [yaml")
    assert use_pools([before], (), 1) == [before]


@pytest.mark.parametrize("text", ["not: [yaml", "a: 1", "[]", ""])
def test_a_form_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"has no form of notebooks in spawner_ui_config\.yaml"):
        use_pools([form(text)], settings(nodePools=[GPU]).pools, 1)


@pytest.mark.parametrize(("shares", "sliced"), [(1, False), (4, True)])
def test_the_plugin_comes_with_gpus_and_shares_them_as_set(tmp_path: Path, shares: int, sliced: bool) -> None:
    objects = render(written(tmp_path / "release", []), components=[ROOT / COMPONENT])
    found = {one["kind"]: one for one in use_pools(objects, (), shares)}
    config = yaml.safe_load(found["ConfigMap"]["data"]["config.yaml"])
    assert config["version"] == "v1"
    assert ("sharing" in config) is sliced
    if sliced:
        assert config["sharing"]["timeSlicing"]["resources"] == [{"name": "nvidia.com/gpu", "replicas": 4}]
    spec = found["DaemonSet"]["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, False),
        ({"nodePools": [STEADY]}, False),
        ({"nodePools": [STEADY, GPU]}, True),
        ({"nodesInstanceType": "g5.2xlarge"}, True),
    ],
)
def test_the_plugin_is_sent_where_any_node_has_gpus(changes: dict[str, Any], needed: bool) -> None:
    assert needs_plugin(settings(**changes)) is needed
