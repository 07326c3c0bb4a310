"""The whole line on the sample: up, nothing to change, just the right change, and away again without a trace."""

from collections.abc import Iterator

import pytest

from localcloud import moto
from localcloud.aws.record import recorded_kinds
from tests.local.stack import Checkout, changes, checked_out, now, unavailable, world


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture(scope="module")
def before(checkout: Checkout) -> set[str]:
    """What the laptop holds before the stack is made."""
    moto.start(checkout.root)
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
    (name,) = checkout.aws("eks").list_nodegroups(clusterName="kubeflow-local")["nodegroups"]
    group = checkout.aws("eks").describe_nodegroup(clusterName="kubeflow-local", nodegroupName=name)["nodegroup"]
    assert group["scalingConfig"]["desiredSize"] == 6


def test_destroy_leaves_nothing(checkout: Checkout, before: set[str], said: str) -> None:
    checkout.must("destroy")
    assert world(checkout) ^ before == set()
    assert recorded_kinds(moto.record(checkout.root)) == {}
    assert checkout.resources() == {}
    assert not checkout.deployment().get("pending_operations")
