"""A stack that is not the laptop's: shown and asked about before it is changed, and refused before it is touched."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from localcloud import laptop
from tests.local.stack import SAMPLE, Checkout, changes, checked_out, objects, world
from tests.unit.test_document import schema

STACK = "dev-blue"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with a stack of an account's; the account and the cluster are the laptop's, running."""
    with checked_out(tmp_path_factory.mktemp("agreed")) as made:
        settings = yaml.safe_load((made.root / "Pulumi.dev.yaml").read_text())
        # The sample has no Pipelines.
        settings["config"]["kubeflow:kubeflowArtifacts"] = "release"
        settings["config"]["kubeflow:storageOnDestroy"] = "empty"
        (made.root / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(settings))
        with laptop.running(made.root, pods="instant", report=lambda _: None) as ground:
            given = {**ground.environment, "DASHBOARD_PASSWORD": "correct horse battery"}
            person = replace(made, environment=given)
            person.must("password", "--stack", STACK)
            yield person


def configure(checkout: Checkout, **settings: Any) -> None:
    path = checkout.root / f"Pulumi.{STACK}.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"] |= {f"kubeflow:{key}": value for key, value in settings.items()}
    path.write_text(yaml.safe_dump(content))


@pytest.fixture
def standing(checkout: Checkout) -> None:
    """The stack is up, also where the test that brings it up was not run before."""
    if (
        not state(checkout).exists()
        or "resources" not in json.loads(state(checkout).read_text())["checkpoint"]["latest"]
    ):
        checkout.must("up", "--stack", STACK, "--yes")


def state(checkout: Checkout) -> Path:
    return checkout.state / ".pulumi" / "stacks" / "kubeflow" / f"{STACK}.json"


def test_nobody_answers_and_nothing_is_made(checkout: Checkout) -> None:
    before = world(checkout)
    done = checkout.ops("up", "--stack", STACK)
    assert done.returncode == 1
    assert "\nPlanned: " in done.stdout
    assert " to create, 0 unchanged" in done.stdout
    assert "Cost: 8" in done.stdout
    assert f"YES=1 brings {STACK} up without asking." in done.stderr
    assert "Traceback" not in done.stderr
    assert world(checkout) == before


def test_what_a_mandatory_rule_forbids_is_refused_whoever_says_yes(checkout: Checkout) -> None:
    before = world(checkout)
    configure(checkout, nodesInstanceType="m5.4xlarge")
    done = checkout.ops("up", "--stack", STACK, "--yes")
    configure(checkout, nodesInstanceType="m5.xlarge")
    assert done.returncode == 1
    assert "error: 1 policy rule is broken:" in done.stderr
    assert "(instance-size)" in done.stderr
    assert world(checkout) == before


