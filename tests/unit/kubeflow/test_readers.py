"""A changed Secret or ConfigMap renews the pods that read it, and no others."""

import json
from typing import Any

import pulumi
import pytest

from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.readers import ANNOTATION, with_checksums
from infra.settings import DashboardSettings, Secret
from ordering.manifests.objects import Manifest
from tests.unit.mocks import record


def holding(kind: str, name: str, namespace: str = "a", **content: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}


def reader(kind: str = "Deployment", *, name: str = "reader", namespace: str = "a", **pod: Any) -> Manifest:
    container: Manifest = {"name": "main", **{key: pod.pop(key) for key in ("env", "envFrom") if key in pod}}
    metadata = {"labels": {"app": name}, "annotations": {"theirs": "stays"}}
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"metadata": metadata, "spec": {"containers": [container], **pod}}},
    }


def sums(*objects: Manifest) -> dict[str, str]:
    """The checksums of workloads, in which names and contents are told."""
    found = with_checksums(objects, lambda content: json.dumps(content, sort_keys=True))
    templates = {one["metadata"]["name"]: one["spec"]["template"]["metadata"] for one in found if "spec" in one}
    return {
        name: about["annotations"][ANNOTATION]
        for name, about in templates.items()
        if ANNOTATION in about["annotations"]
    }


SECRET = holding("Secret", "s", stringData={"k": "v"})
CONFIG = holding("ConfigMap", "c", data={"k": "v"})
FROM_SECRET: dict[str, Any] = {"env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}


@pytest.mark.parametrize(
    "pod",
    [
        FROM_SECRET,
        {"envFrom": [{"secretRef": {"name": "s"}}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
        {"initContainers": [{"name": "first", **FROM_SECRET}]},
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_whoever_reads_a_secret_carries_its_checksum(kind: str, pod: dict[str, Any]) -> None:
    before = sums(SECRET, CONFIG, reader(kind, **pod))
    after = sums({**SECRET, "stringData": {"k": "other"}}, CONFIG, reader(kind, **pod))
    assert before["reader"] != after["reader"]
    assert sums(SECRET, {**CONFIG, "data": {}}, reader(kind, **pod)) == before, "it does not read that one"


def test_a_config_map_renews_its_readers_too_with_all_that_they_read() -> None:
    pod: dict[str, Any] = {**FROM_SECRET, "envFrom": [{"configMapRef": {"name": "c"}}]}
    changed = {**CONFIG, "data": {"k": "other"}}
    assert sums(SECRET, CONFIG, reader(**pod)) != sums(SECRET, changed, reader(**pod))


def test_what_is_not_read_not_known_or_not_renewed_has_none() -> None:
    empty = holding("Secret", "s")
    assert sums(empty, reader(**FROM_SECRET)) == {}, "a controller fills it"
    assert sums(reader(**FROM_SECRET)) == {}, "it is not in the set"
    assert sums(SECRET, reader("Job", **FROM_SECRET)) == {}, "its template cannot change"
    assert sums(SECRET, reader(namespace="b", **FROM_SECRET)) == {}, "another namespace's"
    assert sums(SECRET, reader()) == {}


def test_the_given_objects_and_what_stands_in_them_stay() -> None:
    given = [SECRET, reader(**FROM_SECRET), reader(name="other")]
    before = json.dumps(given)
    marked = with_checksums(given, lambda _: "x")
    assert json.dumps(given) == before
    assert marked[1]["spec"]["template"]["metadata"]["annotations"] == {"theirs": "stays", ANNOTATION: "x"}
    assert marked[0] is given[0]
    assert marked[2] is given[2]


def test_a_checksum_is_no_secret_and_follows_what_is_known_only_later() -> None:
    made: dict[str, pulumi.Output[str]] = {}

    def program() -> None:
        login = GeneratedCredentials("dev", DashboardSettings(user="a@b.c", password=Secret("password")))
        for name in ("one", "other"):
            made[name] = login.checksum([{"k": pulumi.Output.secret(name)}])
        made["same"] = login.checksum([{"k": pulumi.Output.secret("one")}])
        for name, made_of in made.items():
            pulumi.export(name, made_of)

    outputs = record(program).exports
    assert outputs["one"] == outputs["same"] != outputs["other"]
    assert len(outputs["one"]) == 16, "in the open"
