"""`make stack`: what a new stack has for itself, what it takes from dev, and which names and blocks are refused."""

import json
import re
import shutil
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.instances import GI, instance
from infra.kubeflow.capacity import EKS_PER_CLUSTER, Load, Requirements, check_capacity
from infra.settings import Settings
from infra.settings import load as load_settings
from ops import cost, new_stack, sizes
from ops.commands import stack as stack_command
from ops.doctor.release import check_volumes
from ops.project import PROJECT_ROOT
from ops.settings import stack_settings
from ops.sizes import Size
from ordering.errors import UserError
from tests.unit.settings_source import DEFAULTS

KUBEFLOW = Requirements(Load(60, 6500, 16 * GI), Load(1, 100, 0), 1000, 2 * GI, 3, 50 * GI)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the settings files that the repository has, whose release claims 50 GiB."""
    monkeypatch.setattr(cost, "claimed_gib", lambda settings: 50)
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.local.yaml"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    return tmp_path


def config(path: Path) -> dict[str, Any]:
    """The settings of a file, by full key."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())["config"]
    return found


def loaded(path: Path, stack: str) -> Settings:
    """The settings as the program reads them, the password set."""
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config(path).items()}
    password = "kubeflow:dashboardPassword"
    return load_settings(
        "kubeflow",
        stack,
        {**DEFAULTS, **given, password: "correct horse"},
        defaults=DEFAULTS,
        today=date(2026, 11, 1),
        secret_keys=[password],
    )


def test_two_new_stacks_share_nothing_with_each_other_or_with_dev(folder: Path) -> None:
    stacks = {}
    for name, owner in (("dev-blue", "alice"), ("dev-red", "bob@example.com")):
        path, new = new_stack.create(name, folder=folder, owner=owner)
        stacks[name] = loaded(path, name)
        assert stacks[name].network.cidr == new.cidr
    stacks["dev"] = loaded(folder / "Pulumi.dev.yaml", "dev")
    blocks = [stack.network.cidr for stack in stacks.values()]
    assert not any(one.overlaps(other) for one in blocks for other in blocks if one is not other)
    assert len({stack.name for stack in stacks.values()}) == 3
    assert len({stack.cluster.name for stack in stacks.values()}) == 3
    assert stacks["dev-red"].resource_tags == {
        "stack": "dev-red",
        "owner": "bob@example.com",
        "pulumi:project": "kubeflow",
        "pulumi:stack": "dev-red",
    }
    assert stacks["dev-blue"].nodes == stacks["dev"].nodes


def test_a_small_stack_has_a_node_in_each_of_its_zones_so_that_doctor_has_nothing_to_say(folder: Path) -> None:
    for nodes, zones in ((2, "ab"), (3, "abc"), (5, "abcd")):
        path, _ = new_stack.create(f"dev-{nodes}", folder=folder, owner="alice", size=Size("m5.large", nodes))
        small = loaded(path, f"dev-{nodes}")
        assert small.network.zones == tuple(f"us-west-2{letter}" for letter in zones)
        needed = Requirements(Load(), Load(), 0, 0, volumes=3, storage=GI)
        assert [one.state for one in check_volumes(needed, small)] == ["ok"]


def test_what_dev_has_of_its_own_stays_with_dev_and_comments_of_the_rest_come_along(folder: Path) -> None:
    (folder / "Pulumi.dev.yaml").write_text(
        """# The team's.
encryptionsalt: v1:abc
config:
  # Close to us.
  aws:region: eu-west-1

  kubeflow:networkZones: [eu-west-1a, eu-west-1b]  # two will do
  kubeflow:dashboardPassword:
    secure: v1:topsecret
  kubeflow:clusterName: the-one
  kubeflow:protect: true
  kubeflow:tags:
    team: ml
    # who pays
    owner: everybody
  # A release of our own.
  kubeflow:kubeflowPath: manifests/dev
"""
    )
    path, _ = new_stack.create("dev-blue", folder=folder, owner="alice")
    text = path.read_text()
    assert "# Close to us.\n  aws:region: eu-west-1\n" in text
    assert "# two will do" in text
    assert "# A release of our own.\n  kubeflow:kubeflowPath: manifests/dev\n" in text
    assert config(path) == {
        "aws:region": "eu-west-1",
        "kubeflow:networkZones": ["eu-west-1a", "eu-west-1b"],
        "kubeflow:kubeflowPath": "manifests/dev",
        "kubeflow:networkCidr": "10.1.0.0/16",
        "kubeflow:tags": {"team": "ml", "stack": "dev-blue", "owner": "alice"},
        "kubeflow:storageOnDestroy": "empty",
    }
    for gone in ("encryptionsalt", "secure", "the-one", "The team's"):
        assert gone not in text


