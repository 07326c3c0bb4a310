"""Classes, by name and by default."""

from typing import Any

import pytest

from bench.synthetic import manifest, namespace, workload
from ordering.graph import build
from ordering.manifests.objects import Manifest

A = namespace("a")
VERSIONS = {
    "IngressClass": "networking.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1",
    "RuntimeClass": "node.k8s.io/v1",
    "StorageClass": "storage.k8s.io/v1",
    "VolumeAttributesClass": "storage.k8s.io/v1",
    "VolumeSnapshotClass": "snapshot.storage.k8s.io/v1",
    "VolumeGroupSnapshotClass": "groupsnapshot.storage.k8s.io/v1",
}
DEFAULT = {
    "IngressClass": "ingressclass.kubernetes.io/is-default-class",
    "StorageClass": "storageclass.kubernetes.io/is-default-class",
    "VolumeSnapshotClass": "snapshot.storage.kubernetes.io/is-default-class",
    "VolumeGroupSnapshotClass": "groupsnapshot.storage.kubernetes.io/is-default-class",
}


def class_(kind: str, name: str, *, default: bool = False) -> Manifest:
    fields: dict[str, Any] = {"globalDefault": default} if kind == "PriorityClass" else {}
    if default and kind in DEFAULT:
        fields["annotations"] = {DEFAULT[kind]: "true"}
    return manifest(VERSIONS[kind], kind, name, **fields)


ALL = [class_(kind, name, default=name == "usual") for kind in VERSIONS for name in ("usual", "special")]


def ingress(annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    return manifest("networking.k8s.io/v1", "Ingress", "user", "a", spec=spec, annotations=annotations)


def snapshot(kind: str = "VolumeSnapshot", **spec: Any) -> Manifest:
    return manifest(f"{'groups' if 'Group' in kind else 's'}napshot.storage.k8s.io/v1", kind, "user", "a", spec=spec)


def claim(**spec: Any) -> Manifest:
    return manifest("v1", "PersistentVolumeClaim", "user", "a", spec=spec)


def pods(*volumes: dict[str, Any], **pod: Any) -> Manifest:
    return workload("user", "a", volumes=list(volumes), pod=pod)


def ephemeral(**spec: Any) -> dict[str, Any]:
    return {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}


STORED = workload("user", "a", kind="StatefulSet", volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": {}}])
NAMED = {"priorityClassName": "special"}
USES: dict[str, tuple[Manifest, set[str]]] = {
    "an Ingress without a class": (ingress(), {"IngressClass usual"}),
    "an Ingress with one": (ingress(ingressClassName="special"), {"IngressClass special"}),
    "an Ingress with an empty one": (ingress(ingressClassName=""), set()),
    "an Ingress with the old annotation": (ingress({"kubernetes.io/ingress.class": "special"}), set()),
    "a snapshot without a class": (snapshot(), {"VolumeSnapshotClass usual"}),
    "a snapshot with one": (snapshot(volumeSnapshotClassName="special"), {"VolumeSnapshotClass special"}),
    "a snapshot of what is there": (snapshot(source={"volumeSnapshotContentName": "x"}), set()),
    "a snapshot of a group": (snapshot("VolumeGroupSnapshot"), {"VolumeGroupSnapshotClass usual"}),
    "a claim without a class": (claim(), {"StorageClass usual"}),
    "a claim with attributes": (
        claim(storageClassName="special", volumeAttributesClassName="special"),
        {"StorageClass special", "VolumeAttributesClass special"},
    ),
    "a claim for a volume": (claim(volumeName=""), {"StorageClass usual"}),
    "pods without a priority": (pods(), {"PriorityClass usual"}),
    "pods with one": (pods(**NAMED), {"PriorityClass special"}),
    "pods with a runtime": (
        pods(runtimeClassName="special", **NAMED),
        {"PriorityClass special", "RuntimeClass special"},
    ),
    "pods with volumes of their own": (pods(ephemeral(), **NAMED), {"PriorityClass special", "StorageClass usual"}),
    "pods with volumes of a class": (
        pods(ephemeral(storageClassName="special"), **NAMED),
        {"PriorityClass special", "StorageClass special"},
    ),
    "a StatefulSet": (STORED, {"PriorityClass usual", "StorageClass usual"}),
}


@pytest.mark.parametrize("use", USES)
def test_what_needs_which_class(use: str) -> None:
    """The case from the field is the first: six of six Ingresses had no class, without a word."""
    user, classes = USES[use]
    graph = build([A, *ALL, user])
    needed = {edge.target.title for edge in graph.edges if edge.source.name == "user" and "Class" in edge.target.kind}
    assert needed == classes
    assert all(edge.hard for edge in graph.edges)


def test_a_class_that_nobody_brings_is_named_and_no_default_is_not() -> None:
    assert [one.wanted for one in build([A, ingress(ingressClassName="nginx")]).unresolved] == ["IngressClass nginx"]
    assert not build([A, ingress(), claim(), pods()]).unresolved
