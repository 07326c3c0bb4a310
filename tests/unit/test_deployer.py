"""The policy for whoever deploys: the file is what the module generates, and is as narrow as IAM lets it be."""

import json
import re
from pathlib import Path

import pytest

from infra.aws import deployer

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE = DOCS / "iam-policy.json"


def test_the_file_is_what_the_module_generates() -> None:
    assert json.loads(FILE.read_text()) == deployer.policy(), "python -m infra.aws.deployer > docs/iam-policy.json"
    options = json.loads((DOCS / "iam-policy-options.json").read_text())
    assert options == deployer.options_policy(), "python -m infra.aws.deployer options > docs/iam-policy-options.json"


def test_whoever_previews_has_a_file_of_its_own_with_reads_alone() -> None:
    previews = deployer.preview_policy()
    written = json.loads((DOCS / "iam-preview-policy.json").read_text())
    assert written == previews, "python -m infra.aws.deployer preview > docs/iam-preview-policy.json"
    statement, parameters = previews["Statement"]
    assert parameters["Resource"] == "arn:*:ssm:*::parameter/aws/service/eks/*"
    assert set(statement["Action"]) <= set(deployer.actions(deployer.TYPES))
    assert {re.sub("^Admin", "", action.split(":")[1])[:3] for action in statement["Action"]} == {
        "Des",
        "Get",
        "Lis",
        "Vie",
    }


def test_each_fits_into_one_managed_policy() -> None:
    for one in deployer.policies():
        assert len(re.sub(r"\s", "", json.dumps(one))) <= 6144


def test_the_two_are_all_that_all_types_take_and_have_nothing_twice() -> None:
    first, second = (
        {action for statement in one["Statement"] for action in statement["Action"]} for one in deployer.policies()
    )
    assert first & second == set()
    assert set(deployer.actions(deployer.TYPES)) <= first | second
    assert {action.split(":")[0] for action in second} <= {"acm", "autoscaling", "ec2", "elasticfilesystem", "rds"} | {
        "backup",
        "backup-storage",
        "budgets",
        "cloudwatch",
        "cognito-idp",
        "ecr",
        "eks",
        "logs",
        "sns",
        "elasticloadbalancing",
        "route53",
        "secretsmanager",
        "wafv2",
    }


@pytest.mark.parametrize(
    ("action", "others"),
    [
        # Service Authorization Reference of November 2026: dependent actions, and actions without a call of their own.
        ("ec2:CreateVpcEndpoint", ["route53:AssociateVPCWithHostedZone"]),
        ("wafv2:AssociateWebACL", ["elasticloadbalancing:SetWebACL", "elasticloadbalancing:CreateWebACLAssociation"]),
        ("wafv2:DisassociateWebACL", ["elasticloadbalancing:DeleteWebACLAssociation"]),
        ("wafv2:GetWebACLForResource", ["elasticloadbalancing:GetLoadBalancerWebACL"]),
    ],
)
def test_what_aws_asks_for_with_an_action_is_there_with_it(action: str, others: list[str]) -> None:
    policies = {
        name: {one for statement in document["Statement"] for one in statement["Action"]}
        for name, document in (("core", deployer.policy()), ("options", deployer.options_policy()))
    }
    assert action in policies["core"] | policies["options"]
    # Who has the first policy alone has each action of it with what belongs to it.
    assert set(others) <= policies["core"] | (policies["options"] if action not in policies["core"] else set())


def test_only_reads_are_named_whole() -> None:
    wild = {action for action in deployer.actions(deployer.TYPES) if "*" in action}
    assert wild == {
        "ec2:Describe*",
        "elasticfilesystem:Describe*",
        "elasticloadbalancing:Describe*",
        "eks:Describe*",
        "eks:List*",
        "rds:Describe*",
        "s3:GetBucket*",
    }


def test_nothing_reads_what_a_stack_keeps_or_hands_out_what_it_has() -> None:
    named = set(deployer.actions(deployer.TYPES))
    for action in (
        "s3:GetObject",
        "kms:Decrypt",
        "iam:PassRole",
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "sts:AssumeRole",
    ):
        assert action not in named
    passing = next(one for one in deployer.policy()["Statement"] if one["Action"] == ["iam:PassRole"])
    takers = [f"{service}.amazonaws.com" for service in ("backup", "ec2", "eks", "pods.eks")]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": takers}}


def test_fewer_types_need_fewer_actions() -> None:
    few = deployer.actions(["aws:s3/bucket:Bucket"])
    assert "s3:CreateBucket" in few
    assert not [action for action in few if action.startswith(("eks:", "iam:"))]
    with pytest.raises(KeyError):
        deployer.actions(["aws:rds/cluster:Cluster"])
