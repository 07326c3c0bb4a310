"""The doctor says what enforces the release's NetworkPolicies, and warns where nothing does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.synthetic import manifest, namespace, service, workload
from ops.doctor.finding import Finding
from ops.doctor.network import Reach, check_network_policies
from ops.settings import SEALED
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from tests.unit.settings_source import settings

FRONT = service("front", "here")
FRONT["spec"]["type"] = "LoadBalancer"
POLICY = manifest("networking.k8s.io/v1", "NetworkPolicy", "none", "here", spec={"podSelector": {}})
RELEASE = [namespace("here"), FRONT, workload("front", "here"), POLICY]


class Cluster:
    def __init__(self, *objects: Manifest) -> None:
        self.objects = objects

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for one in self.objects if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return next((one for one in self.list(api_version, kind) if one["metadata"]["name"] == name), None)


def reach(*objects: Manifest, error: Exception | None = None) -> Reach:
    @contextmanager
    def reached(kubeconfig: str | None, context: str | None) -> Iterator[Cluster]:
        if error:
            raise error
        assert (kubeconfig, context) == (None, "theirs")
        yield Cluster(*objects)

    return reached


def found(*objects: Manifest, error: Exception | None = None, stack: str = "dev", **changes: Any) -> Finding:
    (finding,) = check_network_policies(settings(stack, **changes), RELEASE, reach(*objects, error=error))
    return finding


def existing(*objects: Manifest, error: Exception | None = None) -> Finding:
    return found(*objects, error=error, clusterMode="existing", clusterContext="theirs")


def node_agent(name: str, *args: str) -> Manifest:
    pod = {"containers": [{"name": "one", "image": "none"}, {"name": "agent", "image": "none", "args": list(args)}]}
    return workload(name, "kube-system", kind="DaemonSet", pod=pod)


def test_a_cluster_of_the_stack_enforces_them_unless_it_is_told_not_to() -> None:
    finding = found()
    assert (finding.state, finding.found) == (
        "ok",
        "1 in the release, and 1 that keep open what it needs; the VPC CNI enforces them",
    )
    off = found(clusterNetworkPolicy="false")
    assert (off.state, off.advice) == ("warning", "set clusterNetworkPolicy to true")
    assert found(stack="local", emulated="true").state == "ok"


AUTO = manifest("v1", "ConfigMap", "amazon-vpc-cni", "kube-system", data={"enable-network-policy-controller": "true"})


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        (node_agent("aws-node", "--enable-ipv6=false", "--enable-network-policy=true"), "the VPC CNI"),
        (node_agent("calico-node"), "Calico"),
        (node_agent("cilium"), "Cilium"),
        (AUTO, "EKS Auto Mode"),
    ],
)
def test_an_engine_of_an_existing_cluster_is_recognised(engine: Manifest, name: str) -> None:
    finding = existing(engine)
    assert (finding.state, finding.found.rpartition("; ")[2]) == ("ok", f"{name} enforces them")


@pytest.mark.parametrize("engine", [(), (node_agent("aws-node", "--enable-network-policy=false"),)])
def test_an_existing_cluster_without_an_engine_is_a_warning(engine: tuple[Manifest, ...]) -> None:
    finding = existing(*engine)
    assert (finding.state, finding.found.rpartition("; ")[2]) == (
        "warning",
        "no engine is known to enforce them there",
    )


@pytest.mark.parametrize("error", [OSError("no route"), UserError("The cluster refuses: Forbidden")])
def test_a_cluster_that_does_not_tell_is_a_warning(error: Exception) -> None:
    finding = existing(error=error)
    assert finding.state == "warning"
    assert str(error) in finding.found


def test_what_is_read_later_is_said() -> None:
    named: list[dict[str, Any]] = [{"clusterStack": "org/kubeflow/base"}, {"clusterKubeconfig": SEALED}]
    for changes in named:
        assert "cannot be seen from here" in found(clusterMode="existing", **changes).found


def test_a_release_without_policies_is_not_mentioned() -> None:
    assert list(check_network_policies(settings("dev"), RELEASE[:-1], reach())) == []
