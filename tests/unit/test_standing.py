"""How callers stand to a cluster that is there, and what EKS tells of that."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.aws import standing
from infra.aws.standing import Living
from infra.preflight import Caller
from ordering.errors import UserError
from tests.unit.settings_source import settings

ACCOUNT = "123456789012"
START = f"arn:aws:iam::{ACCOUNT}"
CREATOR, DEPLOYER = f"{START}:user/ada", f"{START}:role/ci/deploy"
OWN = {"pulumi:project": "kubeflow", "pulumi:stack": "dev", "team": "ml"}
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def who(arn: str) -> Caller:
    return Caller(account=ACCOUNT, arn=arn)


SESSION = who(f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/run")
LIVING = Living(
    version="1.35",
    entries=frozenset({CREATOR, f"{START}:role/preview"}),
    administrators=frozenset({CREATOR}),
    others=frozenset({CREATOR}),
)


@pytest.mark.parametrize(
    ("caller", "administrators", "living", "found"),
    [
        (who(CREATOR), [], None, "creator"),
        (who(CREATOR), [CREATOR], LIVING, "administrator"),
        (SESSION, [CREATOR], LIVING, "stranger"),
        (SESSION, [DEPLOYER], LIVING, "expected"),
        (who(f"arn:aws:sts::{ACCOUNT}:assumed-role/preview/run"), [], LIVING, "viewer"),
    ],
)
def test_how_a_caller_stands(caller: Caller, administrators: list[str], living: Living | None, found: str) -> None:
    access = settings(clusterAdministrators=administrators).cluster.access
    assert standing.standing(living, caller, access) == found


def test_no_one_is_refused_for_being_named_and_no_entry_is_made_twice() -> None:
    access = settings(clusterAdministrators=[CREATOR, DEPLOYER]).cluster.access
    # Whoever creates the cluster is let in by that; later it is told from its entry, whoever runs.
    assert standing.let_in_already(None, who(CREATOR), access) == {CREATOR}
    assert standing.let_in_already(None, SESSION, access) == {DEPLOYER}
    for caller in (who(CREATOR), SESSION):
        assert standing.let_in_already(LIVING, caller, access) == {CREATOR}


def test_what_is_said_names_roles_but_no_account() -> None:
    found = settings()
    for one in ("expected", "viewer", "stranger"):
        said = standing.sentence(one, LIVING, SESSION, found)
        assert "role/deploy" in said
        assert ACCOUNT not in said
    assert "user/ada" in standing.sentence("stranger", LIVING, SESSION, found)
    assert standing.sentence("administrator", LIVING, SESSION, found) == ""


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client: Any = boto3.client("eks", region_name="us-west-2")
    monkeypatch.setattr("boto3.Session.client", lambda *_, **__: client)
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def entry(eks: Stubber, arn: str, policy: str, *, tags: dict[str, str] | None = None, **more: Any) -> None:
    asked = {"clusterName": "kubeflow-dev", "principalArn": arn}
    told = {**asked, "tags": tags or {}, "type": "STANDARD", **more}
    eks.add_response("describe_access_entry", {"accessEntry": told}, asked)
    if told["type"] == "STANDARD":
        policies = [{"policyArn": policy}] if policy else []
        eks.add_response("list_associated_access_policies", {"associatedAccessPolicies": policies}, asked)


def test_the_creator_is_told_by_an_entry_that_the_stack_did_not_make(eks: Stubber) -> None:
    grouped, nodes = f"{START}:role/grouped", f"{START}:role/nodes"
    linked = f"{START}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
    arns = [CREATOR, DEPLOYER, f"{START}:role/preview", grouped, nodes, linked]
    eks.add_response("describe_cluster", {"cluster": {"version": "1.36"}}, {"name": "kubeflow-dev"})
    eks.add_response("list_access_entries", {"accessEntries": arns}, {"clusterName": "kubeflow-dev"})
    entry(eks, CREATOR, ADMIN)
    entry(eks, DEPLOYER, ADMIN, tags=OWN)
    entry(eks, f"{START}:role/preview", VIEW, tags=OWN)
    entry(eks, grouped, "", kubernetesGroups=["platform"])
    entry(eks, nodes, "", type="EC2_LINUX")
    found = standing.look(settings(), who(CREATOR))
    assert found is not None
    assert found.version == "1.36"
    assert found.others == {CREATOR, grouped}
    assert found.administrators == {CREATOR, DEPLOYER, grouped}
    assert linked not in found.entries


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "FAILED"])
def test_a_cluster_that_is_not_there_yet_or_goes_is_its_maker_s(eks: Stubber, status: str) -> None:
    eks.add_response("describe_cluster", {"cluster": {"status": status}}, {"name": "kubeflow-dev"})
    assert standing.look(settings(), who(CREATOR)) is None


def test_without_a_cluster_there_is_nothing_to_tell(eks: Stubber) -> None:
    eks.add_client_error("describe_cluster", "ResourceNotFoundException")
    assert standing.look(settings(), who(CREATOR)) is None


def test_whoever_may_not_ask_is_told_what_to_allow(eks: Stubber) -> None:
    eks.add_client_error("describe_cluster", "AccessDeniedException")
    with pytest.raises(UserError, match=r"lets in \(DescribeCluster: AccessDeniedException\); allow eks:Describe\*"):
        standing.look(settings(), who(CREATOR))
