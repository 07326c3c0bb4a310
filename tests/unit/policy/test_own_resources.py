"""What the program itself registers keeps the rules: it is run to its end on a recording engine."""

from typing import Any

import pytest

from infra.program import program
from policy import RULES, Resource, Violation, check
from tests.unit.inputs import inputs
from tests.unit.mocks import record


def violations(stack: str, **changes: Any) -> list[Violation]:
    made = record(lambda: program(inputs(stack, **changes)).export(), stack=stack).resources
    assert len(made) > 60
    resources = [
        Resource(
            type=one.type,
            urn=f"urn:pulumi:{stack}::kubeflow::{one.type}::{one.name}",
            inputs=one.inputs,
            protect=one.protect,
        )
        for one in made
    ]
    return check(resources, RULES)


@pytest.mark.parametrize(
    ("stack", "changes"),
    [
        ("dev", {}),
        ("dev-blue", {"storageOnDestroy": "empty"}),
        ("prod", {"protect": True, "nodesInstanceType": "m5.4xlarge"}),
    ],
)
def test_the_programs_own_resources_keep_the_rules(stack: str, changes: dict[str, Any]) -> None:
    assert violations(stack, **changes) == []


def test_a_careless_production_stack_is_told() -> None:
    told = {
        (violation.urn.split("::")[2].rpartition(":")[2], violation.rule)
        for violation in violations("prod", storageOnDestroy="empty")
    }
    assert told == {
        ("Bucket", "protected-data"),
        ("Repository", "protected-data"),
    }
