"""The whole line on the sample: up, nothing to change, just the right change, and away again without a trace."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench.timeline import AGENT, plural
from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from tests.local.stack import Checkout, changes, checked_out, now, unavailable, world

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Deletion:
    """When an object's deletion was asked for and answered, in the API server's words, which sort by time."""

    received: str
    answered: str


@dataclass(frozen=True)
class Gone:
    """What a stack held, what its destroy said, and the deletions that it asked for."""

    resources: dict[str, dict[str, Any]]
    said: str
    deleted: dict[Key, Deletion]


def key_of(resource: dict[str, Any]) -> Key:
    """Resource, namespace and name of an object as the API server's log has them; of its own kinds only."""
    namespace, _, name = str(resource.get("id", "")).rpartition("/")
    return plural(resource["type"].rsplit(":", 1)[-1]), namespace, name


def deletions(checkout: Checkout, since: datetime) -> dict[Key, Deletion]:
    """The deletions that the engine's provider asked for from then on."""
    running = plane.status(checkout.root).plane
    assert running is not None
    found: dict[Key, Deletion] = {}
    for line in running.audit_log.read_text().splitlines():
        event = json.loads(line)
        if event["verb"] == "delete" and str(event.get("userAgent")).startswith(AGENT):
            about, received = event["objectRef"], event["requestReceivedTimestamp"]
            key = about["resource"], about.get("namespace", ""), about["name"]
            if received >= since.strftime("%Y-%m-%dT%H:%M:%S"):
                found.setdefault(key, Deletion(received, event["stageTimestamp"]))
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture(scope="module")
def before(checkout: Checkout) -> set[str]:
    """What the laptop holds before the stack is made."""
    emulator.start(checkout.root)
    return world(checkout)


@pytest.fixture(scope="module")
def said(checkout: Checkout, before: set[str]) -> str:
    """What `up` says; the stack is up."""
    return checkout.must("up")


def test_up_brings_everything_up_and_says_so(checkout: Checkout, said: str) -> None:
    assert not unavailable(checkout.cluster())
    vpcs = checkout.aws("ec2").describe_vpcs(Filters=[{"Name": "tag:pulumi:stack", "Values": ["local"]}])["Vpcs"]
    assert len(vpcs) == 1
    assert checkout.aws("eks").list_clusters()["clusters"] == ["kubeflow-local"]
    assert vpcs[0]["VpcId"] in said
    assert "objects in" in said
    assert "Deployment" in said
    assert "stand-in" in said


def test_up_keeps_secrets_out_of_what_it_says_and_of_the_state_in_the_clear(checkout: Checkout, said: str) -> None:
    assert "client-key-data" not in said
    assert "client-key-data" not in checkout.state_file.read_text()


def test_nothing_was_refused(checkout: Checkout, said: str) -> None:
    found = checkout.audit(now().replace(year=2000))
    assert found.writes > 90
    assert found.calls > 10
    assert [str(one) for one in found.refused] == []
    assert [str(one) for one in found.refused_calls] == []


def test_no_key_of_the_cluster_and_no_token_stays_behind(checkout: Checkout, said: str) -> None:
    """The plugin writes a kubeconfig to a temporary file, and the engine keeps the tokens of its backends."""
    running = plane.status(checkout.root).plane
    assert running is not None
    temporary = Path(tempfile.gettempdir())
    left = [
        file
        for pattern in ("kubeconfig*", "kubeflow-run-*/kubeconfig*")
        for file in temporary.glob(pattern)
        if running.server in file.read_text(errors="replace")
    ]
    assert left == []
    assert not (checkout.root / ".local" / "pulumi" / "credentials.json").exists()


def test_a_preview_of_nothing_changed_is_empty(checkout: Checkout, said: str) -> None:
    assert changes(checkout.must("preview")).keys() == {"unchanged"}


def test_a_second_up_changes_nothing_and_writes_nothing_to_the_cluster(checkout: Checkout, said: str) -> None:
    begun = now()
    assert changes(checkout.must("up")).keys() == {"unchanged"}
    assert checkout.audit(begun).writes == 0


def test_a_changed_setting_changes_just_what_it_should(checkout: Checkout, said: str) -> None:
    before = checkout.resources()
    checkout.configure({"nodesDesired": 6, "dashboardUser": "ada@example.com"})
    planned = changes(checkout.must("preview"))
    assert changes(checkout.must("up")) == planned
    after = checkout.resources()
    assert after.keys() == before.keys()
    changed = {urn for urn in after if after[urn].get("inputs") != before[urn].get("inputs")}
    assert planned.keys() == {"update", "unchanged"}
    assert planned["update"] == len(changed)
    assert {urn.split("$")[-1] for urn in changed} == {
        "aws:eks/nodeGroup:NodeGroup::kubeflow-local-nodes",
        # The login, the pod that reads it at its start, and whose profile it is.
        "kubernetes:core/v1:ConfigMap::auth/dex",
        "kubernetes:apps/v1:Deployment::auth/dex",
        "kubernetes:kubeflow.org/v1:Profile::sample-user",
    }
    (group,) = [one for urn, one in after.items() if urn.endswith(":NodeGroup::kubeflow-local-nodes")]
    assert group["outputs"]["scalingConfig"]["desiredSize"] == 6
    cluster = checkout.cluster()
    assert cluster.at("namespace", "sample-user")["metadata"]["annotations"]["owner"] == "ada@example.com"
    binding = cluster.at("rolebinding", "namespaceAdmin", "-n", "sample-user")
    assert [one["name"] for one in binding["subjects"]] == ["ada@example.com"], "the old owner has no access any more"
    assert binding["metadata"]["annotations"]["user"] == "ada@example.com"


@pytest.fixture(scope="module")
def gone(checkout: Checkout, said: str) -> Gone:
    """The stack, destroyed."""
    resources, begun = checkout.resources(), now()
    return Gone(resources, checkout.must("destroy"), deletions(checkout, begun))


def test_every_object_goes_before_what_it_needs(gone: Gone) -> None:
    names = {urn: key for urn, one in gone.resources.items() if (key := key_of(one)) in gone.deleted}
    assert len(names) > 80
    compared = 0
    for urn, key in names.items():
        for need in gone.resources[urn].get("dependencies") or ():
            if need in names:
                assert gone.deleted[key].answered <= gone.deleted[names[need]].received, (urn, need)
                compared += 1
    assert compared > 80


def test_destroy_says_how_long_each_level_took(gone: Gone) -> None:
    title, *lines = gone.said.partition("Kubeflow was removed in ")[2].splitlines()
    # Long names go on in the next line.
    numbers = [int(line.split()[0]) for line in lines if line[:6].strip().isdigit()]
    assert int(title.split()[0]) == len(numbers) > 3
    assert numbers == list(reversed(range(len(numbers))))


def test_destroy_leaves_nothing(checkout: Checkout, before: set[str], gone: Gone) -> None:
    assert world(checkout) ^ before == set()
    assert recorded_kinds(emulator.record(checkout.root)) == {}
    assert checkout.resources() == {}
    assert not checkout.deployment().get("pending_operations")
