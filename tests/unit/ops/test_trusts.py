"""What a preview says of roles that somebody else may take after the run."""

from ops.steps import Op, Step
from ops.trusts import ROLE, sentences


def step(name: str, change: Op, *paths: str, kind: str = ROLE) -> Step:
    return Step(urn=f"urn:pulumi:dev::kubeflow::{kind}::{name}", type=kind, change=change, paths=paths)


def test_roles_whose_trust_changes_are_named() -> None:
    steps = [
        step("b", "update", "assumeRolePolicy"),
        step("a", "update", "assumeRolePolicy.Statement[0].Principal"),
        step("tagged", "update", "tags.team"),
        step("new", "create", "assumeRolePolicy"),
        step("policy", "update", "assumeRolePolicy", kind="aws:iam/policy:Policy"),
    ]
    assert sentences(steps) == [
        "Who may take 2 roles changes: a, b. Pods that run keep what they have until that expires."
    ]
    assert sentences(steps[:1]) == [
        "Who may take a role changes: b. Pods that run keep what they have until that expires."
    ]
    assert sentences(steps[2:]) == []
