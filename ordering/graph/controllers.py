"""The controllers that finish custom resources, and what they write that no manifest holds.

An explicit table, for the kinds that a release's own objects are of: what `operators` derives from the manifests names
nobody for some of these (istiod and metacontroller hold rules for `*`), and somebody else for others. A workload is
recognised by its name, by the path of an image (which survives a mirror), or by its pods' labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload


@dataclass(frozen=True)
class Controller:
    """`groups` it finishes (only `kinds` of them, if given), and how to recognise its workloads."""

    title: str
    groups: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    images: tuple[str, ...] = ()
    labels: tuple[tuple[tuple[str, str], ...], ...] = ()

    def is_run_by(self, workload: Workload) -> bool:
        """Whether the workload is this controller."""
        if workload.id.name in self.names:
            return True
        if any(all(workload.labels.known.get(k) == v for k, v in labels) for labels in self.labels):
            return True
        return any(f"/{_path(container)}".endswith(self.images) for container in workload.containers if self.images)

    def finishes(self, id_: ObjectId) -> bool:
        """Whether objects of this kind need the controller to become real, and to go away."""
        return id_.group in self.groups and (not self.kinds or id_.kind in self.kinds)


def _path(container: Mapping[str, object]) -> str:
    """An image's path without registry tag and digest: `istio-release/pilot`."""
    reference = str(container.get("image") or "").partition("@")[0]
    directory, slash, last = reference.rpartition("/")
    return f"{directory}{slash}{last.partition(':')[0]}"


CERT_MANAGER = Controller(
    "cert-manager",
    groups=frozenset({"cert-manager.io", "acme.cert-manager.io"}),
    names=frozenset({"cert-manager"}),
    images=("/cert-manager-controller",),
)
CERT_MANAGER_WEBHOOK = Controller(
    "cert-manager's webhook", names=frozenset({"cert-manager-webhook"}), images=("/cert-manager-webhook",)
)
CA_INJECTOR = Controller(
    "cert-manager's CA injector", names=frozenset({"cert-manager-cainjector"}), images=("/cert-manager-cainjector",)
)
ISTIO = Controller(
    "istiod",
    groups=frozenset({"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"}),
    names=frozenset({"istiod"}),
    images=("/pilot",),
    labels=((("app", "istiod"),),),
)
ISTIO_CNI = Controller("Istio's network plugin", names=frozenset({"istio-cni-node"}), images=("/install-cni",))
KNATIVE = Controller(
    "Knative's controller",
    groups=frozenset(
        {
            "serving.knative.dev",
            "autoscaling.internal.knative.dev",
            "caching.internal.knative.dev",
            "networking.internal.knative.dev",
        }
    ),
    images=("/serving/cmd/controller",),
    labels=((("app.kubernetes.io/name", "knative-serving"), ("app.kubernetes.io/component", "controller")),),
)
KNATIVE_ISTIO = Controller(
    "Knative's Istio controller",
    groups=frozenset({"networking.internal.knative.dev"}),
    names=frozenset({"net-istio-controller"}),
    images=("/net-istio/cmd/controller",),
)
KNATIVE_WEBHOOKS = Controller("Knative's webhooks", images=("/serving/cmd/webhook", "/net-istio/cmd/webhook"))
PROFILE_GROUP = "kubeflow.org"
PROFILES = Controller(
    "the Profile controller",
    groups=frozenset({PROFILE_GROUP}),
    kinds=frozenset({"Profile"}),
    names=frozenset({"profiles-deployment"}),
    images=("/profile-controller",),
)
METACONTROLLER = Controller(
    "metacontroller",
    groups=frozenset({"metacontroller.k8s.io"}),
    names=frozenset({"metacontroller"}),
    images=("/metacontroller",),
)
CACHE_DEPLOYER = Controller("the cache deployer", images=("/kfp-cache-deployer",))
# They watch for their own webhook configurations and need none to start (Istio 1.28, pkg/webhooks/webhookpatch.go;
# knative.dev/pkg of January 2026, webhook/resourcesemantics).
WATCHES_ITS_WEBHOOKS = (ISTIO, KNATIVE_WEBHOOKS)
CONTROLLERS = (CERT_MANAGER, ISTIO, KNATIVE, KNATIVE_ISTIO, PROFILES, METACONTROLLER)

# What a controller writes, by kind and name, and pods mount: no pod that names one starts before. Istio's is in every
# namespace, the cache deployer's in its own.
WRITTEN = {("ConfigMap", "istio-ca-root-cert"): ISTIO, ("Secret", "webhook-server-tls"): CACHE_DEPLOYER}

# What the Profile controller makes beside the namespace, which has the Profile's name (kubeflow/kubeflow,
# components/profile-controller). The first label is in its code, the second in the file of labels that it is given.
PROFILE_ACCOUNTS = frozenset({"default-editor", "default-viewer"})
PROFILE_LABELS = {"istio-injection": "enabled", "app.kubernetes.io/part-of": "kubeflow-profile"}


class Controllers:
    """The workloads of this platform that run each known controller."""

    def __init__(self, platform: Platform) -> None:
        known = (*CONTROLLERS, CERT_MANAGER_WEBHOOK, CA_INJECTOR, ISTIO_CNI, KNATIVE_WEBHOOKS, CACHE_DEPLOYER)
        self._run_by = {c: [w.id for w in platform.workloads.values() if c.is_run_by(w)] for c in known}

    def workloads(self, controller: Controller) -> list[ObjectId]:
        """The ids of the workloads that run it, in order; none when it is not part of the platform."""
        return self._run_by[controller]


def profiles(platform: Platform) -> dict[str, ObjectId]:
    """The namespaces that the Profile controller makes, and the Profile each comes from."""
    found = {id_.name: id_ for id_ in platform.of_kind(PROFILE_GROUP, "Profile")}
    return {name: id_ for name, id_ in found.items() if not platform.find("", "Namespace", "", name)}
