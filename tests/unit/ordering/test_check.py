"""What the API server would refuse, or leave waiting, is said in a sentence; what it takes is not."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordering.check import Absent, RefusedError, check, from_a_cluster, refuse, settled, told
from ordering.graph import build
from ordering.manifests.objects import Manifest


def obj(api: str, kind: str, name: str = "a", space: str = "here", **content: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": space} if space else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


HERE = obj("v1", "Namespace", "here", "")


def web(**container: Any) -> Manifest:
    pod = {"containers": [{"name": "main", "image": "none", **container}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    return obj("apps/v1", "Deployment", spec={"selector": {"matchLabels": {"app": "web"}}, "template": template})


def sentences(*objects: Manifest, version: str = "") -> list[tuple[str, str]]:
    given = [HERE, *objects]
    return [(one.severity, one.sentence) for one in check(given, build(given), version)]


FIRST = "spec.template.spec.containers[0]"
REFUSED: list[tuple[Manifest, str]] = [
    (web(tty="true"), f'Deployment here/a has {FIRST}.tty = "true", which must be true or false.'),
    (web(image=5), f"Deployment here/a has {FIRST}.image = 5, which must be text: put it in quotes."),
    (web(args="a"), f'Deployment here/a has {FIRST}.args = "a", which must be a list.'),
    (web(imag="x"), f"Deployment here/a has {FIRST}.imag, which the API server does not know there: write image."),
    (
        web(env=[{"name": "A", "value": "1"}, {"name": "A"}]),
        f"Deployment here/a has {FIRST}.env[1], and the list has one with the same name before it: keep one of them.",
    ),
    (
        web(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]),
        f"Deployment here/a has {FIRST}.ports[1], and the list has one with the same containerPort and protocol "
        "before it: keep one of them.",
    ),
    (
        web(resources={"limits": {"cpu": "one core"}}),
        f'Deployment here/a has {FIRST}.resources.limits.cpu = "one core", which must be a quantity, such as 100m or '
        "1Gi.",
    ),
    (
        obj("v1", "ConfigMap", data={"a": {"b": 1}}),
        'ConfigMap here/a has data.a = {"b": 1}, which must be text.',
    ),
    (
        obj("v1", "ConfigMap", data={"on": True}),
        "ConfigMap here/a has data.on = true, which must be text: put it in quotes.",
    ),
    (obj("v1", "Secret", data={"a": "no base64"}), 'Secret here/a has data.a = "no base64", which must be base64.'),
    (
        obj("v1", "Secret", more=1),
        "Secret here/a has more, which the API server does not know there: correct its name and place, or take it out.",
    ),
    (
        obj("v1", "ServiceAccount", secrets=[None]),
        "ServiceAccount here/a has secrets[0] = null, which a list with keys cannot hold: take it out.",
    ),
    (
        obj("v1", "Service", spec={"ports": [{"port": 1.5}]}),
        "Service here/a has spec.ports[0].port = 1.5, which must be a whole number.",
    ),
    (
        obj("v1", "Confmap"),
        "Kubernetes 1.35 does not serve the kind of Confmap here/a, Confmap in v1: correct its kind and apiVersion.",
    ),
    (
        obj("batch/v2", "CronJob"),
        "Kubernetes 1.35 does not serve the kind of CronJob here/a, CronJob in batch/v2: write batch/v1.",
    ),
    (
        obj("v1", "ConfigMap", space="nowhere"),
        "Namespace nowhere of ConfigMap nowhere/a is in no manifest: add it, or correct metadata.namespace.",
    ),
    (
        obj("monitoring.example.com/v1", "Monitor"),
        "No manifest defines the kind of Monitor here/a, Monitor in monitoring.example.com/v1: "
        "add its definition, or leave it out.",
    ),
    (
        obj("v1", "Pod", spec={"serviceAccountName": "who", "containers": [{"name": "main"}]}),
        "ServiceAccount here/who is in no manifest, and Pod here/a wants it (its pods run as ServiceAccount here/who).",
    ),
]


@pytest.mark.parametrize(("manifest", "sentence"), REFUSED, ids=lambda value: str(value)[-60:])
def test_what_the_api_server_would_refuse_is_said(manifest: Manifest, sentence: str) -> None:
    assert sentences(manifest) == [("refused", sentence)]


TAKEN: list[Manifest] = [
    web(tty=None, args=[None], resources={"limits": {"cpu": 1, "memory": "1.5Gi"}}),
    web(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]),
    obj("v1", "Secret", data={"a": "YWFh\nYWFh"}, stringData={"a": None}),
    obj("v1", "Service", spec={"ports": [{"port": 80.0, "targetPort": "http"}, {"port": 81, "targetPort": 81}]}),
    obj("v1", "ConfigMap", "x", "kube-system"),
    # What every cluster has, and EKS, is in no manifest.
    obj(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "reader",
        "kube-system",
        roleRef={"kind": "Role", "name": "extension-apiserver-authentication-reader"},
        subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "here"}],
    ),
    obj(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "auth",
        "",
        roleRef={"kind": "ClusterRole", "name": "system:auth-delegator"},
        subjects=[
            {"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}
            for name in ("coredns", "horizontal-pod-autoscaler", "namespace-controller")
        ],
    ),
    web(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "kube-root-ca.crt", "key": "ca.crt"}}}]),
    obj("v1", "Pod", spec={"priorityClassName": "system-node-critical", "containers": []}),
    *(
        obj("v1", "PersistentVolumeClaim", spec={"storageClassName": name, "accessModes": ["ReadWriteOnce"] * 2})
        for name in ("gp2", "gp3")
    ),
]


@pytest.mark.parametrize("manifest", TAKEN, ids=lambda manifest: str(manifest)[-60:])
def test_what_it_takes_is_no_finding(manifest: Manifest) -> None:
    assert sentences(manifest) == []


def test_what_a_pod_would_wait_for_is_a_warning_once_for_all_who_ask() -> None:
    pulled = [{"name": "pull"}]
    one, other = web(envFrom=[{"secretRef": {"name": "gone"}}]), web(envFrom=[{"secretRef": {"name": "gone"}}])
    other["metadata"]["name"] = "b"
    one["spec"]["template"]["spec"]["imagePullSecrets"] = pulled
    assert [sentence for severity, sentence in sentences(one, other) if severity == "warned"] == [
        "Secret here/gone is in no manifest, and Deployment here/a and 1 more want it "
        "(its pods use Secret gone (environment of container main)).",
        "Secret here/pull is in no manifest, and Deployment here/a wants it "
        "(its pods use Secret pull (pulling images)).",
    ]


def test_another_version_of_kubernetes_is_judged_with_care() -> None:
    new = web(nextYear=1)
    assert [severity for severity, _ in sentences(new, version="1.34")] == ["refused"]
    assert sentences(new, version="v1.36.2-eks-123") == []
    assert [severity for severity, _ in sentences(web(tty=1), version="1.36+")] == ["refused"]
    assert [severity for severity, _ in sentences(obj("batch/v2", "CronJob"), version="1.36")] == ["warned"]


def test_a_cluster_settles_what_it_has_and_does_not_have() -> None:
    objects = [obj("v1", "ConfigMap", space="theirs"), obj("x.dev/v1", "Thing", space="default")]
    found = check(objects, build(objects))
    assert {one.absent for one in found} == {Absent("v1", "Namespace", "", "theirs"), Absent("x.dev/v1", "Thing")}
    assert settled(found, lambda _: True) == []
    assert settled(found, lambda _: False) == found
    unsure = settled(found, lambda _: None)
    refuse(unsure)
    assert all(line.endswith("; it is not known whether the cluster has it already.") for line in told(unsure))
    assert settled(unsure, lambda _: False) == found
    assert settled(unsure, lambda one: one.kind == "Thing") == [
        one for one in found if one.absent != ("x.dev/v1", "Thing", "", "")
    ]


def test_all_is_refused_at_once_a_sentence_each() -> None:
    objects = [HERE, web(tty=1, stdin=1)]
    with pytest.raises(RefusedError, match=r"The manifests have 2 faults that the API server would refuse:\n  - Dep"):
        refuse(check(objects, build(objects)))
    many = [HERE, web(**{f"x{number}": 1 for number in range(30)})]
    with pytest.raises(RefusedError, match="and 10 more, which `make plan` lists"):
        refuse(check(many, build(many)))
    with pytest.raises(RefusedError, match=r"^Deployment here/a has .*tty = 1, which must be true or false\.$"):
        refuse(check([*objects[:1], web(tty=1)], build(objects)))


EXPORTED = {"uid": "1", "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{}]}


def exported(*, left_out: bool, **metadata: Any) -> Sequence[tuple[str, str]]:
    manifest = web()
    manifest["metadata"] |= metadata
    manifest["status"] = {"replicas": 2}
    return [(one.severity, one.sentence) for one in from_a_cluster([manifest], left_out=left_out)]


def test_what_a_cluster_wrote_is_said() -> None:
    what = (
        "Deployment here/a has metadata.creationTimestamp, metadata.managedFields, metadata.resourceVersion, "
        "metadata.uid, status of the cluster that it comes from: "
    )
    assert exported(left_out=True, **EXPORTED) == [("warned", f"{what}it is left out; take it out.")]
    assert exported(left_out=False, **EXPORTED) == [("refused", f"{what}the API server refuses that; take it out.")]
    assert exported(left_out=False, resourceVersion="5") == [
        (
            "warned",
            "Deployment here/a has metadata.resourceVersion, status of the cluster that it comes from: it is ignored; "
            "take it out.",
        )
    ]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}
    assert exported(left_out=True, ownerReferences=[owner])[-1] == (
        "warned",
        "Deployment here/a names ConfigMap x as its owner by the uid in the cluster that it comes from: "
        "the garbage collector deletes it; take out metadata.ownerReferences.",
    )


def test_what_generators_write_is_not_of_a_cluster() -> None:
    empty = obj("v1", "Service", status={"loadBalancer": {}})
    empty["metadata"]["creationTimestamp"] = None
    names = {"kind": "Thing", "plural": "things"}
    definition = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", status={"acceptedNames": names})
    thing = obj("x.dev/v1", "Thing", status={"phase": "wanted"})
    assert from_a_cluster([empty, definition, thing], left_out=True) == []


KINDS = {
    "ConfigMap": obj("v1", "ConfigMap"),
    "Deployment": web(),
    "Role": obj("rbac.authorization.k8s.io/v1", "Role"),
    "Service": obj("v1", "Service", spec={"ports": [{"port": 80}]}),
    "Thing": obj("x.dev/v1", "Thing"),
}


SPACES = ("here", "gone", "kube-system")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(SPACES)), unique=True))
def test_variants(drawn: list[tuple[str, str]]) -> None:
    """A namespace that nobody makes is said for each kind of object in it, and nothing is said of the others."""
    objects = []
    for kind, space in drawn:
        metadata = {**KINDS[kind]["metadata"], "namespace": space}
        objects.append({**KINDS[kind], "metadata": metadata})
    names = {"kind": "Thing", "plural": "things"}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]
    spec = {"group": "x.dev", "scope": "Namespaced", "names": names, "versions": versions}
    definition = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.x.dev", "", spec=spec)
    given_ = [HERE, definition, *objects]
    found = {(one.severity, one.sentence) for one in check(given_, build(given_))}
    wanted = sorted(kind for kind, space in drawn if space == "gone")
    assert bool(found) is bool(wanted)
    if wanted:
        ((severity, sentence),) = found
        assert severity == "refused"
        assert sentence.startswith("Namespace gone of ")