@pytest.mark.parametrize(
    "text",
    [
        "config:\n    aws:region: eu-west-1\n    kubeflow:protect: true\n",
        "# What config: has.\nconfig: # ours\n  aws:region: eu-west-1\n  protect: true",
        '"config":\n  aws:region: eu-west-1\n  kubeflow:dashboardPassword: {secure: v1:a}\n',
    ],
)
def test_a_file_is_made_of_devs_in_whatever_form_that_is(folder: Path, text: str) -> None:
    (folder / "Pulumi.dev.yaml").write_text(text)
    path, _ = new_stack.create("dev-blue", folder=folder, owner="alice")
    assert config(path) == {
        "aws:region": "eu-west-1",
        "kubeflow:networkCidr": "10.1.0.0/16",
        "kubeflow:tags": {"stack": "dev-blue", "owner": "alice"},
        "kubeflow:storageOnDestroy": "empty",
    }


@pytest.mark.parametrize(
    "text", ["config: {aws:region: eu-west-1}\n", "config:\n  - &a\n", "config:\n  ? aws:region\n  : a\n"]
)
def test_no_file_is_made_of_one_that_is_not_in_lines(folder: Path, text: str) -> None:
    (folder / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(UserError, match=r"Pulumi[.]dev[.]yaml"):
        new_stack.create("dev-blue", folder=folder, owner="alice")
    assert not (folder / "Pulumi.dev-blue.yaml").exists()


def test_a_block_is_taken_however_its_key_is_written(folder: Path) -> None:
    (folder / "Pulumi.there.yaml").write_text("config:\n  networkCidr: 10.1.0.0/16\n")
    _, new = new_stack.create("dev-blue", folder=folder, owner="alice")
    assert new.cidr == IPv4Network("10.2.0.0/16")


def test_the_address_the_snapshot_and_the_way_back_stay_with_dev_and_the_account_comes_along(folder: Path) -> None:
    """A load balancer for a host that leads to dev would be reached by nobody, and one with a zone never comes up."""
    dev = folder / "Pulumi.dev.yaml"
    dev.write_text(
        dev.read_text()
        + """\
  aws:allowedAccountIds: ["123456789012"]
  kubeflow:addressHost: kubeflow.example.com
  kubeflow:addressZone: Z0123456789ABCDEFGHIJ
  kubeflow:addressCertificate: arn:aws:acm:us-west-2:123456789012:certificate/1
  kubeflow:addressScheme: internal
  kubeflow:addressCidrs:
    # the office
    - 10.0.0.0/8
  kubeflow:addressWaf: true
  kubeflow:database: rds
  kubeflow:databaseSnapshot: of-dev
  kubeflow:kubeflowReleaseBefore: "1.10.2"
"""
    )
    path, _ = new_stack.create("dev-blue", folder=folder, owner="alice")
    stack = loaded(path, "dev-blue")
    assert stack.address is None
    assert stack.database is not None
    assert stack.database.snapshot is None
    assert stack.kubeflow.release_before is None
    assert config(path)["aws:allowedAccountIds"] == ["123456789012"]
    assert new_stack.left_out(path, folder) == [
        "addressHost",
        "addressZone",
        "addressCertificate",
        "addressScheme",
        "addressCidrs",
        "addressWaf",
        "databaseSnapshot",
        "kubeflowReleaseBefore",
    ]


def test_a_stack_made_from_what_a_company_runs_is_sound(folder: Path) -> None:
    shutil.copy(PROJECT_ROOT / "Pulumi.production.yaml", folder / "Pulumi.dev.yaml")
    path, _ = new_stack.create("try-it", folder=folder, owner="alice")
    assert loaded(path, "try-it").login.kind == "cognito"
    assert "example.com" not in path.read_text().replace("platform@example.com", "")


def test_a_size_takes_the_place_of_devs_nodes(folder: Path) -> None:
    path, _ = new_stack.create("dev-blue", folder=folder, owner="alice", size=Size("m5.large", 4))
    nodes = loaded(path, "dev-blue").nodes
    assert (nodes.instance_type, nodes.min, nodes.desired, nodes.max) == ("m5.large", 4, 4, 6)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Dev-Blue", "lower-case letters, digits and single dashes, a letter first; write dev-blue."),
        ("dev blue", "write dev-blue."),
        ("dev.blue", "write dev-blue."),
        ("-dev", "write dev."),
        ("dev--blue", "write dev-blue."),
        ("1dev", "write dev."),
        ("", "lower-case letters, digits and single dashes, a letter first."),
        ("ü", "a letter first."),
        ("../../etc/x", "write etc-x."),
        ("d" * 31, "has 31 characters; use at most 30."),
        ("dev", "There is a stack 'dev' already (Pulumi.dev.yaml)"),
        ("local", "There is a stack 'local' already"),
    ],
)
def test_a_bad_name_is_refused_in_one_sentence_and_nothing_is_written(folder: Path, name: str, words: str) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(UserError) as error:
        new_stack.create(name, folder=folder, owner="alice")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(folder.iterdir()) == before