def test_a_yes_brings_it_up_and_the_summary_is_a_document_alone_on_standard_output(checkout: Checkout) -> None:
    done = checkout.ops("up", "--stack", STACK, "--yes", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    jsonschema.validate(told, schema("up"))
    assert told["counts"] == {"create": told["preview"]["counts"]["create"]}
    assert told["preview"]["cost"]["before"] == 0
    assert {one["name"]: one["value"] for one in told["outputs"]}["dashboard_password"] is None
    assert "correct horse" not in done.stdout + done.stderr


@pytest.mark.usefixtures("standing")
def test_with_nothing_to_change_nobody_is_asked_and_every_form_counts_the_same(checkout: Checkout) -> None:
    again = checkout.must("up", "--stack", STACK)
    planned = again.partition("Planned: ")[2].splitlines()[0]
    made = changes(again)
    assert planned == f"{made['unchanged']} unchanged"
    told = json.loads(checkout.must("preview", "--stack", STACK, "--format", "json"))
    jsonschema.validate(told, schema("preview"))
    assert told["counts"] == {"replace": 0, "delete": 0, "update": 0, "create": 0, "same": made["unchanged"]}
    assert changes(checkout.must("preview", "--stack", STACK)) == made
    markdown = checkout.must("preview", "--stack", STACK, "--format", "markdown")
    assert markdown.startswith(f"## Preview of `{STACK}`: no changes, {made['unchanged']} unchanged")


@pytest.mark.usefixtures("standing")
def test_what_is_lost_is_named_with_its_data_and_kept_unless_it_is_accepted_by_name(checkout: Checkout) -> None:
    before = world(checkout)
    configure(checkout, registryRepository="another")
    done = checkout.ops("up", "--stack", STACK, "--yes")
    configure(checkout, registryRepository="")
    assert done.returncode == 1
    assert "error: This would lose for good Repository/" in done.stderr
    assert "LOSE=Repository/" in done.stderr
    assert "Replaced or deleted" in done.stdout
    assert "the images in it" in done.stdout
    assert "Data is lost with 1 of these " in done.stdout
    assert world(checkout) == before


@pytest.mark.usefixtures("standing")
def test_data_that_is_kept_stays_in_the_cluster_is_listed_and_comes_back(checkout: Checkout, tmp_path: Path) -> None:
    def claim() -> tuple[str, dict[str, str]]:
        about = checkout.cluster().at("pvc", "archive", "-n", "sample-apps")["metadata"]
        return about["uid"], about.get("labels") or {}

    def kept() -> set[str]:
        listed = json.loads(checkout.must("leftovers", "--stack", STACK, "--format", "json"))
        return {one["id"] for one in listed["leftovers"] if one["kind"] == "PersistentVolumeClaim"}

    without = tmp_path / "without"
    shutil.copytree(SAMPLE, without)
    storage, workloads = without / "storage.yaml", without / "workloads.yaml"
    parts = [one for one in storage.read_text().split("---\n") if "name: archive," not in one]
    storage.write_text("---\n".join(parts))
    workloads.write_text(workloads.read_text().replace("persistentVolumeClaim: {claimName: archive}", "emptyDir: {}"))
    less, name, before = replace(checkout, manifests=without), "PersistentVolumeClaim/sample-apps/archive", claim()

    refused = less.ops("up", "--stack", STACK, "--yes")
    assert f"error: This would lose for good {name} (the volume's content). Nothing was changed" in refused.stderr
    told = less.must("up", "--stack", STACK, "--yes", "--keep", name)
    assert f"Stays where it is, and leaves the state: {name}" in told
    assert claim()[0] == before[0]
    assert kept() == {"sample-apps/archive"}

    checkout.must("up", "--stack", STACK, "--yes")
    assert claim() == before
    assert kept() == set()


@pytest.fixture
def protected(checkout: Checkout, standing: None) -> Iterator[None]:
    """The state protects the bucket, and the settings do not: as after an edit, or in another checkout."""
    at_rest = state(checkout).read_bytes()
    content = json.loads(at_rest)
    for one in content["checkpoint"]["latest"]["resources"]:
        one["protect"] = one["type"] == "aws:s3/bucket:Bucket"
    state(checkout).write_text(json.dumps(content))
    yield
    state(checkout).write_bytes(at_rest)


@pytest.mark.usefixtures("protected")
def test_a_destroy_of_what_the_state_protects_touches_nothing(checkout: Checkout) -> None:
    before = world(checkout)
    refused = checkout.ops("destroy", "--stack", STACK, "--yes")
    assert refused.returncode == 1
    assert f"error: The state of {STACK} protects kubeflow-{STACK}-artifacts: nothing was destroyed" in refused.stderr
    assert world(checkout) == before
    assert workloads_stopped(checkout) == []


@pytest.mark.usefixtures("standing")
def test_a_destroy_while_another_run_holds_the_stack_touches_nothing(checkout: Checkout) -> None:
    before = world(checkout)
    claim = os.open(state(checkout).with_suffix(".lock"), os.O_CREAT | os.O_RDWR)
    fcntl.flock(claim, fcntl.LOCK_EX)
    try:
        refused = checkout.ops("destroy", "--stack", STACK, "--yes")
    finally:
        os.close(claim)
    assert refused.returncode == 1
    assert f"error: Another run holds stack {STACK!r}" in refused.stderr
    assert world(checkout) == before
    assert workloads_stopped(checkout) == []


@pytest.mark.usefixtures("standing")
def test_a_destroy_that_is_agreed_to_drains_and_leaves_nothing(checkout: Checkout) -> None:
    assert [one for one in objects(checkout.cluster()) if "/PersistentVolumeClaim/" in one]
    output = checkout.must("destroy", "--stack", STACK, "--yes=true")
    assert "PersistentVolumeClaim" in output.partition("drained ")[2].splitlines()[0]
    assert set(changes(output)) == {"delete"}
    assert not [one for one in objects(checkout.cluster()) if "/PersistentVolumeClaim/" in one]
    assert json.loads(state(checkout).read_text())["checkpoint"]["latest"].get("resources") in (None, [])
    assert changes(checkout.must("destroy", "--stack", STACK, "--yes")) == {}


def workloads_stopped(checkout: Checkout) -> list[str]:
    """Workloads that somebody has scaled to nothing."""
    found = checkout.cluster().at("deployments,statefulsets", "-A")["items"]
    return [one["metadata"]["name"] for one in found if one["spec"].get("replicas") == 0]
