"""Draining, on a cluster that plays what controllers do: what is deleted, what is waited for, what is left alone."""

from typing import Any

import pytest

from ops.drain import Scope, drain, scope_of
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title


def made(
    kind: str, name: str, namespace: str = "kubeflow", *, owner: Manifest | None = None, **content: Any
) -> Manifest:
    api_version = {
        "Ingress": "networking.k8s.io/v1",
        "Profile": "kubeflow.org/v1",
        "Notebook": "kubeflow.org/v1",
        "VolumeSnapshot": "snapshot.storage.k8s.io/v1",
    }.get(kind, "apps/v1" if kind in ("Deployment", "ReplicaSet", "StatefulSet") else "v1")
    metadata: dict[str, Any] = {"name": name, "namespace": namespace} if namespace else {"name": name}
    if owner:
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
        metadata["ownerReferences"] = [{**reference, "controller": True}]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def claim(name: str, namespace: str = "kubeflow") -> Manifest:
    return made("PersistentVolumeClaim", name, namespace, spec={"volumeName": f"pv-{name}"})


def volume(name: str, policy: str = "Delete") -> Manifest:
    return made("PersistentVolume", f"pv-{name}", "", spec={"persistentVolumeReclaimPolicy": policy})


def pod(name: str, claim: str, owner: Manifest, namespace: str = "kubeflow") -> Manifest:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return made("Pod", name, namespace, owner=owner, spec={"volumes": volumes})