def test_the_longest_name_passes_all_that_the_program_checks(folder: Path) -> None:
    name = "d" * new_stack.LONGEST_NAME
    path, _ = new_stack.create(name, folder=folder, owner="alice")
    assert loaded(path, name).stack == name


def test_an_owner_that_no_tag_can_hold_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="write a name or an e-mail address as OWNER"):
        new_stack.create("dev-blue", folder=folder, owner="alice\nconfig:")


def test_a_block_that_another_stack_has_is_refused_and_a_free_one_named(folder: Path) -> None:
    new_stack.create("dev-blue", folder=folder, owner="alice")
    with pytest.raises(
        UserError, match=r"10\.1\.0\.0/17 overlaps 10\.1\.0\.0/16 of the stack dev-blue; take 10\.2\.0\.0/16"
    ):
        new_stack.create("dev-red", folder=folder, owner="bob", block="10.1.0.0/17")
    _, new = new_stack.create("dev-red", folder=folder, owner="bob", block="10.9.0.0/16")
    assert new.cidr == IPv4Network("10.9.0.0/16")


def test_a_stack_on_a_cluster_that_exists_takes_no_block(folder: Path) -> None:
    (folder / "Pulumi.there.yaml").write_text(
        "config: {kubeflow:clusterMode: existing, kubeflow:networkCidr: 10.1.0.0/16}\n"
    )
    _, new = new_stack.create("dev-blue", folder=folder, owner="alice")
    assert new.cidr == IPv4Network("10.1.0.0/16")


@pytest.mark.parametrize("text", ["config: {kubeflow:networkCidr: 10.1/16}\n", "config: [\n"])
def test_a_broken_file_of_another_stack_is_named(folder: Path, text: str) -> None:
    (folder / "Pulumi.odd.yaml").write_text(text)
    with pytest.raises(UserError, match="odd"):
        new_stack.create("dev-blue", folder=folder, owner="alice")


@given(
    st.dictionaries(st.text("ab", min_size=1), st.sampled_from(list(IPv4Network("10.0.0.0/11").subnets(new_prefix=18))))
)
def test_the_free_block_never_overlaps(taken: dict[str, IPv4Network]) -> None:
    block = new_stack.free_block(taken)
    assert block.prefixlen == 16
    assert not any(block.overlaps(other) for other in taken.values())
    lower = [one for one in IPv4Network("10.0.0.0/8").subnets(new_prefix=16) if one < block]
    assert all(any(one.overlaps(other) for other in taken.values()) for one in lower)


def test_no_block_is_left() -> None:
    taken = {str(block): block for block in IPv4Network("10.0.0.0/8").subnets(new_prefix=9)}
    with pytest.raises(UserError, match="Every /16"):
        new_stack.free_block(taken)


