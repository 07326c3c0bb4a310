"""What a cluster's own objects mean for a release: what would stop it, and what a person may want to know."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from infra import versions
from infra.kubeflow import classes
from infra.kubeflow.capacity import check_nodes, requirements
from infra.surroundings.existing import PROMETHEUS, check_existing, controllers
from infra.surroundings.look import Surroundings
from infra.surroundings.nodes import free, grows
from infra.surroundings.others import by_pulumi, intercepting, is_answered
from infra.surroundings.remark import Remark
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

_NAMED = 3
"""Objects that a sentence names."""

# Volume plugins that left Kubernetes' own code, and the CSI drivers that serve their classes now (Kubernetes'
# "Volumes", "CSI migration").
_MIGRATED = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}
_STATIC = "kubernetes.io/no-provisioner"

_LEVEL = "pod-security.kubernetes.io/enforce"

# A node's ID begins with the name of what runs it, which gives Services addresses too: a cloud, or k3s. kind does not.
_KIND = "kind://"
_BALANCERS = ("metallb", "kube-vip", "cloud-provider-kind", "openelb")


def judge(
    found: Surroundings, objects: Sequence[Manifest], *, existing: Sequence[Manifest], release: str, version: str
) -> list[Remark]:
    """All that is remarkable; nothing of what the cluster does not tell.

    `existing` are the release's own objects of what the cluster has already, and `version` is its Kubernetes, maybe
    empty.
    """
    checks: tuple[Callable[[Surroundings, Sequence[Manifest], str], Iterator[Remark]], ...] = (
        _room,
        _provisioner,
        _installed,
        _pod_security,
        _load_balancers,
    )
    remarks = [remark for check in checks for remark in check(found, objects, release)]
    remarks += [*_webhooks(found, objects, existing), *check_existing(found, objects, existing)]
    newest = max(versions.KUBERNETES, key=versions.minor)
    if version and versions.minor(version) > versions.minor(newest):
        told = f"The cluster runs Kubernetes {version}, and the newest that this project knows is {newest}."
        remarks.append(Remark(check="Kubernetes", sentence=told))
    return remarks


def _room(found: Surroundings, objects: Sequence[Manifest], release: str) -> Iterator[Remark]:
    if found.nodes is None or found.pods is None:
        return
    try:
        check_nodes(requirements(objects), free(found.nodes, found.pods, objects), release=release)
    except UserError as error:
        if not grows(found):
            yield Remark(check="room", sentence=str(error), stops=True)
        else:
            yield Remark(check="room", sentence=f"{error} Its autoscaler may add nodes.")


def _provisioner(found: Surroundings, objects: Sequence[Manifest], release: str) -> Iterator[Remark]:
    claims = classes.without_class(objects)
    default = next((one for one in found.classes or () if classes.is_default(one)), None)
    if not claims or default is None:
        return
    name, provisioner = default["metadata"]["name"], str(default.get("provisioner"))
    drivers = None if found.drivers is None else {one["metadata"]["name"] for one in found.drivers}
    if provisioner == _STATIC:
        yield Remark(
            check="volumes",
            sentence=f"The default StorageClass {name} makes no volumes ({provisioner}), and {claims[0]} needs one; "
            "make a class the default whose provisioner does.",
            stops=True,
        )
    elif provisioner in _MIGRATED and drivers is not None and _MIGRATED[provisioner] not in drivers:
        yield Remark(
            check="volumes",
            sentence=f"The default StorageClass {name} is of {provisioner}, and the cluster lacks the CSI driver "
            f"{_MIGRATED[provisioner]}, which serves it; install that, else {claims[0]} waits for ever.",
            stops=True,
        )


def _installed(found: Surroundings, objects: Sequence[Manifest], release: str) -> Iterator[Remark]:
    ours = {name for one in objects if one["kind"] == "Deployment" for name, _ in controllers(one)}
    for one in found.deployments or ():
        if by_pulumi(one):
            continue
        for name, version in controllers(one):
            where = one["metadata"]["namespace"]
            if name in ours and name == PROMETHEUS:
                yield Remark(
                    check=name,
                    sentence=f"The cluster has {name} {version} already (namespace {where}), which would take up what "
                    "monitoring brings for its own; set monitoring to none.",
                    stops=True,
                )
            elif name in ours:
                yield Remark(
                    check=name,
                    sentence=f"The cluster has {name} {version} already (namespace {where}), and {release} brings its "
                    "own: two of them answer for the same objects; remove one.",
                )


def _webhooks(found: Surroundings, objects: Sequence[Manifest], existing: Sequence[Manifest]) -> Iterator[Remark]:
    """Webhooks of others; those of what the cluster is said to have are expected, and must answer."""
    expected = {(one["kind"], one["metadata"]["name"]) for one in existing}
    theirs = [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, **one}
        for kind, ones in (
            ("MutatingWebhookConfiguration", found.mutating),
            ("ValidatingWebhookConfiguration", found.validating),
        )
        for one in ones or ()
        if not by_pulumi(one)
    ]
    for webhook, asked in intercepting(theirs, objects, found.namespaces or ()):
        of = f"The webhook {webhook.name} of {webhook.configuration.title}"
        about = f"{asked[0]}{f' and {len(asked) - 1} more' if len(asked) > 1 else ''}"
        if webhook.service is None or found.slices is None or is_answered(webhook.service, found.slices):
            if (webhook.configuration.kind, webhook.configuration.name) not in expected:
                yield Remark(check="webhooks", sentence=f"{of} is asked about {about}, and may refuse or change them.")
        else:
            yield Remark(
                check="webhooks",
                sentence=f"{of} is asked about {about}, refuses while nobody answers (failurePolicy Fail), and its "
                f"Service {'/'.join(webhook.service)} has no ready endpoint; repair it, or delete the configuration.",
                stops=True,
            )


def _pod_security(found: Surroundings, objects: Sequence[Manifest], release: str) -> Iterator[Remark]:
    own = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"}
    for one in found.namespaces or ():
        name, level = one["metadata"]["name"], (one["metadata"].get("labels") or {}).get(_LEVEL, "privileged")
        there = [title(each) for each in objects if _has_pods(each) and each["metadata"].get("namespace") == name]
        if level != "privileged" and there and name not in own:
            yield Remark(
                check="pod security",
                sentence=f"The namespace {name} enforces the pod security level {level}, which the pods of "
                f"{', '.join(there[:_NAMED])} must meet; else they are refused.",
            )


def _has_pods(manifest: Manifest) -> bool:
    return manifest["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "ReplicaSet")


def _load_balancers(found: Surroundings, objects: Sequence[Manifest], release: str) -> Iterator[Remark]:
    wanted = [title(one) for one in objects if one["kind"] == "Service" and _balanced(one)]
    if not wanted or found.nodes is None or found.services is None or found.deployments is None:
        return
    ids = [str((one.get("spec") or {}).get("providerID") or "") for one in found.nodes]
    of_a_cloud = any(one and not one.startswith(_KIND) for one in ids)
    served = any(((one.get("status") or {}).get("loadBalancer") or {}).get("ingress") for one in found.services)
    names = " ".join(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in found.deployments)
    if not (of_a_cloud or served or any(name in names for name in _BALANCERS)):
        yield Remark(
            check="load balancers",
            sentence=f"Nothing in the cluster is known to give load balancers an address, which "
            f"{', '.join(wanted[:_NAMED])} would wait for; install MetalLB, or change the type.",
        )


def _balanced(service: Manifest) -> bool:
    spec: dict[str, Any] = service.get("spec") or {}
    return spec.get("type") == "LoadBalancer"
