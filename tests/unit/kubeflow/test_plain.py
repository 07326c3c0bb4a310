"""Plain `pulumi up` knows what was sent before, and refuses to delete what may hold data.

tests/local/test_changes.py has the engine read the state.
"""

from typing import Any

import pytest

from infra.kubeflow.plain import earlier
from ordering.errors import UserError
from ordering.graph import build
from ordering.graph.ids import id_of
from ordering.manifests.objects import Manifest


def made(kind: str, name: str, api_version: str = "v1") -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "b"}}


def state(*manifests: Manifest, suffix: str = "") -> dict[str, Any]:
    return {
        str(number): {"type": f"kubernetes:core/v1:{one['kind']}{suffix}", "outputs": {**one, "status": {}}}
        for number, one in enumerate(manifests)
    }


def test_what_was_sent_is_known_in_whatever_version() -> None:
    before = made("HorizontalPodAutoscaler", "a", "autoscaling/v1")
    now = made("HorizontalPodAutoscaler", "a", "autoscaling/v2")
    assert earlier(build([now]), state(before)).sent == {id_of(now): {**before, "status": {}}}
    assert earlier(build([now]), {}).sent == {}


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "PersistentVolume", "Namespace"])
def test_what_may_hold_data_is_not_deleted_without_being_asked(kind: str) -> None:
    with pytest.raises(UserError, match=f"This would delete {kind} b/a, which may hold data. Nothing was changed; "):
        earlier(build([made("ConfigMap", "a")]), state(made(kind, "a"), made("Secret", "a")))
    assert earlier(build([made(kind, "a")]), state(made(kind, "a"))).sent
    assert earlier(build([]), state(made(kind, "a"), suffix="Patch")).sent == {}, "a patch holds nothing"


def test_what_is_no_object_is_left_alone() -> None:
    other = {"u": {"type": "aws:s3/bucket:Bucket", "outputs": {"bucket": "a"}}}
    assert earlier(build([]), other).sent == {}


def mysql(version: str) -> Manifest:
    containers = [{"name": "mysql", "image": f"mysql:{version}"}]
    spec = {
        "selector": {"matchLabels": {"app": "mysql"}},
        "template": {"metadata": {"labels": {"app": "mysql"}}, "spec": {"containers": containers}},
    }
    metadata = {"name": "mysql", "namespace": "kubeflow"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def test_a_database_that_cannot_open_its_data_is_refused() -> None:
    claim = {**made("PersistentVolumeClaim", "mysql-pv-claim"), "spec": {}}
    claim["metadata"] = {"name": "mysql-pv-claim", "namespace": "kubeflow"}
    with pytest.raises(UserError, match=r"was opened by 8\.4, and the release brings 8\.0, which cannot open it"):
        earlier(build([mysql("8.0.26"), claim]), state(mysql("8.4"), claim))
    assert earlier(build([mysql("8.4.1"), claim]), state(mysql("8.4"), claim)).sent
    assert earlier(build([mysql("8.0.26"), claim]), state(mysql("8.4"))).sent, "there is nothing to open"