def test_the_small_size_holds_the_platform_with_room_and_is_smaller_than_dev() -> None:
    size = sizes.smallest(KUBEFLOW)
    check_capacity(KUBEFLOW, instance_type=size.instance_type, nodes=size.nodes)
    assert (size.instance_type, size.nodes) != ("m5.xlarge", 5)
    free = instance(size.instance_type)
    assert free is not None
    offered = size.nodes * (free.allocatable_cpu - 280)
    assert offered >= 1.25 * KUBEFLOW.total.cpu + EKS_PER_CLUSTER.cpu
    assert size.nodes * free.vcpus < 5 * 4


def test_a_platform_with_a_pod_that_fits_large_nodes_only_gets_those() -> None:
    greedy = Requirements(Load(10, 9000, 10 * GI), Load(), 6000, GI, 0, 0)
    assert sizes.smallest(greedy) == Size("m5.2xlarge", 2)


def test_a_platform_that_no_small_size_holds_is_said() -> None:
    with pytest.raises(UserError, match="leave SIZE out"):
        sizes.smallest(Requirements(Load(5000, 0, 0), Load(), 0, 0, 0, 0))


def test_a_region_without_prices_is_said_and_stops_nothing(folder: Path) -> None:
    dev = folder / "Pulumi.dev.yaml"
    dev.write_text(dev.read_text().replace("us-west-2", "eu-south-1"))
    new_stack.create("dev-blue", folder=folder, owner="alice")
    assert new_stack.idle_cost("dev-blue", folder).startswith("not known: The price table")


def test_what_a_new_stack_costs_is_what_the_cost_of_it_is(folder: Path) -> None:
    new_stack.create("dev-blue", folder=folder, owner="alice")
    whole = cost.total(cost.bill(stack_settings("dev-blue", root=folder).settings).lines)
    assert new_stack.idle_cost("dev-blue", folder).startswith(f"{cost.money(whole.on_demand)} USD a month while")
    assert cost.money(whole.on_demand) == "868.10", "50 GiB of claims among it"


def test_a_price_says_what_it_leaves_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> int:
        raise UserError("Kubeflow 26.03 is not here.")

    monkeypatch.setattr(cost, "claimed_gib", missing)
    new_stack.create("dev-blue", folder=folder, owner="alice")
    said = new_stack.idle_cost("dev-blue", folder)
    assert "864.10 USD a month while it is up (Volumes are not counted: Kubeflow 26.03 is not here)" in said


def test_the_command_says_what_it_made_and_what_comes_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_command, "PROJECT_ROOT", folder)
    monkeypatch.setattr(stack_command, "stacks_in_use", lambda name: ["dev-green"])
    run = CliRunner()
    done = run.invoke(stack_command.command, ["--name", "dev-blue", "--owner", "alice"])
    assert done.exit_code == 0, done.output
    assert "Pulumi.dev-blue.yaml: VPC 10.1.0.0/16, nodes as dev has, owner alice" in done.output
    assert "SIZE=small" in done.output
    new_stack.create("dev-small", folder=folder, owner="alice", size=Size("m5.large", 3))
    assert re.search(r"idle:    (\d+\.\d\d) USD a month", done.output)
    assert float(new_stack.idle_cost("dev-small", folder).split()[0]) < float(
        new_stack.idle_cost("dev-blue", folder).split()[0]
    )
    assert "without:" not in done.output
    dev = folder / "Pulumi.dev.yaml"
    dev.write_text(dev.read_text() + "  kubeflow:protect: true\n  kubeflow:addressHost: kubeflow.example.com\n")
    done = run.invoke(stack_command.command, ["--name", "dev-pink", "--owner", "alice"])
    assert "\nwithout: protect, addressHost, of which dev has its own\n" in done.output
    taken = run.invoke(stack_command.command, ["--name", "dev-green"])
    assert isinstance(taken.exception, UserError)
    assert "Somebody has a stack 'dev-green'" in str(taken.exception)
    again = run.invoke(stack_command.command, ["--name", "dev-green", "--again", "--owner", "bob"])
    assert again.exit_code == 0, again.output
