"""The stack's own policies before a destroy."""

from typing import Any

from ops.existing import Place
from ops.lifting import lift
from ordering.manifests.objects import Manifest

GROUP = "admissionregistration.k8s.io"
BINDING = "ValidatingAdmissionPolicyBinding"


def policy(name: str, *operations: str) -> Manifest:
    rules = [{"operations": list(operations), "apiGroups": ["apps"], "resources": ["deployments"]}]
    return {
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {"matchConstraints": {"resourceRules": rules}},
    }


def binding(name: str, of: str, *actions: str) -> Manifest:
    return {"kind": BINDING, "metadata": {"name": name}, "spec": {"policyName": of, "validationActions": list(actions)}}


class Cluster:
    def __init__(self, *objects: Manifest) -> None:
        self.objects = objects
        self.deleted: list[str] = []

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for one in self.objects if one["kind"] == kind]

    def delete(self, manifest: Manifest) -> None:
        self.deleted.append(manifest["metadata"]["name"])


def lifted(*objects: Manifest, known: Any = None) -> tuple[list[str], list[str]]:
    cluster, said = Cluster(*objects), list[str]()
    names = {one["metadata"]["name"] for one in objects} if known is None else known
    lift(cluster, {Place(GROUP, BINDING, "", name) for name in names}, said.append, settle=0)
    return cluster.deleted, said


def test_bindings_that_could_refuse_a_deletion_go_first_and_are_named() -> None:
    deleted, said = lifted(
        policy("limits", "CREATE", "UPDATE"), binding("all", "limits", "Deny"),
        policy("keeps", "DELETE"), binding("keep", "keeps", "Audit", "Deny"),
    )  # fmt: skip
    assert deleted == ["all", "keep"]
    assert said == [f"deleted {BINDING} all, keep, which could refuse the deletion of what is judged by it"]


def test_what_refuses_no_deletion_stays_with_the_engine() -> None:
    at_create = [policy("at-create", "CREATE"), binding("at-create", "at-create", "Deny")]
    warns = [policy("warns", "*"), binding("warns", "warns", "Warn")]
    assert lifted(*at_create, *warns, binding("of-nothing", "nowhere", "Deny")) == ([], [])


def test_somebody_elses_stay() -> None:
    assert lifted(policy("limits", "*"), binding("all", "limits", "Deny"), known=set()) == ([], [])
