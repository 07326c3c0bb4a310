import json
from typing import Any

import pulumi
import pytest

from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.pod_access import IssuerArgs
from tests.unit.mocks import ISSUER, OIDC_PROVIDER, Recording, record

BUCKET = "arn:aws:s3:::artifacts"
REPOSITORY = "arn:aws:ecr:us-west-2:123456789012:repository/images"
ROOT = "arn:aws:iam::123456789012:root"


def identity(*, administrator: bool = True, issuer: bool = True) -> Recording:
    def program() -> dict[str, Any]:
        made = Identity(
            "id",
            IdentityArgs(
                region="us-west-2",
                account="123456789012",
                administrator=AdministratorArgs(
                    role_name="kubeflow-on-eks-dev", cluster_name="kubeflow-dev", principals=(ROOT,)
                )
                if administrator
                else None,
                pods=IssuerArgs(provider_arn=OIDC_PROVIDER, issuer=ISSUER) if issuer else None,
                runners=runners(["team-a"]),
                bucket_arn=pulumi.Output.from_input(BUCKET),
                repository_arn=pulumi.Output.from_input(REPOSITORY),
                tags={"team": "ml"},
            ),
        )
        return {"administrator": made.administrator_role_arn, "runners": made.runner_role_arns}

    return record(program)


@pytest.fixture(scope="module")
def made() -> Recording:
    return identity()


def policy(found: Recording, name: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(found.one("RolePolicy", name).inputs["policy"])["Statement"]
    return statements


def test_the_administrator_s_role_is_taken_by_the_account_and_let_in_by_an_access_entry(made: Recording) -> None:
    role = made.one("Role", "id-administrator").inputs
    assert role["name"] == "kubeflow-on-eks-dev"
    assert json.loads(role["assumeRolePolicy"])["Statement"][0]["Principal"] == {"AWS": [ROOT]}
    arn = made.result["administrator"]
    assert (made.one("AccessEntry").inputs["clusterName"], made.one("AccessEntry").inputs["principalArn"]) == (
        "kubeflow-dev",
        arn,
    )
    association = made.one("AccessPolicyAssociation")
    assert association.inputs["principalArn"] == arn
    assert association.inputs["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    assert association.inputs["accessScope"] == {"type": "cluster"}
    assert "id-administrator" in association.depends_on


def test_the_administrator_may_ask_for_a_kubeconfig_and_no_more(made: Recording) -> None:
    assert policy(made, "id-administrator") == [
        {
            "Effect": "Allow",
            "Action": ["eks:DescribeCluster"],
            "Resource": "arn:aws:eks:us-west-2:123456789012:cluster/kubeflow-dev",
        }
    ]


def test_each_runner_has_a_role_of_its_own(made: Recording) -> None:
    assert set(made.result["runners"]) == {
        "kubeflow/ml-pipeline",
        "kubeflow/pipeline-runner",
        "team-a/default-editor",
    }
    for key in made.result["runners"]:
        namespace, account = key.split("/")
        trust = json.loads(made.one("Role", f"id-{namespace}-{account}").inputs["assumeRolePolicy"])["Statement"][0]
        assert trust["Principal"] == {"Federated": OIDC_PROVIDER}
        assert trust["Condition"] == {
            "StringEquals": {
                f"{ISSUER}:sub": f"system:serviceaccount:{namespace}:{account}",
                f"{ISSUER}:aud": "sts.amazonaws.com",
            }
        }


def test_a_profile_s_steps_see_their_own_artifacts_and_shared_ones(made: Recording) -> None:
    _, listing, objects = policy(made, "id-team-a-default-editor-bucket")
    prefixes = ["private-artifacts/team-a/*", "private/team-a/*", "shared/*"]
    assert listing["Condition"]["StringLike"]["s3:prefix"] == prefixes
    assert objects["Resource"] == [f"{BUCKET}/{prefix}" for prefix in prefixes]
    assert "s3:PutObject" in objects["Action"]


def test_steps_may_pull_the_images_of_the_stack_s_repository(made: Recording) -> None:
    _, pull = policy(made, "id-kubeflow-pipeline-runner-images")
    assert pull["Resource"] == REPOSITORY


def test_without_an_issuer_or_an_administrator_nothing_of_theirs_is_made() -> None:
    assert [resource.type for resource in identity(administrator=False, issuer=False).resources] == [
        "kubeflow:infra:Identity"
    ]
    found = identity(administrator=False)
    assert found.result["administrator"] is None
    assert not found.all("AccessEntry")
    assert len(found.all("Role")) == 3


def test_everything_is_the_identity_s_child(made: Recording) -> None:
    for resource in made.resources:
        if resource.type != "kubeflow:infra:Identity":
            assert resource.parent == "id"
            assert resource.name.startswith("id-")
    assert all(role.inputs["tags"] == {"team": "ml"} for role in made.all("Role"))
