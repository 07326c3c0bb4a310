from datetime import date
from pathlib import Path

import pytest

from infra.settings import SettingsError
from ops.project import PROJECT_ROOT
from ops.settings import SEALED, StackSettings, read_config, stack_settings
from ordering.errors import UserError

TODAY = date(2026, 11, 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT_ROOT / "Pulumi.yaml").read_text())
    return tmp_path


def read(root: Path, text: str, **changes: str) -> StackSettings:
    (root / "Pulumi.blue.yaml").write_text(text)
    return stack_settings("blue", changes, root=root, today=TODAY)


def test_a_file_stands_over_the_defaults(root: Path) -> None:
    found = read(
        root,
        "config:\n"
        "  kubeflow:networkZones: [us-west-2a, us-west-2c]\n"
        "  kubeflow:nodesDesired: 6\n"
        "  kubeflow:protect: true\n"
        "  kubeflow:dashboardPassword: {secure: v1:abc}\n",
    )
    assert found.settings.network.zones == ("us-west-2a", "us-west-2c")
    assert (found.settings.nodes.desired, found.settings.nodes.instance_type) == (6, "m5.xlarge")
    assert found.settings.protect
    assert not found.refused
    assert found.sealed == {"kubeflow:dashboardPassword"}
    assert found.settings.dashboard.password.reveal() == SEALED


def test_a_stack_without_a_password_can_be_read_and_says_so(root: Path) -> None:
    found = read(root, "config: {}\n")
    assert found.settings.nodes.desired == 5
    assert len(found.refused) == 1
    assert "dashboardPassword is not set" in found.refused[0]


@pytest.mark.parametrize(("password", "why"), [("12341234", "is public"), ("a good long one", "in plain text")])
def test_a_password_that_everybody_can_read_is_told(root: Path, password: str, why: str) -> None:
    found = read(root, f"config:\n  kubeflow:dashboardPassword: '{password}'\n")
    assert why in found.refused[0]
    assert password not in repr(found.settings)


def test_an_encrypted_part_of_a_value_is_known_to_be_one(root: Path) -> None:
    found = read(root, "config:\n  kubeflow:tags: {owner: {secure: v1:abc}, team: ml}\n")
    assert found.settings.tags == {"owner": SEALED, "team": "ml"}
    assert found.sealed == {"kubeflow:tags"}


def test_changes_come_on_top(root: Path) -> None:
    sealed = "config:\n  kubeflow:dashboardPassword: {secure: v1:abc}\n"
    found = read(root, sealed, nodesInstanceType="m5.large")
    assert found.settings.nodes.instance_type == "m5.large"
    assert "in plain text" in read(root, sealed, dashboardPassword="a good long one").refused[0]


def test_everything_else_that_is_wrong_is_an_error(root: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(root, "config:\n  kubeflow:nodesMin: 9\n  kubeflow:nodesDisk: 1\n")
    assert any("nodesDesired" in problem for problem in caught.value.problems)
    assert any("did you mean nodesDiskGiB?" in problem for problem in caught.value.problems)


def test_a_stack_that_is_not_there_is_named_with_those_that_are(root: Path) -> None:
    read(root, "config: {}\n")
    with pytest.raises(UserError, match=r"There is no stack 'red' \(known: blue\); make it with `make stack NAME=red`"):
        stack_settings("red", root=root)


@pytest.mark.parametrize("text", ["config: [a]\n", "just text", "config: {a\n"])
def test_a_file_that_is_no_configuration_is_named(root: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"Pulumi\.blue\.yaml(:2 is not YAML| is not a stack's settings)"):
        read(root, text)


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_the_projects_own_stacks_can_be_read(stack: str) -> None:
    assert stack_settings(stack, today=TODAY).settings.stack == stack


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1:20", "1:20"),
        ("", ""),
        ("~", ""),
        ("0x10", "16"),
        ("1_000", "1000"),
        ("1.50", "1.5"),
    ],
)
def test_a_value_is_read_as_the_engine_reads_it(root: Path, written: str, text: str) -> None:
    """As `pulumi config --json` (3.259) prints them; YAML 1.1 makes true, true, 80 and None of the first four."""
    (root / "Pulumi.blue.yaml").write_text(f"config:\n  kubeflow:clusterName: {written}\n")
    assert read_config("blue", root)[0]["kubeflow:clusterName"] == text