class Played:
    """A cluster whose controllers act once at every look at its Profiles, with which a round begins.

    A deleted claim stays while a pod has it, a volume goes a round after its claim, a Profile takes its namespace too.
    """

    def __init__(self, *objects: Manifest, stuck: tuple[str, ...] = ()) -> None:
        self.objects = {title(one): one for one in objects}
        self.stuck = stuck
        self.deleted: list[str] = []
        self.scaled: list[str] = []

    def metadata(self, api_version: str, kind: str) -> list[Manifest]:
        return [{"metadata": one["metadata"]} for one in self.list(api_version, kind)]

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        if kind == "Profile":
            self.act()
        return [one for one in self.objects.values() if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return self.objects.get(f"{kind} {namespace}/{name}")

    def delete(self, manifest: Manifest) -> None:
        self.deleted.append(title(manifest))
        manifest["metadata"]["deletionTimestamp"] = "now"

    def scale_down(self, manifest: Manifest) -> None:
        self.scaled.append(title(manifest))
        manifest["spec"]["replicas"] = 0

    def act(self) -> None:
        claims = {one["spec"]["volumeName"] for one in self.objects.values() if one["kind"] == "PersistentVolumeClaim"}
        for name, one in list(self.objects.items()):
            if name in self.stuck:
                continue
            going = bool(one["metadata"].get("deletionTimestamp"))
            if one["kind"] == "PersistentVolumeClaim":
                going = going and not self.used(one)
            elif one["kind"] == "PersistentVolume":
                going = (
                    one["metadata"]["name"] not in claims and one["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
                )
            elif owners := one["metadata"].get("ownerReferences"):
                namespace = one["metadata"]["namespace"]
                owner = self.objects.get(f"{owners[0]['kind']} {namespace}/{owners[0]['name']}")
                going = owner is None or owner.get("spec", {}).get("replicas") == 0
            if going:
                del self.objects[name]
                if one["kind"] == "Profile":
                    inside = [
                        key
                        for key, other in self.objects.items()
                        if other["metadata"].get("namespace") == one["metadata"]["name"]
                    ]
                    for key in inside:
                        del self.objects[key]

    def used(self, claim: Manifest) -> bool:
        return any(
            one["kind"] == "Pod"
            and one["metadata"]["namespace"] == claim["metadata"]["namespace"]
            and any(
                v["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"] for v in one["spec"]["volumes"]
            )
            for one in self.objects.values()
        )


def run(cluster: Played, scope: Scope = Scope(), patience: float = 5) -> tuple[int, list[str]]:  # noqa: B008
    lines: list[str] = []
    return drain(cluster, scope, report=lines.append, patience=patience, poll=0), lines


def test_all_that_holds_something_in_aws_goes_and_the_rest_stays() -> None:
    stays = [made("Service", "ui", spec={"type": "ClusterIP"}), made("ConfigMap", "settings")]
    cluster = Played(
        made("Ingress", "front"),
        made("Service", "gateway", "istio-system", spec={"type": "LoadBalancer"}),
        claim("data"),
        volume("data"),
        made("VolumeSnapshot", "data-1"),
        *stays,
    )
    count, lines = run(cluster)
    assert count == 4
    assert list(cluster.objects.values()) == stays
    assert lines[0].startswith("waiting until the cluster has deleted 1 Ingress, 1 PersistentVolume, ")
    assert lines[-1].startswith("drained 1 Ingress, 1 PersistentVolumeClaim, 1 Service, 1 VolumeSnapshot in ")


def test_asking_many_to_go_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.progress._STILL", 0.0)
    _, lines = run(Played(*(made("Ingress", f"front-{number}") for number in range(2))))
    assert lines[:2] == [
        f"waiting since 0 s until what holds something in AWS is asked to go: {count} objects so far"
        for count in (1, 2)
    ]


def test_a_workload_that_uses_a_claim_is_scaled_down_and_left_to_the_engine() -> None:
    deployment = made("Deployment", "mysql", spec={"replicas": 1})
    replicas = made("ReplicaSet", "mysql-1", owner=deployment, spec={"replicas": 1})
    cluster = Played(deployment, replicas, pod("mysql-1-x", "data", replicas), claim("data"), volume("data"))
    run(cluster)
    assert cluster.scaled == ["Deployment kubeflow/mysql"]
    assert "Deployment kubeflow/mysql" in cluster.objects
    assert not any("PersistentVolume" in name for name in cluster.objects)


def test_a_notebook_that_uses_a_claim_is_deleted_for_its_operator_would_scale_it_up_again() -> None:
    notebook = made("Notebook", "mine", "alice")
    pods = made("StatefulSet", "mine", "alice", owner=notebook, spec={"replicas": 1})
    cluster = Played(notebook, pods, pod("mine-0", "home", pods, "alice"), claim("home", "alice"))
    run(cluster)
    assert cluster.objects == {}
    assert cluster.scaled == []
    assert cluster.deleted.count("Notebook alice/mine") == 1


def test_profiles_outside_the_state_go_with_their_namespace_and_those_in_it_are_the_engines() -> None:
    cluster = Played(made("Profile", "bob", ""), made("Profile", "user", ""), made("ConfigMap", "notes", "bob"))
    run(cluster, Scope(profiles={"user"}))
    assert list(cluster.objects) == ["Profile user"]


def test_on_a_cluster_that_others_use_only_the_stacks_namespaces_are_drained() -> None:
    cluster = Played(
        claim("theirs", "shop"),
        volume("theirs"),
        made("Service", "theirs", "shop", spec={"type": "LoadBalancer"}),
        claim("ours"),
        claim("home", "user"),
        made("Profile", "user", ""),
    )
    run(cluster, Scope(profiles={"user"}, namespaces={"kubeflow"}))
    assert set(cluster.objects) == {
        "PersistentVolumeClaim shop/theirs",
        "PersistentVolume pv-theirs",
        "Service shop/theirs",
        "Profile user",
    }


def test_a_volume_that_its_class_keeps_is_not_waited_for() -> None:
    cluster = Played(claim("data"), volume("data", "Retain"))
    assert run(cluster)[0] == 1


def test_what_comes_up_meanwhile_goes_too() -> None:
    class Restless(Played):
        def delete(self, manifest: Manifest) -> None:
            super().delete(manifest)
            if len(self.deleted) == 1:
                self.objects["Ingress kubeflow/late"] = made("Ingress", "late")

    cluster = Restless(made("Ingress", "front"))
    assert run(cluster)[0] == 2
    assert cluster.objects == {}


def test_what_does_not_go_is_named_with_its_finalizers_and_nothing_waits_for_ever() -> None:
    held = made("Service", "gateway", spec={"type": "LoadBalancer"})
    held["metadata"]["finalizers"] = ["service.kubernetes.io/load-balancer-cleanup"]
    cluster = Played(held, stuck=("Service kubeflow/gateway",))
    with pytest.raises(UserError) as error:
        run(cluster, patience=0.05)
    assert "Service kubeflow/gateway (finalizers: service.kubernetes.io/load-balancer-cleanup)" in str(error.value)
    assert "nothing else was destroyed" in str(error.value)
    assert cluster.deleted == ["Service kubeflow/gateway"], "a delete is sent once"


def test_an_empty_cluster_is_drained_without_a_word() -> None:
    assert run(Played(made("ConfigMap", "settings"))) == (0, [])


def test_the_state_says_which_profiles_and_namespaces_are_the_engines() -> None:
    urn = "urn:pulumi:dev::kubeflow::kubeflow:infra:Kubeflow$"
    state = [
        {"type": kind, "urn": f"{urn}{kind}::{name}"}
        for kind, name in (
            ("kubernetes:kubeflow.org/v1:Profile", "user"),
            ("kubernetes:core/v1:Namespace", "kubeflow"),
            ("kubernetes:core/v1:Service", "kubeflow/ui"),
            ("aws:ec2/vpc:Vpc", "vpc"),
        )
    ]
    assert scope_of(state, whole=True) == Scope(profiles={"user"})
    assert scope_of(state, whole=False) == Scope(profiles={"user"}, namespaces={"kubeflow"})
