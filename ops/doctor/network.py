"""Whether anything enforces the NetworkPolicies of the release."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from infra.kubeflow.traffic import with_open_paths
from infra.preflight import read_kubeconfig
from infra.settings import Settings
from ops.doctor.finding import Finding, ok, warning
from ops.project import PROJECT_ROOT
from ops.settings import SEALED
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

CHECK = "network policies"
# The DaemonSets of engines that always enforce policies, by their own installations' names.
_ENGINES = {
    "antrea-agent": "Antrea",
    "calico-node": "Calico",
    "canal": "Canal",
    "cilium": "Cilium",
    "kube-router": "kube-router",
}


class Api(Protocol):
    """What is asked of a cluster."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


Reach = Callable[[str | None, str | None], AbstractContextManager[Api]]


def check_network_policies(settings: Settings, objects: list[Manifest], reach: Reach) -> Iterator[Finding]:
    """How many policies there are, and what enforces them; nothing where the release has none."""
    count = sum(one["kind"] == "NetworkPolicy" for one in objects)
    added = len(with_open_paths(objects)) - len(objects)
    if not count:
        return
    have = f"{count} in the release, and {added} that keep open what it needs"
    inert = f"{have}; nothing enforces them"
    cluster = settings.cluster
    if settings.emulated:
        yield ok(CHECK, f"{have}; the pods on this machine send nothing")
    elif cluster.mode == "create" and cluster.network_policy:
        yield ok(CHECK, f"{have}; the VPC CNI enforces them")
    elif cluster.mode == "create":
        yield warning(CHECK, inert, "set clusterNetworkPolicy to true")
    elif cluster.stack or (cluster.kubeconfig and cluster.kubeconfig.reveal() == SEALED):
        yield ok(CHECK, f"{have}; what enforces them in the existing cluster cannot be seen from here")
    else:
        try:
            content = read_kubeconfig(cluster.kubeconfig.reveal(), PROJECT_ROOT) if cluster.kubeconfig else None
            with reach(content, cluster.context) as api:
                engine = _engine(api)
        except (UserError, OSError) as error:
            yield warning(CHECK, f"{have}; what enforces them cannot be seen ({error})", "ask who runs the cluster")
            return
        if engine is None:
            advice = "install an engine, or turn on enableNetworkPolicy of the VPC CNI add-on"
            yield warning(CHECK, f"{have}; no engine is known to enforce them there", advice)
        else:
            yield ok(CHECK, f"{have}; {engine} enforces them")


def reached(kubeconfig: str | None, context: str | None) -> AbstractContextManager[Api]:
    """A cluster by a kubeconfig's content, or by kubectl's own file."""
    # The client takes a second to import.
    from ops.cluster import Access, connected

    return connected(Access(kubeconfig=kubeconfig, context=context))


def _engine(api: Api) -> str | None:
    """What enforces policies in a cluster, if it is one of those that are known here.

    The VPC CNI says so in an argument of its agent, EKS Auto Mode in a ConfigMap (EKS user guide, "Limit Pod traffic
    with Kubernetes network policies" and "Use Network Policies with EKS Auto Mode").
    """
    for one in api.list("apps/v1", "DaemonSet"):
        name = one["metadata"]["name"]
        if name in _ENGINES:
            return _ENGINES[name]
        for container in one["spec"]["template"]["spec"]["containers"]:
            if name == "aws-node" and "--enable-network-policy=true" in (container.get("args") or ()):
                return "the VPC CNI"
    auto = api.get("v1", "ConfigMap", "kube-system", "amazon-vpc-cni") or {}
    return "EKS Auto Mode" if (auto.get("data") or {}).get("enable-network-policy-controller") == "true" else None
