"""What nobody can change of a live object; tests/local/test_changes.py holds each field against a real API server."""

import pytest

from infra.kubeflow.clashes import clashes
from ordering.manifests.objects import Manifest

BOUND: Manifest = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "storageClassName": "gp3",
    "volumeMode": "Filesystem",
    "volumeName": "pvc-1",
}


def made(kind: str, **content: object) -> Manifest:
    api = {"Job": "batch/v1", "Deployment": "apps/v1", "StatefulSet": "apps/v1"}.get(kind, "v1")
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "a", "namespace": "n"}, **content}


def claim(**spec: object) -> Manifest:
    return made("PersistentVolumeClaim", spec=spec)


def paths(live: Manifest, wanted: Manifest) -> list[str]:
    return [one.path for one in clashes(live, wanted)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, []),
        ({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}, []),
        ({"resources": {"requests": {"storage": "2Gi"}}}, []),
        ({"resources": {"requests": {"storage": "512Mi"}}}, ["spec.resources.requests.storage"]),
        ({"storageClassName": "gp2", "volumeName": "pvc-2"}, ["spec.storageClassName", "spec.volumeName"]),
    ],
)
def test_what_the_cluster_has_filled_in_is_no_clash(wanted: Manifest, found: list[str]) -> None:
    assert paths(claim(**BOUND), claim(**wanted)) == found


def test_a_selector_is_another_when_it_has_less() -> None:
    live = made("Deployment", spec={"selector": {"matchLabels": {"app": "a", "part": "b"}}})
    assert paths(live, made("Deployment", spec={"selector": {"matchLabels": {"app": "a"}}})) == ["spec.selector"]


def test_containers_that_others_add_are_theirs_and_a_missing_one_is_not() -> None:
    def job(*images: str) -> Manifest:
        containers = [{"name": image, "image": image, "env": []} for image in images]
        return made("Job", spec={"template": {"spec": {"containers": containers}}})

    live = job("a", "sidecar")
    live["spec"]["template"]["spec"] |= {"restartPolicy": "Never", "dnsPolicy": "ClusterFirst"}
    assert paths(live, job("a")) == []
    assert paths(live, job("a", "b")) == ["spec.template"]


def test_data_is_fixed_by_what_the_cluster_has_alone() -> None:
    wanted = made("ConfigMap", immutable=True, data={"a": "2"})
    assert paths(made("ConfigMap", data={"a": "1"}), wanted) == []
    assert paths(made("ConfigMap", immutable=True, data={"a": "1"}), wanted) == ["data"]
    assert paths(made("ConfigMap", immutable=True, data={"a": "2", "b": "1"}), wanted) == []


def test_no_secret_is_shown_and_no_value_at_length() -> None:
    live, wanted = (made("Secret", immutable=True, data={"a": value}) for value in ("b25l", "dHdv"))
    (told,) = map(str, clashes(live, wanted))
    assert told == "data of Secret n/a, which never changes, is another in the cluster than in the manifests"
    live, wanted = (made("ConfigMap", immutable=True, data={"a": value * 999}) for value in "xy")
    (told,) = map(str, clashes(live, wanted))
    assert "x…" in told
    assert len(told) < 400
