"""A node group that cannot hold the platform is told so before anything is made, with what would."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import moto
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.instances import GI, MI, instance, known_instances
from infra.aws.offerings import misnamed
from infra.kubeflow.capacity import Load, Requirements, check_capacity, quantity, requirements
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import ALONE, PLATFORMS


def workload(kind: str, name: str = "x", *, spec: dict[str, Any] | None = None, **pod: Any) -> Manifest:
    template = {"metadata": pod.pop("metadata", {}), "spec": pod}
    metadata = {"name": name, "namespace": "here"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {**(spec or {}), "template": template}}


def container(cpu: str = "100m", memory: str = "64Mi", **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def claim(size: str) -> Manifest:
    spec = {"resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", "0.1"),
        ("1", "1"),
        (2, "2"),
        (0.5, "0.5"),
        ("1.5", "1.5"),
        ("1Ki", "1024"),
        ("2Gi", str(2 * GI)),
        ("1G", "1000000000"),
        ("5k", "5000"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("250u", "0.00025"),
    ],
)
def test_quantities_mean_what_they_mean_to_kubernetes(text: Any, number: str) -> None:
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1 Gi", "100M i", "lots", "1.2.3", "1Gb", None])
def test_what_is_no_quantity_is_refused_with_the_object(text: Any) -> None:
    with pytest.raises(UserError, match=r"Deployment here/web requests"):
        requirements([workload("Deployment", "web", containers=[container(cpu=text)])])


@pytest.mark.parametrize("name", known_instances())
def test_the_table_agrees_with_ec2(name: str) -> None:
    file = Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
    facts = _ec2(file)[name]
    known = instance(name)
    assert known is not None
    assert (known.vcpus, known.memory, known.interfaces, known.addresses) == (
        facts["VCpuInfo"]["DefaultVCpus"],
        facts["MemoryInfo"]["SizeInMiB"] * MI,
        facts["NetworkInfo"]["MaximumNetworkInterfaces"],
        facts["NetworkInfo"]["Ipv4AddressesPerInterface"],
    )
    assert known.gpus == sum(gpu["Count"] for gpu in facts.get("GpuInfo", {}).get("Gpus", []))
    assert misnamed(name, facts) == ""


_EC2: dict[str, Any] = {}


def _ec2(file: Path) -> dict[str, Any]:
    if not _EC2:
        _EC2.update(json.loads(gzip.decompress(file.read_bytes())))
    return _EC2


def test_an_m5_xlarge_offers_what_eks_says() -> None:
    known = instance("m5.xlarge")
    assert known is not None
    assert (known.pods, known.allocatable_cpu) == (58, 3920)
    # The kubelet of such a node reports 14.2 to 14.6 GiB; the estimate may be a little lower, never higher.
    assert 13.5 * GI < known.allocatable_memory < 14.6 * GI


@pytest.mark.parametrize(
    ("name", "pods", "cpu"), [("t3.medium", 17, 1930), ("m5.large", 29, 1930), ("m5.4xlarge", 110, 15890)]
)
def test_other_types_follow_the_same_formulas(name: str, pods: int, cpu: int) -> None:
    known = instance(name)
    assert known is not None
    assert (known.pods, known.allocatable_cpu) == (pods, cpu)


def test_what_runs_together_adds_up_and_what_starts_a_pod_does_not() -> None:
    pod: dict[str, Any] = {
        "containers": [container("100m", "64Mi"), container("50m", "32Mi")],
        "initContainers": [container("400m", "16Mi"), container("10m", "8Mi", restartPolicy="Always")],
        "overhead": {"cpu": "5m"},
    }
    needed = requirements([workload("Deployment", spec={"replicas": 3}, **pod)])
    assert needed.total == Load(3, 3 * 405, 3 * 104 * MI)
    assert (needed.largest_cpu, needed.largest_memory) == (405, 104 * MI)


def test_a_limit_stands_in_for_a_request() -> None:
    limited = {"name": "c", "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m"}}}
    assert requirements([workload("Deployment", containers=[limited])]).total == Load(1, 100, GI)


def test_every_kind_counts_as_it_runs() -> None:
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "x", "namespace": "here"},
        "spec": {"minReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "scaled"}},
    }
    pods = [container()]
    given = [
        workload("Deployment", "scaled", containers=pods),
        workload("Deployment", "off", spec={"replicas": 0}, containers=[container("9", "9Gi")]),
        workload("StatefulSet", "set", spec={"replicas": 2}, containers=pods),
        workload("Job", "job", spec={"parallelism": 3}, containers=pods),
        workload("DaemonSet", "each", containers=pods),
        workload("CronJob", "later", containers=pods),
        autoscaler,
    ]
    needed = requirements(given)
    assert needed.total.pods == 4 + 2 + 3
    assert needed.per_node == Load(1, 100, 64 * MI)
    assert needed.largest_memory == 64 * MI


def test_sidecars_count_where_the_injector_would_add_them() -> None:
    values = {"global": {"proxy": {"resources": {"requests": {"cpu": "10m", "memory": "40Mi"}}}}}
    injector = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
        "data": {"values": json.dumps(values)},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "here"}}
    enabled = {**namespace, "metadata": {"name": "here", "labels": {"istio-injection": "enabled"}}}
    plain = workload("Deployment", "plain", containers=[container()])
    out = workload(
        "Deployment", "out", containers=[container()], metadata={"labels": {"sidecar.istio.io/inject": "false"}}
    )
    wish = workload(
        "Deployment", "wish", containers=[container()], metadata={"labels": {"sidecar.istio.io/inject": "true"}}
    )
    quiet = workload(
        "Deployment", "quiet", containers=[container()], metadata={"annotations": {"sidecar.istio.io/inject": "false"}}
    )
    assert requirements([injector, enabled, plain, out]).total.cpu == 210
    assert requirements([injector, enabled, plain, quiet]).total.cpu == 210
    assert requirements([injector, namespace, plain, out]).total.cpu == 200
    assert requirements([injector, namespace, wish]).total.cpu == 110
    assert requirements([enabled, plain, out]).total.cpu == 200


def test_volumes_are_counted_with_those_of_every_replica() -> None:
    spec = {"replicas": 2, "volumeClaimTemplates": [claim("1Gi")]}
    needed = requirements([claim("10Gi"), workload("StatefulSet", spec=spec, containers=[container()])])
    assert (needed.volumes, needed.storage) == (3, 12 * GI)


def needs(pods: int = 50, cpu: int = 2500, memory: int = 7 * GI, largest: int = 500) -> Requirements:
    return Requirements(Load(pods, cpu, memory), Load(1, 100, 100 * MI), largest, GI, 0, 0)


def test_five_m5_xlarge_hold_a_release_and_one_t3_medium_does_not() -> None:
    check_capacity(needs(), instance_type="m5.xlarge", nodes=5)
    with pytest.raises(UserError) as caught:
        check_capacity(needs(), instance_type="t3.medium", nodes=1, release="Kubeflow 26.03")
    message = str(caught.value)
    assert message.startswith("Kubeflow 26.03 needs 58 pods, 3.0 vCPU and 8.0 GiB, and 1 x t3.medium")
    assert "12 pods" in message
    assert "choose nodesDesired >= 5" in message
    assert "nodesInstanceType" in message


@pytest.mark.parametrize(
    "short", [{"pods": 500}, {"cpu": 40000}, {"memory": 200 * GI}], ids=lambda short: next(iter(short))
)
def test_each_of_pods_cpu_and_memory_can_be_what_is_short(short: dict[str, int]) -> None:
    with pytest.raises(UserError, match="choose nodesDesired >="):
        check_capacity(needs(**short), instance_type="m5.xlarge", nodes=5)


def test_a_pod_larger_than_a_node_is_not_helped_by_more_nodes() -> None:
    with pytest.raises(UserError, match="largest pod: choose a larger nodesInstanceType"):
        check_capacity(needs(largest=3900), instance_type="m5.xlarge", nodes=50)


def test_a_type_that_is_not_in_the_table_passes() -> None:
    assert instance("m8i.xlarge") is None
    check_capacity(needs(pods=10**6), instance_type="m8i.xlarge", nodes=1)


@given(st.integers(1, 3000), st.integers(0, 10**6), st.integers(0, 2**44), st.sampled_from(known_instances()))
def test_the_number_of_nodes_that_is_advised_suffices_and_one_less_does_not(
    pods: int, cpu: int, memory: int, name: str
) -> None:
    needed = Requirements(Load(pods, cpu, memory), Load(1, 10, MI), 0, 0, 0, 0)
    try:
        check_capacity(needed, instance_type=name, nodes=0)
    except UserError as error:
        wanted = int(str(error).partition("nodesDesired >= ")[2].partition(",")[0])
    check_capacity(needed, instance_type=name, nodes=wanted)
    with pytest.raises(UserError):
        check_capacity(needed, instance_type=name, nodes=wanted - 1)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.name)
def test_platforms_fit_the_default_node_group(platform: Path) -> None:
    needed = requirements(render(platform))
    pods, volumes = (10, 2) if platform in ALONE else (20, 3)
    assert needed.total.pods > pods
    assert needed.volumes >= volumes
    check_capacity(needed, instance_type="m5.xlarge", nodes=5)
    with pytest.raises(UserError):
        check_capacity(needed, instance_type="t3.small", nodes=1)
