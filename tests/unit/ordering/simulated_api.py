"""A small API server with the controllers behind it, to run an order against.

It is written from the Kubernetes documentation and shares no matching code with the graph, so that a mistake there does
not cancel out here. It is as slow as a cluster may be: a workload's pods, a certificate, a definition are ready only
when somebody waits for them. What goes wrong is recorded, not raised:

- `refused`: the API server answers a request, of a client or of a controller that makes pods, with 403, 404 or 500;
- `waited`: a pod cannot start yet, so a kubelet backs off;
- `missed`: an object is sent before the webhook that should have changed it, or the policy that should judge it;
- `stuck`: a wait, or a deletion, that nothing present can end;
- `dangling`: a grant to an account that does not exist yet, which anybody may then make;
- `lost`: something goes away with something else that is deleted;
- `remade`: a controller makes again what is being taken away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.unit.ordering import simulated_policies
from tests.unit.ordering.simulated_cluster import Cluster
from tests.unit.ordering.simulated_matching import (
    HOOKS,
    WORKLOADS,
    Manifest,
    defaults_of,
    mounts,
    pods,
    selected,
    service_of,
)
from tests.unit.ordering.simulated_pods import awaits_authority, missing, patched, refusals, runs_somewhere

# Kinds whose controller holds a finalizer, by group; a kind of * stands for all.
FINALIZED = {
    ("kubeflow.org", "Profile"): "profiles",
    ("metacontroller.k8s.io", "*"): "metacontroller",
    ("serving.knative.dev", "*"): "knative",
    ("networking.internal.knative.dev", "*"): "knative",
    ("caching.internal.knative.dev", "*"): "knative",
}


@dataclass(frozen=True, order=True)
class Event:
    """Something that went wrong: what kind, on which object, and how."""

    kind: str
    subject: str
    detail: str


class SimulatedApi:
    """Takes requests one at a time.

    `universe` is all that will be sent; `self_certifying` are workloads that are ready only once their own
    configuration carries their CA; `finishes` names the workloads that finish further kinds.
    """

    def __init__(
        self,
        universe: Iterable[Manifest],
        self_certifying: Iterable[str] = (),
        finishes: Mapping[tuple[str, str], str] = MappingProxyType({}),
    ) -> None:
        self.events: list[Event] = []
        self._cluster = Cluster(universe)
        self._certifies_itself = set(self_certifying)
        self._finishes = finishes

    def create(self, manifest: Manifest) -> None:
        """POST, and what controllers do at once."""
        cluster, kind = self._cluster, manifest["kind"]
        if fault := cluster.fault(manifest) or cluster.unanswered(manifest, "CREATE"):
            self._note("refused", manifest, fault)
        self._look_for_missed(manifest)
        self._look_for_default(manifest)
        for fault in simulated_policies.refused(cluster, manifest, "CREATE"):
            self._note("refused", manifest, fault)
        cluster.stored[cluster.key(manifest)] = manifest
        if kind in WORKLOADS and kind != "CronJob":
            for fault in refusals(cluster, manifest):
                self._note("refused", manifest, f"its pods: {fault}")
            if fault := missing(cluster, manifest):
                self._note("waited", manifest, fault)
        elif kind.endswith("Binding"):
            self._look_at_subjects(manifest)
        elif manifest.get("type") == "kubernetes.io/service-account-token":
            owner = manifest["metadata"]["annotations"]["kubernetes.io/service-account.name"]
            if not cluster.has("", "ServiceAccount", manifest["metadata"]["namespace"], owner):
                self._note("lost", manifest, f"the token controller deletes it: no ServiceAccount {owner}")

    def patch(self, target: Manifest) -> None:
        """A Patch resource: its object must be there, or the patch would create it."""
        if self._cluster.key(target) not in self._cluster.stored:
            self._note("refused", target, "a Patch of what does not exist creates it")

    # Waiting

    def wait(self, manifest: Manifest, expressions: tuple[str, ...] = ()) -> None:
        """Blocks until the object is ready, as its kind or the expressions say; stuck when nothing can make it so."""
        fault = ""
        if "caBundle" in "".join(expressions):
            fault = self._bundle(manifest)
        elif "finalizers" in "".join(expressions):
            fault = "" if self._cluster.runs("profiles") else "no Profile controller runs"
            self._cluster.made.add(manifest["metadata"]["name"])
        elif expressions or manifest["kind"] in WORKLOADS:
            fault = self._become_ready(manifest)
        if fault:
            self._note("stuck", manifest, fault)
        else:
            self._cluster.ready.add(self._cluster.key(manifest))

    def _become_ready(self, manifest: Manifest) -> str:
        kind = manifest["kind"]
        if kind in WORKLOADS:
            own = manifest["metadata"]["name"] in self._certifies_itself
            return missing(self._cluster, manifest) or (awaits_authority(self._cluster, manifest) if own else "")
        if kind == "APIService":
            service = manifest["spec"]["service"]
            return self._cluster.unavailable(service["namespace"], service["name"]) or self._bundle(manifest)
        if kind in ("Issuer", "ClusterIssuer"):
            return self._issues(manifest)
        if kind == "Certificate":
            return self._issue(manifest)
        return "" if kind == "CustomResourceDefinition" else "nobody sets that condition"

    def _issues(self, manifest: Manifest) -> str:
        if not self._cluster.runs("cert-manager"):
            return "cert-manager does not run"
        if name := manifest["spec"].get("ca", {}).get("secretName"):
            namespace = manifest["metadata"].get("namespace", "cert-manager")
            return "" if self._cluster.secret(namespace, name) else f"there is no Secret {name} to sign with"
        return ""

    def _issue(self, manifest: Manifest) -> str:
        """cert-manager makes a CertificateRequest, which passes its own webhooks, and writes the Secret."""
        namespace, reference = manifest["metadata"]["namespace"], manifest["spec"]["issuerRef"]
        kind = reference.get("kind", "Issuer")
        place = "" if kind == "ClusterIssuer" else namespace
        if ("cert-manager.io", kind, place, reference["name"]) not in self._cluster.ready:
            return f"{kind} {reference['name']} is not Ready"
        metadata = {"name": "request", "namespace": namespace}
        request = {"apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest", "metadata": metadata}
        if fault := self._cluster.unanswered(request, "CREATE"):
            self._note("refused", manifest, f"its CertificateRequest: {fault}")
        self._cluster.issued.add((namespace, manifest["spec"]["secretName"]))
        return ""

    def _bundle(self, manifest: Manifest) -> str:
        """Somebody fills the caBundle: cert-manager where it is asked to, else the backend itself."""
        cluster = self._cluster
        live = cluster.stored.get(cluster.key(manifest), manifest)
        annotations = live["metadata"].get("annotations") or {}
        certificate = annotations.get("cert-manager.io/inject-ca-from")
        secret = annotations.get("cert-manager.io/inject-ca-from-secret")
        if certificate or secret:
            if not cluster.runs("cainjector"):
                return "the CA injector does not run"
            if certificate and ("cert-manager.io", "Certificate", *certificate.split("/")) not in cluster.ready:
                return f"Certificate {certificate} is not Ready"
            if secret and not cluster.secret(*secret.split("/")) and not cluster.runs("cert-manager-webhook"):
                return f"there is no Secret {secret}"
        elif live["kind"] in HOOKS:
            for job in (m for m in cluster.universe.values() if live["metadata"]["name"] in patched(m)):
                if cluster.key(job) not in cluster.ready:
                    return f"Job {job['metadata']['name']} has not patched it"
            for hook in live.get("webhooks") or []:
                if fault := cluster.unavailable(*service_of(hook)):
                    return f"its backend, which fills the bundle, does not run: {fault}"
        cluster.bundled.add(cluster.key(live))
        return ""

    # Deletion

    def delete(self, manifest: Manifest) -> None:
        """DELETE, waited for: webhooks are asked, finalizers run, what still uses the object is looked at."""
        cluster, place = self._cluster, self._cluster.key(manifest)
        if fault := cluster.unanswered(manifest, "DELETE"):
            self._note("refused", manifest, fault)
        for fault in simulated_policies.refused(cluster, manifest, "UPDATE"):
            self._note("stuck", manifest, f"the garbage collector's update: {fault}")
        controller = FINALIZED.get(place[:2]) or FINALIZED.get((place[0], "*"))
        if controller and runs_somewhere(cluster, controller) and not cluster.runs(controller):
            self._note("stuck", manifest, f"its finalizer: {controller} does not run")
        if (operator := self._finishes.get(place[:2])) and not cluster.is_ready(operator):
            self._note("stuck", manifest, f"its finalizer: {operator} does not run")
        cluster.stored.pop(place, None)
        self._sum_up(manifest)
        cluster.ready.discard(place)
        cluster.bundled.discard(place)
        self._look_at_what_is_left(manifest)

    def _sum_up(self, part: Manifest) -> None:
        """The aggregation controller applies the sum of roles again when one of them goes."""
        labels = part["metadata"].get("labels") or {}
        for role in [role for role in self._cluster.of("ClusterRole") if part["kind"] == "ClusterRole"]:
            for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or []:
                if selected(selector, labels):
                    self._note("remade", role, f"{part['metadata']['name']} is taken out of it while it goes")

    def _look_at_what_is_left(self, manifest: Manifest) -> None:
        cluster = self._cluster
        _, kind, namespace, name = cluster.key(manifest)
        if kind == "Namespace" or (kind == "Profile" and name in cluster.made):
            for other in [other for other in cluster.stored if other[2] == name]:
                self._note("lost", manifest, f"{other[1]} {other[3]} goes with it")
        elif kind == "CustomResourceDefinition":
            defined = (manifest["spec"]["group"], manifest["spec"]["names"]["kind"])
            for other in [other for other in cluster.stored if other[:2] == defined]:
                self._note("lost", manifest, f"{other[1]} {other[3]} goes with it")
        grants = [subject for subject in manifest.get("subjects") or [] if subject["kind"] == "ServiceAccount"]
        if not grants and kind not in ("PersistentVolumeClaim", "Secret", "ConfigMap", "ServiceAccount"):
            return
        for workload in [m for m in cluster.stored.values() if m["kind"] in WORKLOADS]:
            for pod in pods(workload):
                place, account = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")
                acts = any((s.get("namespace"), s["name"]) == (place, account) for s in grants)
                uses = place == namespace and (kind, name) in {*mounts(pod["spec"]), ("ServiceAccount", account)}
                if acts or uses:
                    self._note("stuck", manifest, f"{workload['metadata']['name']} still needs it")

    # Looks

    def _look_for_missed(self, manifest: Manifest) -> None:
        cluster = self._cluster
        for fault in simulated_policies.missed(cluster, manifest):
            self._note("missed", manifest, fault)
        later = [m for m in cluster.hooks if m["kind"] == HOOKS[0] and cluster.key(m) not in cluster.stored]
        for subject in (manifest, *pods(manifest)) if later else ():
            for configuration, hook in cluster.asked(subject, "CREATE", later):
                self._note(
                    "missed", manifest, f"{hook['name']} of {configuration['metadata']['name']} is not there yet"
                )

    def _look_at_subjects(self, binding: Manifest) -> None:
        for subject in binding.get("subjects") or []:
            if subject["kind"] == "ServiceAccount":
                place = ("", "ServiceAccount", subject.get("namespace", ""), subject["name"])
                if place in self._cluster.universe and place not in self._cluster.stored:
                    self._note("dangling", binding, f"grants to {subject['name']}, which does not exist yet")

    def _look_for_default(self, manifest: Manifest) -> None:
        """What names no class gets the default one when it is created, or none for good."""
        for classes, mark in defaults_of(manifest):
            for place, class_ in self._cluster.universe.items():
                marked = {**(class_["metadata"].get("annotations") or {}), "globalDefault": class_.get("globalDefault")}
                if (
                    class_["kind"] == classes
                    and marked.get(mark) in ("true", True)
                    and place not in self._cluster.stored
                ):
                    self._note("waited", manifest, f"it gets no class: the default {classes} is not there yet")

    def _note(self, kind: str, manifest: Manifest, detail: str) -> None:
        self.events.append(Event(kind, f"{manifest['kind']} {manifest['metadata']['name']}", detail))
