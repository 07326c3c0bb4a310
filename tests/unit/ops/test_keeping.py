"""Data that stays where it is: out of the state, labelled in the cluster, listed, and taken over again."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops import keeping
from ops.changes import Change, classify
from ops.existing import KEPT, look, place, refuse
from ops.steps import Op, Step
from ordering.errors import UserError
from ordering.graph import build
from ordering.graph.ids import id_of
from ordering.manifests.objects import Manifest

CLAIM: Manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "b", "namespace": "a"}}
NAME = "PersistentVolumeClaim/a/b"


class Api:
    """A cluster with one claim."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.patched = 0

    def metadata(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        key, _, value = labels.partition("=")
        chosen = key in self.labels and value in ("", self.labels[key]) if key else True
        there = (api_version, kind) == ("v1", "PersistentVolumeClaim") and chosen
        return [{"metadata": {**CLAIM["metadata"], "labels": self.labels}}] if there else []

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None:
        assert (manifest["kind"], status) == ("PersistentVolumeClaim", False)
        self.patched += 1
        labels = {**self.labels, **cast("Manifest", change)["metadata"]["labels"]}
        self.labels = {key: value for key, value in labels.items() if value is not None}


def lost(change: Op = "delete") -> list[Change]:
    type_ = "kubernetes:core/v1:PersistentVolumeClaim"
    causes = ("spec.storageClassName",)
    return classify([Step(urn=f"u::{type_}::a/b", type=type_, change=change, old=CLAIM, causes=causes)], {})


def test_what_is_kept_is_named_and_not_made_again() -> None:
    assert keeping.chosen(lost(), [NAME]) == lost()
    assert keeping.chosen(lost(), ["kept before the last run was cut short"]) == []
    with pytest.raises(UserError, match=r"made again under its name \(spec.storageClassName cannot change\)"):
        keeping.chosen(lost("replace"), [NAME])


def test_the_engine_is_told_to_leave_it_alone() -> None:
    sent = {"__inputs": {"metadata": {"name": "a", "annotations": {"b": "c"}}, "spec": {}}, "status": {}}
    resources = [{"urn": lost()[0].step.urn}, {"urn": "other"}, {"urn": "set", "outputs": sent}]
    pods = [replace(lost()[0], step=replace(lost()[0].step, urn="set"))]
    imported: list[Any] = []
    stack = SimpleNamespace(
        export_stack=lambda: SimpleNamespace(version=3, deployment={"resources": resources}),
        import_stack=imported.append,
    )
    keeping.note(cast("Any", stack), kept=lost(), pods=pods)
    (written,) = imported
    first, second, third = written.deployment["resources"]
    assert (first["retainOnDelete"], second) == (True, {"urn": "other"})
    annotations = {"b": "c", "pulumi.com/deletionPropagationPolicy": "orphan"}
    assert third["outputs"]["__inputs"] == {"metadata": {"name": "a", "annotations": annotations}, "spec": {}}
    assert "retainOnDelete" not in third


def test_it_is_listed_and_its_own_stack_has_it_again_without_being_asked() -> None:
    api = Api()
    keeping.mark(api, lost(), "dev")
    assert [(one.kind, one.id, one.kept) for one in keeping.left(api, "dev", ())] == [
        ("PersistentVolumeClaim", "a/b", True)
    ]
    assert keeping.left(api, "other", ()) == []
    found = look([id_of(CLAIM)], api)
    refuse(found, "dev")
    with pytest.raises(UserError, match="there is one object already that other would make"):
        refuse(found, "other")
    keeping.unmark(api, build([{**CLAIM, "metadata": {"name": "c", "namespace": "a"}}]))
    assert KEPT in api.labels, "what the stack does not have stays kept"
    keeping.unmark(api, build([CLAIM]))
    assert KEPT not in api.labels
    assert keeping.left(api, "dev", ()) == []


def test_what_a_failed_run_never_let_go_of_is_not_kept() -> None:
    """The engine deletes last: the label is there by then, and the claim still in the state and in use."""
    api = Api()
    keeping.mark(api, lost(), "dev")
    assert keeping.left(api, "dev", {place(id_of(CLAIM))}) == []
    keeping.unmark(api, build([CLAIM]))
    assert KEPT not in api.labels
    before = api.patched
    keeping.unmark(api, build([CLAIM]))
    assert api.patched == before
