"""A cluster of somebody else's and no cloud at all: the whole life of the stack `kind`."""

from collections.abc import Iterator

import pytest

from localcloud import emulator, plane
from ops import kind
from tests.local import without_cloud
from tests.local.cluster import Cluster, Manifest, namespace
from tests.local.stack import SAMPLE, Checkout, changes, objects, unavailable
from tests.local.without_cloud import Person

CONFIG: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "theirs", "namespace": "theirs"},
    "data": {"a": "b"},
}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with without_cloud.person(tmp_path_factory.mktemp("none"), SAMPLE) as made:
        yield made


def test_the_whole_way_on_a_cluster_of_somebody_elses_without_a_cloud(person: Person) -> None:
    checkout, cluster = person.checkout, Cluster(plane.start(person.checkout.root))
    cluster.apply(namespace("theirs"), CONFIG)
    before = objects(cluster)

    checkout.must("password")
    cluster.apply(broken_webhook())
    refused = checkout.ops("up", "--yes")
    assert refused.returncode == 1, refused.stdout
    assert "refuses while nobody answers (failurePolicy Fail), and its Service theirs/gone has no" in refused.stderr
    cluster.delete("validatingwebhookconfiguration", "theirs")
    assert objects(cluster) == before
    created = [call for call in person.calls if call[:2] == ["create", "cluster"]]
    assert created == [["create", "cluster", "--name", "kubeflow", "--config", "-", "--wait", "5m"]]

    up = checkout.must("up", "--yes")
    assert "Cost: 0.00 USD a month after" in up
    assert "Dashboard: none: the manifests have neither" in up
    assert not unavailable(cluster)
    assert objects(cluster) > before
    assert {one["type"] for one in state(checkout) if one["type"].startswith("pulumi:providers:")} == {
        "pulumi:providers:kubernetes",
        "pulumi:providers:random",
    }
    assert not [one["type"] for one in state(checkout) if one["type"].startswith(("aws:", "eks:"))]
    assert set(changes(checkout.must("preview"))) == {"unchanged"}

    assert "Deleted the kind cluster" in checkout.must("destroy", "--yes")
    assert person.calls[-1] == ["delete", "cluster", "--name", kind.CLUSTER]
    assert objects(cluster) == before
    assert not emulator.alive(checkout.root)
    assert not person.looked_up


def broken_webhook() -> Manifest:
    """A webhook that is asked about every ConfigMap and refuses, since its Service is gone."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "theirs"},
        "webhooks": [
            {
                "name": "gone.theirs.test",
                "clientConfig": {"service": {"namespace": "theirs", "name": "gone"}},
                "rules": [
                    {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def state(checkout: Checkout) -> list[Manifest]:
    found: list[Manifest] = checkout.deployment()["resources"]
    return found
