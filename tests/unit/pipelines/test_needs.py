"""What steps are given, as it stands in the compiled pipeline and in its platform's part."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as executor_config

from ordering.errors import UserError
from pipelines import needs, source
from pipelines.__main__ import main
from pipelines.package import Package, load, steps
from pipelines.sdk import Execution
from tests.unit.pipelines.kubeflow_server import Kubeflow

IMAGE = ["--image", "registry.example.com/pipeline:1"]


def _apply(name: str = "salary", pools: dict[str, Any] | None = None, **given: list[str]) -> Package:
    found = source.find(name)
    options = {option.replace("_", "-"): values for option, values in given.items()}
    made = needs.apply(found.compile(Execution(image="i:1")), options, pools=pools)
    return load(made.yaml(), "what was compiled")


def _container(made: Package, step: str) -> dict[str, Any]:
    spec = made.pipeline
    label = spec["components"][spec["root"]["dag"]["tasks"][step]["componentRef"]["name"]]["executorLabel"]
    container: dict[str, Any] = spec["deploymentSpec"]["executors"][label]["container"]
    return container


def _asked(made: Package, step: str) -> Any:
    """What Kubernetes is asked for, as the message that Pipelines' driver reads."""
    spec = made.pipeline
    label = spec["components"][spec["root"]["dag"]["tasks"][step]["componentRef"]["name"]]["executorLabel"]
    executors = (made.platform or {})["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return json_format.ParseDict(executors.get(label, {}), executor_config.KubernetesExecutorConfig())


def test_cpu_and_memory_for_all_and_for_one_step() -> None:
    made = _apply(cpu=["train=2", "500m"], memory=["train=4Gi"])
    resources = _container(made, "train")["resources"]
    assert (resources["resourceCpuRequest"], resources["resourceCpuLimit"]) == ("2", "2")
    assert (resources["resourceMemoryRequest"], resources["resourceMemoryLimit"]) == ("4Gi", "4Gi")
    assert "cpuLimit" not in resources
    assert _container(made, "load")["resources"]["resourceCpuLimit"] == "500m"
    assert _container(made, "load")["resources"]["resourceMemoryLimit"] == "512Mi"
    assert made.platform is None


def test_nodes_volumes_and_secrets() -> None:
    made = _apply(
        node_pool=["train=gpus", "load=karpenter.sh/nodepool:cheap"],
        spot=["split=on"],
        volume=["data:/data", "train=scratch:/scratch"],
        secret=["load=source", "load=login:password"],
    )
    train, load_, split = (_asked(made, step) for step in ("train", "load", "split"))
    assert dict(train.node_selector.labels) == {"eks.amazonaws.com/nodegroup": "gpus"}
    assert dict(load_.node_selector.labels) == {"karpenter.sh/nodepool": "cheap"}
    assert dict(split.node_selector.labels) == {"eks.amazonaws.com/capacityType": "SPOT"}
    assert [(mount.constant, mount.mount_path) for mount in train.pvc_mount] == [
        ("data", "/data"),
        ("scratch", "/scratch"),
    ]
    assert [mount.mount_path for mount in split.pvc_mount] == ["/data"]
    assert [(one.secret_name, one.mount_path) for one in load_.secret_as_volume] == [("source", "/secrets/source")]
    (variable,) = load_.secret_as_env
    assert variable.secret_name == "login"
    assert [(one.secret_key, one.env_var) for one in variable.key_to_env] == [("password", "password")]


def test_a_step_on_a_spot_node_is_tried_again_unless_a_person_says_how_often() -> None:
    tasks = _apply(spot=["on"], retries=["train=1"]).pipeline["root"]["dag"]["tasks"]
    assert tasks["split"]["retryPolicy"]["maxRetryCount"] == 3
    assert tasks["train"]["retryPolicy"]["maxRetryCount"] == 1
    assert "retryPolicy" not in _apply(retries=["load=0"]).pipeline["root"]["dag"]["tasks"]["load"]


def test_the_cache() -> None:
    tasks = _apply(cache=["off", "load=on"]).pipeline["root"]["dag"]["tasks"]
    assert tasks["train"]["cachingOptions"] == {}
    assert tasks["load"]["cachingOptions"] == {"enableCache": True}


def test_tasks_of_one_component_get_what_each_is_given(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kfp import dsl

    @dsl.component(base_image="python:3.11", install_kfp_package=False)  # type: ignore[untyped-decorator]
    def double(number: int) -> int:
        return 2 * number

    def twice(number: int = 1) -> None:
        double(number=double(number=number).output)

    made = needs.apply(
        source.compiled(dsl.pipeline(twice), "twice"),
        {"memory": ["1Gi", "double-2=8Gi"], "volume": ["double=data:/data"]},
    )
    made = load(made.yaml(), "twice")
    assert steps(made.pipeline) == ["double", "double-2"]
    assert _container(made, "double")["resources"]["resourceMemoryLimit"] == "1Gi"
    assert _container(made, "double-2")["resources"]["resourceMemoryLimit"] == "8Gi"
    assert len(_asked(made, "double").pvc_mount) == 1
    assert not _asked(made, "double-2").pvc_mount


@pytest.mark.parametrize(
    ("option", "text", "sentence"),
    [
        ("cpu", "many", "--cpu many: 'many' must be a number of CPUs such as 2, 0.5 or 500m."),
        ("memory", "train=4GB", "--memory train=4GB: '4GB' must be an amount such as 4Gi or 512Mi."),
        (
            "memory",
            "learn=4Gi",
            "--memory learn=4Gi: pipeline 'salary' has no step 'learn'; "
            "it has load, split, train, evaluate, predict, publish.",
        ),
        ("volume", "data", "--volume data: 'data' must be CLAIM:PATH with an absolute path."),
        ("volume", "data:here", "--volume data:here: 'data:here' must be CLAIM:PATH with an absolute path."),
        ("cache", "maybe", "--cache maybe: 'maybe' must be on or off."),
        ("retries", "-1", "--retries -1: '-1' must be a whole number from 0 to 9."),
    ],
)
def test_a_value_that_an_option_does_not_take(option: str, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        needs.apply(source.find("salary").compile(Execution(image="i:1")), {option: [text]})
    assert str(caught.value) == sentence


def test_two_claims_at_one_path() -> None:
    with pytest.raises(UserError, match="--volume mounts two claims at /data; name another path for one"):
        _apply(volume=["a:/data", "train=b:/data"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"volume": ["a:/a", "train=a:/b"]}, "--volume mounts a twice in one step; mount it once"),
        ({"volume": ["a:/a"], "secret": ["train=a"]}, "--secret a: the step has a volume of this name"),
        ({"secret": ["tls.web"]}, "--secret tls.web: 'tls.web' must be NAME for files"),
    ],
)
def test_volumes_whose_pod_kubernetes_would_refuse(given: dict[str, list[str]], sentence: str) -> None:
    """The driver names a volume after its claim or secret, and two of one name, or one with dots, are refused."""
    with pytest.raises(UserError) as caught:
        needs.apply(source.find("salary").compile(Execution(image="i:1")), given)
    assert str(caught.value).startswith(sentence)


def test_what_the_command_compiles_has_both_documents(tmp_path: Any) -> None:
    file = tmp_path / "salary.yaml"
    assert main(["compile", "salary", "-o", str(file), *IMAGE, "--volume", "data:/data", "--spot", "train,split"]) == 0
    made = load(file.read_text(), str(file))
    assert len(_asked(made, "load").pvc_mount) == 1
    assert dict(_asked(made, "train").node_selector.labels)
    assert not dict(_asked(made, "load").node_selector.labels)


def test_a_volume_that_is_not_there_starts_nothing(at: Callable[..., int], kubeflow: Kubeflow, capsys: Any) -> None:
    kubeflow.claims = ["data"]
    assert at("run", "sequential", *IMAGE, "--volume", "dta:/data") == 1
    assert capsys.readouterr().err == (
        "error: There is no volume 'dta' in team-ada; it has data: make it in the dashboard under Volumes.\n"
    )
    assert kubeflow.api.runs == {}
    assert at("run", "sequential", *IMAGE, "--volume", "data:/data") == 0
    (run,) = kubeflow.api.runs.values()
    assert set(run["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    kubeflow.claims = None  # Pipelines alone has no list of claims
    assert at("run", "sequential", *IMAGE, "--volume", "dta:/data") == 0


TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
POOLS: dict[str, Any] = {
    "base": {"gpus": False, "spot": False, "taints": []},
    "gpu": {"gpus": True, "spot": True, "taints": [TAINT]},
}


def test_a_step_with_gpus_tolerates_what_keeps_others_off_their_nodes() -> None:
    [toleration] = _asked(_apply(gpus=["train=1"]), "train").tolerations
    assert (toleration.key, toleration.operator, toleration.effect) == ("nvidia.com/gpu", "Exists", "NoSchedule")


def test_a_pool_of_the_stack_is_known_by_its_name_with_its_taints() -> None:
    train = _asked(_apply(pools=POOLS, node_pool=["train=gpu"]), "train")
    assert dict(train.node_selector.labels) == {"kubeflow-on-pulumi/pool": "gpu"}
    [toleration] = train.tolerations
    assert (toleration.key, toleration.operator, toleration.value) == ("nvidia.com/gpu", "Equal", "present")
    other = _asked(_apply(pools=POOLS, node_pool=["train=another"]), "train")
    assert dict(other.node_selector.labels) == {"eks.amazonaws.com/nodegroup": "another"}


def test_what_no_pool_has_is_refused_before_a_step_waits_for_ever() -> None:
    without = {"base": POOLS["base"]}
    with pytest.raises(UserError, match=r"--gpus train=1: no nodes of the stack have GPUs; add a pool"):
        _apply(pools=without, gpus=["train=1"])
    with pytest.raises(UserError, match=r"--spot on: the stack has no spot nodes; add a pool with capacity spot"):
        _apply(pools=without, spot=["on"])
    _apply(pools=without, gpus=["train=0"])
    _apply(pools=POOLS, gpus=["train=1"], spot=["train=on"])


TEAM = {"key": "team", "value": "ml", "effect": "NoSchedule"}
SOFT = TEAM | {"effect": "PreferNoSchedule"}


@pytest.mark.parametrize(
    ("pool", "given", "sentence"),
    [
        (
            {},
            {"spot": ["split=on"]},
            "Step 'split' does not tolerate the taints of gpu, and no other pool of the stack",
        ),
        ({"taints": [TAINT, TEAM]}, {"gpus": ["train=1"]}, "what it asks for; --node-pool train=gpu lifts them."),
        ({"taints": [TAINT | {"key": "a"}]}, {"node_pool": ["load=kubeflow-on-pulumi/pool:gpu"]}, "=gpu lifts them."),
        ({}, {"node_pool": ["train=base"], "gpus": ["train=1"]}, "/pool=base and GPUs, and no pool of the stack has"),
        ({}, {"node_pool": ["train=base"], "spot": ["train=on"]}, "=SPOT and kubeflow-on-pulumi/pool=base, and no"),
    ],
)
def test_a_step_that_no_pool_takes_is_refused(pool: dict[str, Any], given: Any, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        _apply(pools={**POOLS, "gpu": POOLS["gpu"] | pool}, **given)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("pool", "given"),
    [
        ({}, {"node_pool": ["gpu"], "spot": ["on"]}),
        ({}, {"node_pool": ["base"]}),
        ({}, {"node_pool": ["karpenter.sh/nodepool:cheap"], "spot": ["on"]}),
        ({"taints": [SOFT]}, {"spot": ["on"]}),
        ({"taints": [TAINT, TEAM]}, {"node_pool": ["train=gpu"], "gpus": ["train=1"], "spot": ["train=on"]}),
        ({"taints": [TAINT | {"effect": "NoExecute"}]}, {"gpus": ["train=1"]}),
    ],
)
def test_a_step_that_a_pool_takes_is_not(pool: dict[str, Any], given: Any) -> None:
    _apply(pools={**POOLS, "gpu": POOLS["gpu"] | pool}, **given)
