"""Rules about classes: what names one needs it, and so does what names none and gets the default when it is created.

Too late, a default is no error: an Ingress has no class and nobody serves it, a pod has priority 0, for good. There is
no default RuntimeClass. A class whose fields cannot change is deleted and made again at its place in the order: what
uses it may go on meanwhile, for the API server looks at a class only when something of it is created.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ordering.graph.edges import Finding, Need
from ordering.graph.ids import ObjectId
from ordering.graph.index import Workload, mapping, mappings
from ordering.graph.rules.facts import Facts


@dataclass(frozen=True)
class _Class:
    """A kind of class, and the annotation of its default."""

    group: str
    kind: str
    default: str

    def needs(self, facts: Facts, source: ObjectId, name: Any, use: str) -> Iterator[Finding]:
        """The class of this name; every default one where there is no name at all. An empty name means none."""
        if name:
            yield from facts.needs_object(source, (self.group, self.kind, "", str(name)), f"{use} {self.kind} {name}")
        elif name is None:
            for id_ in facts.platform.of_kind(self.group, self.kind):
                if facts.platform.annotation(id_, self.default) == "true":
                    yield Need(source, id_, f"{use} the default {self.kind} {id_.name}")


_STORAGE = _Class("storage.k8s.io", "StorageClass", "storageclass.kubernetes.io/is-default-class")
_ATTRIBUTES = _Class("storage.k8s.io", "VolumeAttributesClass", "")
# plugin/pkg/admission/network/defaultingressclass of Kubernetes 1.35.
_INGRESS = _Class("networking.k8s.io", "IngressClass", "ingressclass.kubernetes.io/is-default-class")
_OLD_INGRESS = "kubernetes.io/ingress.class"
# external-snapshotter, pkg/utils/util.go: the annotation's domain is not the group's.
_SNAPSHOTS = {
    ("snapshot.storage.k8s.io", "VolumeSnapshot"): "snapshot.storage.kubernetes.io/is-default-class",
    ("groupsnapshot.storage.k8s.io", "VolumeGroupSnapshot"): "groupsnapshot.storage.kubernetes.io/is-default-class",
}


def claim_needs_storage(facts: Facts) -> Iterator[Finding]:
    """A volume claim needs its StorageClass, the default one if it names none, and the volume that it asks for."""
    platform = facts.platform
    for id_ in platform.of_kind("", "PersistentVolumeClaim"):
        spec = mapping(platform.objects[id_].get("spec"))
        yield from _storage(facts, id_, spec, "volumes come from")
        yield from _ATTRIBUTES.needs(facts, id_, spec.get("volumeAttributesClassName") or "", "volumes are changed by")
        if name := spec.get("volumeName"):
            place = ("", "PersistentVolume", "", str(name))
            yield from facts.needs_object(id_, place, f"claims PersistentVolume {name}")
    for id_ in platform.of_kind("apps", "StatefulSet"):
        for template in mappings(mapping(platform.objects[id_].get("spec")).get("volumeClaimTemplates")):
            claims = mapping(template.get("metadata")).get("name")
            yield from _storage(facts, id_, mapping(template.get("spec")), f"volumes for its claims {claims} come from")
    for workload in platform.workloads.values():
        for name, spec in _ephemeral(workload):
            yield from _storage(facts, workload.id, spec, f"its volumes {name} come from")


def _ephemeral(workload: Workload) -> Iterator[tuple[Any, Any]]:
    for volume in mappings(workload.spec.get("volumes")):
        if template := mapping(mapping(volume.get("ephemeral")).get("volumeClaimTemplate")):
            yield volume.get("name"), mapping(template.get("spec"))


def _storage(facts: Facts, source: ObjectId, spec: Any, use: str) -> Iterator[Finding]:
    # A claim that names a volume gets no default class.
    name = spec.get("storageClassName")
    yield from _STORAGE.needs(facts, source, "" if name is None and spec.get("volumeName") else name, use)


def ingress_needs_class(facts: Facts) -> Iterator[Finding]:
    """An Ingress needs its IngressClass, the default one if it names none: only its CREATE looks for that."""
    for id_ in facts.platform.of_kind("networking.k8s.io", "Ingress"):
        name = mapping(facts.platform.objects[id_].get("spec")).get("ingressClassName")
        old = facts.platform.annotation(id_, _OLD_INGRESS)
        yield from _INGRESS.needs(facts, id_, "" if name is None and old else name, "is served by")


def workload_needs_priority(facts: Facts) -> Iterator[Finding]:
    """A workload whose pods name no PriorityClass needs the one that is the default of the cluster."""
    objects = facts.platform.objects
    classes = facts.platform.of_kind("scheduling.k8s.io", "PriorityClass")
    for id_ in [one for one in classes if objects[one].get("globalDefault") is True]:
        for workload in facts.platform.workloads.values():
            if not workload.spec.get("priorityClassName"):
                yield Need(workload.id, id_, f"its pods get the priority of the default PriorityClass {id_.name}")


def snapshot_needs_class(facts: Facts) -> Iterator[Finding]:
    """A snapshot of a volume needs its class, the default one if it names none."""
    for (group, kind), default in _SNAPSHOTS.items():
        for id_ in facts.platform.of_kind(group, kind):
            spec = mapping(facts.platform.objects[id_].get("spec"))
            # One of a volume's content that is there already has no class.
            content = any(part.endswith("ContentName") for part in mapping(spec.get("source")))
            name = spec.get(f"{kind[0].lower()}{kind[1:]}ClassName")
            wanted = _Class(group, f"{kind}Class", default)
            yield from wanted.needs(facts, id_, "" if name is None and content else name, "is made by")
