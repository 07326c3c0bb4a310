"""What the Profile controller leaves on an account goes with the way that needed it, and anybody else's role stays."""

from typing import Any

import pytest

from infra.kubeflow.s3 import ROLE_ANNOTATION
from ops.roles_left import take_off
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest

PROFILE = ObjectId("kubeflow.org/v1", "Profile", "", "team")
OURS = "arn:aws:iam::123456789012:role/kubeflow-dev-team-default-editor-1a2b3c4"


class Live:
    def __init__(self, role: str | None) -> None:
        self.account: dict[str, Any] = {"metadata": {"annotations": {ROLE_ANNOTATION: role} if role else None}}

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return self.account if (kind, namespace, name) == ("ServiceAccount", "team", "default-editor") else None

    def annotate(self, manifest: Manifest, annotations: dict[str, str]) -> None:
        manifest["metadata"]["annotations"].update(annotations)


@pytest.mark.parametrize(
    ("role", "after"), [(OURS, ""), (OURS.replace("-dev-", "-prod-"), None), ("", None), (None, None)]
)
def test_a_role_of_the_stack_is_taken_off(role: str | None, after: str | None) -> None:
    live, told = Live(role), list[str]()
    take_off([PROFILE, ObjectId("kubeflow.org/v1", "Profile", "", "gone")], "kubeflow-dev", live, told.append)
    found = (live.account["metadata"]["annotations"] or {}).get(ROLE_ANNOTATION)
    assert found == (role if after is None and role else after)
    assert bool(told) is (after == "")
