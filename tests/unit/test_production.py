"""The example of what a company runs: it is sound, and keeps every policy rule of a lasting stack."""

from datetime import date
from pathlib import Path
from typing import Any

from infra.aws.deployer import TYPES
from infra.program import program
from ops.cost import estimate
from ops.settings import SEALED, read_config, stack_settings
from policy import RULES, Resource, check
from tests.unit.inputs import inputs
from tests.unit.mocks import record
from tests.unit.settings_source import DEFAULTS

STACK, TODAY = "production", date(2026, 11, 1)
ROOT = Path(__file__).resolve().parents[2]


def given() -> dict[str, Any]:
    """What the file sets, by the setting's name."""
    config, _ = read_config(STACK)
    return {key.partition(":")[2]: value for key, value in config.items() if DEFAULTS.get(key) != value}


def test_it_lacks_nothing_and_has_every_option_of_a_company() -> None:
    found = stack_settings(STACK, today=TODAY)
    assert found.refused == ()
    wanted = found.settings
    assert wanted.address is not None
    assert wanted.database is not None
    assert (wanted.files, wanted.login.kind, wanted.login.tokens) == ("efs", "cognito", True)
    assert (wanted.backup_days, wanted.sagemaker, wanted.protect) == (35, True, True)
    assert SEALED not in found.config.values()


def test_the_bill_knows_every_option() -> None:
    priced = {line.name for line in estimate(stack_settings(STACK, today=TODAY).settings, volumes_gib=100)}
    assert {"files", "login", "address", "database", "backups", "volumes", "storage"} <= priced


def test_it_breaks_no_rule_of_a_stack_that_people_rely_on() -> None:
    found = record(lambda: program(inputs(STACK, **given())), stack=STACK)
    resources = [
        Resource(
            type=one.type,
            urn=f"urn:pulumi:{STACK}::kubeflow::{one.type}::{one.name}",
            inputs=one.inputs,
            protect=one.protect,
        )
        for one in found.resources
        if one.type.startswith("aws:")
    ]
    assert len(resources) > 90
    assert {one.type for one in resources} - TYPES.keys() == set(), "nobody may make these"
    assert check(resources, [one for one in RULES if one.level == "mandatory"]) == []
