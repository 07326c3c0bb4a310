"""All objects of a platform, indexed: whatever a rule looks up costs the same for 100 objects and for 10,000."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ordering.errors import UserError
from ordering.graph import kinds
from ordering.graph.ids import Names, ObjectId, id_of
from ordering.graph.selectors import Labels, Requirement, Selector, matches
from ordering.manifests.objects import Manifest

_TEMPLATES = {
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("", "ReplicationController"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("", "Pod"): (),
}
# Labels that controllers add to the pods they make; the API server sees them at the pod's CREATE.
_ADDED_LABELS = {
    "Deployment": ("pod-template-hash",),
    "ReplicaSet": ("pod-template-hash",),
    "StatefulSet": ("statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "controller-revision-hash"),
    "DaemonSet": ("controller-revision-hash", "pod-template-generation"),
    "Job": ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"),
    "CronJob": ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"),
}


@dataclass(frozen=True)
class Definition:
    """A CustomResourceDefinition, as far as it orders anything."""

    id: ObjectId
    group: str
    kind: str
    plural: str
    namespaced: bool
    served: frozenset[str]
    stored: str


@dataclass(frozen=True)
class Workload:
    """An object that makes pods (or is one): its pods' namespace, labels, template and spec."""

    id: ObjectId
    namespace: str
    labels: Labels
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> Iterator[Mapping[str, Any]]:
        """Every container of a pod, those that only start it first."""
        for field in ("initContainers", "containers", "ephemeralContainers"):
            yield from mappings(self.spec.get(field))


