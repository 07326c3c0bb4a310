"""What a pod of a workload cannot start without: every reference in a pod spec to another object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ordering.graph.index import Workload, mapping, mappings, texts


@dataclass(frozen=True)
class Reference:
    """A pod spec's reference: to an object of `kind` in the pod's namespace or, for classes, in the cluster."""

    group: str
    kind: str
    name: str
    use: str
    optional: bool = False


def arguments(workload: Workload) -> Iterator[str]:
    """The words that its containers are started with."""
    for container in workload.containers:
        for field in ("command", "args"):
            yield from texts(container.get(field))


def values(workload: Workload) -> Iterator[str]:
    """What the environment of its containers is set to, as far as its manifest says."""
    for container in workload.containers:
        for variable in mappings(container.get("env")):
            yield str(variable.get("value") or "")


def first(workload: Workload) -> Iterator[Reference]:
    """What its pods name that must be there before any of their containers starts.

    Where there are init containers, the other containers' environment is looked up after those have ended.
    """
    if workload.spec.get("initContainers"):
        workload = replace(workload, spec={**workload.spec, "containers": []})
    yield from references(workload)


def references(workload: Workload) -> Iterator[Reference]:
    """Every object that the pods name, with the use they make of it; the same one may come several times."""
    spec = workload.spec
    for volume in mappings(spec.get("volumes")):
        yield from _volume(volume)
    for container in workload.containers:
        name = f"container {container.get('name')}"
        for source in mappings(container.get("envFrom")):
            yield from _reference("ConfigMap", source.get("configMapRef"), f"environment of {name}")
            yield from _reference("Secret", source.get("secretRef"), f"environment of {name}")
        for variable in mappings(container.get("env")):
            value = mapping(variable.get("valueFrom"))
            use = f"{variable.get('name')} of {name}"
            yield from _reference("ConfigMap", value.get("configMapKeyRef"), use)
            yield from _reference("Secret", value.get("secretKeyRef"), use)
    for secret in mappings(spec.get("imagePullSecrets")):
        yield from _reference("Secret", secret, "pulling images")
    for group, kind, field in (
        ("scheduling.k8s.io", "PriorityClass", "priorityClassName"),
        ("node.k8s.io", "RuntimeClass", "runtimeClassName"),
    ):
        if class_ := spec.get(field):
            yield Reference(group, kind, str(class_), field)


def _volume(volume: Mapping[str, Any]) -> Iterator[Reference]:
    use = f"volume {volume.get('name')}"
    yield from _reference("ConfigMap", volume.get("configMap"), use)
    yield from _reference("Secret", volume.get("secret"), use, "secretName")
    yield from _reference("PersistentVolumeClaim", volume.get("persistentVolumeClaim"), use, "claimName")
    for source in mappings(mapping(volume.get("projected")).get("sources")):
        yield from _reference("ConfigMap", source.get("configMap"), use)
        yield from _reference("Secret", source.get("secret"), use)
    yield from _reference("Secret", mapping(volume.get("csi")).get("nodePublishSecretRef"), use)
    yield from _reference("Secret", volume.get("azureFile"), use, "secretName")
    # The drivers that predate CSI share one spelling.
    for driver in ("cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"):
        yield from _reference("Secret", mapping(volume.get(driver)).get("secretRef"), use)


def _reference(kind: str, source: Any, use: str, field: str = "name") -> Iterator[Reference]:
    source = mapping(source)
    if name := source.get(field):
        yield Reference("", kind, str(name), use, source.get("optional") is True)
