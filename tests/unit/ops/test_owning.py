"""A Profile's namespace goes to its new owner, and anybody else's stays theirs."""

import pytest

from ops.owning import hand_on
from ordering.errors import UserError
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest

PROFILE = ObjectId("kubeflow.org/v1", "Profile", "", "team")


class Live:
    """A cluster whose Profile controller gives access to whom the namespace's annotation names."""

    def __init__(self, *, owner: str, before: str, follows: bool = True, made: str = "uid", listed: str = "") -> None:
        self.follows = follows
        self.changed: list[str] = []
        self.objects: dict[str, Manifest] = {
            "Profile": {"metadata": {"name": "team", "uid": "uid"}, "spec": {"owner": {"name": owner}}},
            "Namespace": {
                "kind": "Namespace",
                "metadata": {
                    "name": "team",
                    "annotations": {"owner": before, "other": "stays"},
                    "ownerReferences": [{"uid": made}],
                },
            },
            "RoleBinding": {
                "kind": "RoleBinding",
                "metadata": {"name": "namespaceAdmin", "annotations": {"user": listed or before, "role": "admin"}},
                "subjects": [{"name": before}],
            },
        }

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return self.objects.get(kind)

    def annotate(self, manifest: Manifest, annotations: dict[str, str]) -> None:
        self.changed.append(manifest["kind"])
        manifest["metadata"]["annotations"].update(annotations)
        profile = self.objects["Profile"]["spec"]["owner"]["name"]
        if self.follows and self.objects["Namespace"]["metadata"]["annotations"]["owner"] == profile:
            self.objects["RoleBinding"]["subjects"] = [{"name": profile}]


def handed(live: Live) -> list[str]:
    told: list[str] = []
    hand_on([PROFILE], live, told.append, patience=0)
    return told


def test_a_new_owner_has_the_namespace_the_binding_and_its_annotation() -> None:
    live = Live(owner="new@x", before="old@x")
    assert handed(live) == ["handing the namespace team from old@x to new@x"]
    assert live.changed == ["Namespace", "RoleBinding"]
    assert live.objects["Namespace"]["metadata"]["annotations"] == {"owner": "new@x", "other": "stays"}
    assert live.objects["RoleBinding"]["metadata"]["annotations"] == {"user": "new@x", "role": "admin"}
    assert handed(live) == []
    assert live.changed == ["Namespace", "RoleBinding"], "what is right is not touched again"


def test_a_run_that_was_killed_between_the_two_is_brought_to_its_end() -> None:
    live = Live(owner="new@x", before="new@x", listed="old@x")
    assert handed(live) == []
    assert live.changed == ["RoleBinding"]


def test_a_namespace_that_the_profile_did_not_make_stays_whose_it_is() -> None:
    live = Live(owner="new@x", before="somebody@x", made="other")
    with pytest.raises(
        UserError, match=r"team already exists, was not made by .* belongs to somebody@x, so .* new@x no"
    ):
        handed(live)
    assert live.changed == []


def test_a_controller_that_does_not_follow_is_told() -> None:
    with pytest.raises(UserError, match="new@x owns the Profile team, and after 0 s has no access to its namespace"):
        handed(Live(owner="new@x", before="old@x", follows=False))


@pytest.mark.parametrize("missing", ["Profile", "Namespace"])
def test_what_comes_or_goes_is_left_alone(missing: str) -> None:
    live = Live(owner="new@x", before="old@x")
    del live.objects[missing]
    assert handed(live) == []
    assert live.changed == []


def test_a_binding_that_is_yet_to_come_is_no_stale_one() -> None:
    live = Live(owner="old@x", before="old@x")
    del live.objects["RoleBinding"]
    assert handed(live) == []
