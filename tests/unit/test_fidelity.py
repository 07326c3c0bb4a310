"""docs/fidelity.md tells versions and numbers as they are."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from localcloud import emulator
from localcloud.emulator.conduct import phases
from tests.unit.test_aws_refusals import BAD
from tools import catalog

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "fidelity.md").read_text()


@pytest.mark.parametrize("package", ["pulumi-aws", "pulumi-eks", "pulumi-random", "botocore"])
def test_versions_are_those_that_are_installed(package: str) -> None:
    assert set(re.findall(rf"{package} ([\d.]+\d)", PAGE)) == {version(package)}


def test_the_emulator_and_the_tools_have_their_versions() -> None:
    assert f"MiniStack {version('ministack')}" in PAGE
    assert set(re.findall(r"MiniStack ([\d.]+\d)", PAGE)) == {version("ministack")}
    assert f"Pulumi {catalog.PULUMI}" in PAGE
    assert f"| {catalog.PULUMI_KUBERNETES}, or {catalog.PULUMI_KUBERNETES_MODULE} |" in PAGE


def test_numbers_are_those_of_the_code() -> None:
    assert f"| {len(BAD)} values, one or more for each type" in PAGE
    assert f"CREATING for {phases.CLUSTER:.0f} minutes, without endpoint" in PAGE
    assert f"CREATING for {phases.NODES} and {phases.ADDON:.0f} minutes" in PAGE
    assert f"pending for {phases.NAT:.0f} minutes" in PAGE
    assert f"until {phases.LAST_LOGS:.0f} minutes after the cluster's end" in PAGE
    assert f"The variable `{emulator.MINUTE}` says otherwise" in PAGE