class Platform:
    """The objects by id and by what else they are looked up with. Built once; rules only read it."""

    def __init__(self, objects: Iterable[Manifest], overrides: Iterable[tuple[str, str]] = ()) -> None:
        """UserError names the object that appears twice, is malformed, or is a custom resource in no served version."""
        found = [(id_of(manifest), manifest) for manifest in objects]
        found.sort(key=lambda pair: pair[0])
        self.overrides = tuple(overrides)
        self.objects: dict[ObjectId, Manifest] = {}
        self._kinds: dict[tuple[str, str], list[ObjectId]] = defaultdict(list)
        for id_, manifest in found:
            self._kinds[id_.group, id_.kind].append(id_)
            if id_ in self.objects:
                raise UserError(f"{id_.title} ({id_}) appears twice: keep one of them.")
            self.objects[id_] = manifest
        self.definitions = {(d.group, d.kind): d for d in map(self._definition, self.of_kind(*CRD))}
        self._places: dict[tuple[str, str, str, str], ObjectId] = {}
        for id_ in self.objects:
            place = (id_.group, id_.kind, self.namespace(id_), id_.name)
            if (other := self._places.setdefault(place, id_)) != id_:
                raise UserError(f"{id_.title} appears twice, as {other} and as {id_}: keep one of them.")

    def of_kind(self, group: str, kind: str) -> list[ObjectId]:
        """The ids of all objects of a kind, in order."""
        return self._kinds.get((group, kind), [])

    def find(self, group: str, kind: str, namespace: str, name: str) -> ObjectId | None:
        """The object of that kind and name, in whatever version."""
        return self._places.get((group, kind, namespace, name))

    def is_namespaced(self, id_: ObjectId) -> bool:
        """Whether the object lives in a namespace; for kinds that nothing here defines, whether it says so."""
        if definition := self.definitions.get((id_.group, id_.kind)):
            return definition.namespaced
        if id_.group in kinds.BUILT_IN_GROUPS:
            return (id_.group, id_.kind) not in kinds.CLUSTER_SCOPED
        return bool(id_.namespace)

    def namespace(self, id_: ObjectId) -> str:
        """Where the API server puts the object: `default` when a namespaced one says nothing, empty for the cluster."""
        return (id_.namespace or "default") if self.is_namespaced(id_) else ""

    def plural(self, id_: ObjectId) -> str:
        """The resource name that admission rules know the object's kind by."""
        definition = self.definitions.get((id_.group, id_.kind))
        return definition.plural if definition else kinds.plural(id_.kind)

    def annotation(self, id_: ObjectId, name: str) -> str:
        """An annotation's value; empty when it is not there."""
        return str(mapping(self.objects[id_]["metadata"].get("annotations")).get(name) or "")

    @cached_property
    def names(self) -> Names:
        """Finds objects by the names that people use for them."""
        return Names(self.objects)

    @cached_property
    def workloads(self) -> dict[ObjectId, Workload]:
        """Everything that makes pods."""
        found = (self._workload(id_, path) for kind, path in _TEMPLATES.items() for id_ in self.of_kind(*kind))
        return {workload.id: workload for workload in found}

    @cached_property
    def accounts(self) -> dict[tuple[str, str], list[Workload]]:
        """Workloads by the namespace and name of the ServiceAccount that their pods run as."""
        found: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads.values():
            found[workload.namespace, account_of(workload.spec)].append(workload)
        return found

    @cached_property
    def _labelled(self) -> dict[tuple[str, str, str], list[Workload]]:
        found: dict[tuple[str, str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads.values():
            for key, value in workload.labels.known.items():
                found[workload.namespace, key, value].append(workload)
        return found

    @cached_property
    def _residents(self) -> dict[str, list[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for workload in self.workloads.values():
            found[workload.namespace].append(workload)
        return found

    def residents(self, namespace: str) -> list[Workload]:
        """The workloads of a namespace."""
        return self._residents.get(namespace, [])

    def selected(self, namespace: str, selector: Selector) -> list[Workload]:
        """The workloads of a namespace whose pods a selector surely selects."""
        pairs = [(r.key, value) for r in selector if r.operator == "In" and len(r.values) == 1 for value in r.values]
        lists = [self._labelled.get((namespace, *pair), []) for pair in pairs]
        # The rarest label first: what carries it is all that could match.
        candidates = min(lists, key=len, default=self.residents(namespace))
        return [workload for workload in candidates if matches(selector, workload.labels)]

    def behind(self, service: ObjectId) -> list[Workload]:
        """The workloads whose pods a Service selects; none when it has no selector."""
        labels = mapping(mapping(self.objects[service].get("spec")).get("selector"))
        selector = tuple(Requirement(str(key), "In", frozenset({str(value)})) for key, value in labels.items())
        return self.selected(self.namespace(service), selector) if selector else []

    def _workload(self, id_: ObjectId, path: tuple[str, ...]) -> Workload:
        template: Any = self.objects[id_]
        for field in path:
            template = mapping(template).get(field)
        template = mapping(template)
        metadata = mapping(template.get("metadata"))
        labels = {str(k): str(v) for k, v in mapping(metadata.get("labels")).items()}
        added = frozenset(_ADDED_LABELS.get(id_.kind, ()))
        return Workload(id_, self.namespace(id_), Labels(labels, added), metadata, mapping(template.get("spec")))

    def _definition(self, id_: ObjectId) -> Definition:
        spec = mapping(self.objects[id_].get("spec"))
        names = mapping(spec.get("names"))
        versions = list(mappings(spec.get("versions")))
        served = frozenset(str(v.get("name")) for v in versions if v.get("served"))
        if not served:
            raise UserError(f"{id_.title} serves no version: set served to true for one of spec.versions.")
        stored = next((str(v.get("name")) for v in versions if v.get("storage")), "")
        for field in ("group", "names"):
            if not spec.get(field):
                raise UserError(f"{id_.title} has no spec.{field}: complete it.")
        for field in ("kind", "plural"):
            if not names.get(field):
                raise UserError(f"{id_.title} has no spec.names.{field}: complete it.")
        namespaced = spec.get("scope") != "Cluster"
        return Definition(id_, str(spec["group"]), str(names["kind"]), str(names["plural"]), namespaced, served, stored)


CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


def account_of(spec: Mapping[str, Any]) -> str:
    """The ServiceAccount that a pod of this spec runs as."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The mappings in a list; nothing when it is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def texts(value: Any) -> Iterator[str]:
    """The texts in a list; nothing when it is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
