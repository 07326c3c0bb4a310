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
        str(number): {"type": f"kubernetes:core/v1:{one['kind']}{suffix}", "outputs": {"__inputs": one, "status": {}}}
        for number, one in enumerate(manifests)
    }


def test_what_was_sent_is_known_in_whatever_version() -> None:
    before = made("HorizontalPodAutoscaler", "a", "autoscaling/v1")
    now = made("HorizontalPodAutoscaler", "a", "autoscaling/v2")
    assert earlier(build([now]), state(before)).sent == {id_of(now): before}
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
