"""A user with the generated policy alone brings a stack up, previews and destroys it, and needs what it lists."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from infra.aws import deployer, iam
from localcloud import emulator
from localcloud.plane.layout import Layout
from ops.project import PROJECT_ROOT
from tests.local import gateway
from tests.local.stack import REGION, SAMPLE, Checkout, changes, checked_out, world

STARTED_S = 60

# Listed, and asked for by nothing here: by the official provider alone, for changes that the sample does not bring (of
# tags, settings and versions), for rules, interfaces, instances and snapshots, or by commands when they find something.
# Of these, EKS's updates and service quotas are not even served. MiniStack judges no iam:PassRole.
UNJUDGED = {
    "acm": "AddTagsToCertificate ListCertificates RemoveTagsFromCertificate",
    "backup": (
        "DeleteRecoveryPoint DescribeRecoveryPoint DescribeRestoreJob GetRecoveryPointRestoreMetadata ListBackupPlans "
        "ListBackupSelections StartRestoreJob TagResource UntagResource"
    ),
    "backup-storage": "MountCapsule",
    "budgets": "TagResource UntagResource",
    "ce": "ListCostAllocationTags",
    "cloudwatch": "TagResource UntagResource",
    "cognito-idp": (
        "AdminUpdateUserAttributes ListTagsForResource ListUserPools TagResource UntagResource UpdateGroup "
        "UpdateUserPool UpdateUserPoolClient UpdateUserPoolDomain"
    ),
    "ec2": (
        "CreateLaunchTemplateVersion CreateNetworkInterface DeleteNetworkInterface "
        "DeleteSnapshot DeleteTags DeleteVolume DisassociateAddress "
        "GetSecurityGroupsForVpc ModifyLaunchTemplate ModifyVpcEndpoint ReplaceRoute ReplaceRouteTableAssociation "
        "RunInstances"
    ),
    "ecr": (
        "BatchDeleteImage DescribeImages GetRepositoryPolicy ListImages PutImageScanningConfiguration "
        "PutImageTagMutability TagResource UntagResource UpdatePullThroughCacheRule UpdateRepositoryCreationTemplate"
    ),
    "eks": (
        "TagResource UntagResource UpdateAccessEntry UpdateAddon UpdateClusterConfig UpdateClusterVersion "
        "UpdateNodegroupConfig UpdateNodegroupVersion UpdatePodIdentityAssociation"
    ),
    "elasticfilesystem": (
        "ListTagsForResource ModifyMountTargetSecurityGroups TagResource UntagResource UpdateFileSystem"
    ),
    "elasticloadbalancing": (
        "AddTags CreateWebACLAssociation DeleteWebACLAssociation GetLoadBalancerWebACL ModifyListener "
        "ModifyTargetGroup ModifyTargetGroupAttributes RemoveTags SetSecurityGroups SetSubnets SetWebACL"
    ),
    "iam": (
        "AddClientIDToOpenIDConnectProvider ListInstanceProfilesForRole ListOpenIDConnectProviders ListRolePolicies "
        "ListRoleTags RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider TagRole "
        "UntagOpenIDConnectProvider UntagRole UpdateOpenIDConnectProviderThumbprint UpdateRole "
        "UpdateRoleDescription"
    ),
    "kms": (
        "CreateGrant DisableKeyRotation ListKeys PutKeyPolicy TagResource UntagResource UpdateAlias "
        "UpdateKeyDescription"
    ),
    "logs": "DeleteRetentionPolicy TagResource UntagResource",
    "rds": (
        "AddTagsToResource CreateDBSnapshot DeleteDBSnapshot ModifyDBSubnetGroup RebootDBInstance "
        "RemoveTagsFromResource ResetDBParameterGroup RestoreDBInstanceFromDBSnapshot"
    ),
    "route53": "GetChange",
    "s3": (
        "DeleteObject DeleteObjectVersion GetAccelerateConfiguration GetReplicationConfiguration ListTagsForResource "
        "TagResource UntagResource"
    ),
    # An emulated stack has none.
    "secretsmanager": "DescribeSecret",
    "servicequotas": "GetServiceQuota ListAWSDefaultServiceQuotas",
    "sns": "SetSubscriptionAttributes SetTopicAttributes TagResource UntagResource",
    "wafv2": "ListWebACLs TagResource UntagResource UpdateWebACL",
}

PIPELINES = """
apiVersion: v1
kind: ConfigMap
metadata: {name: pipeline-install-config, namespace: kubeflow}
data: {dbHost: mysql, dbPort: "3306", mysqlHost: mysql}
"""
GPU: dict[str, Any] = {
    "name": "gpu",
    "instanceTypes": ["g5.xlarge"],
    "capacity": "spot",
    "max": 2,
    "zones": ["us-west-2a", "us-west-2b"],
}
STEADY: dict[str, Any] = {"name": "steady", "instanceTypes": ["m6i.xlarge", "m5.xlarge"], "min": 4, "max": 6}


@dataclass(frozen=True)
class Deployed:
    """What the emulator judged of the deployer's requests, what is left of the stack, and what became of pools."""

    allowed: set[str]
    refused: set[str]
    types: set[str]
    left: set[str]
    previewed: dict[str, int]
    changed: dict[str, int]
    pools: dict[str, Any]
    ways_out: tuple[set[str], set[str]]
    """Before the change and after it."""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployer")
    with checked_out(folder, with_pipelines(folder / "manifests")) as checkout:
        log = folder / "judged.log"
        judging(checkout.root, log)
        before = world(checkout)
        operator = emulator.status(checkout.root)
        assert operator
        zone = gateway.zone(checkout)
        key = become_deployer(checkout, operator)
        principals = [f"arn:aws:iam::{emulator.ACCOUNT}:root"]
        checkout.configure(
            {
                "clusterAdministratorPrincipals": principals,
                "networkNat": "none",
                "addressWaf": True,
                "files": "efs",
                "imagesFrom": "ecr",
                "database": "rds",
                "backupDays": 7,
                "sagemaker": True,
                "monitoring": "cloudwatch",
                "monitoringEmail": "platform@example.com",
                "budgetMonthly": 900,
                "budgetEmail": "platform@example.com",
                "nodePools": [GPU, STEADY],
                **gateway.settings(zone),
                "nodesAutoscaling": "cluster-autoscaler",
            }
        )
        checkout.must("up")
        types = {one["type"] for one in checkout.resources().values() if one["type"].startswith("aws:")}
        previewed = changes(checkout.must("preview"))
        closed = ways_out(checkout)
        checkout.configure(
            {
                "networkNat": "single",
                # Which needs a way out to the issuer.
                "login": "cognito",
                "loginGroups": ["kubeflow"],
                "dashboardUser": "ada@example.com",
                "nodesDesired": 6,
                "budgetMonthly": 1200,
                "databaseBackupDays": 9,
                "backupDays": 8,
                "podAccess": "pod-identity",
                "nodePools": [GPU | {"max": 3}, STEADY | {"labels": {"team": "ml"}}],
                "addressCidrs": ["203.0.113.0/24", "198.51.100.0/24"],
            }
        )
        # The login takes Dex away, with its Secret.
        changed = changes(checkout.must("up", "--lose=Namespace/auth"))
        pools = {
            str(one["inputs"]["tags"]["pulumi:pool"]): one["inputs"]
            for one in checkout.resources().values()
            if one["type"] == "aws:eks/nodeGroup:NodeGroup"
        }
        opened = ways_out(checkout)
        checkout.must("destroy")
        checkout.must("leftovers")
        emulator.write(emulator.state(checkout.root), operator)
        mine = [line.split()[1:] for line in log.read_text().splitlines() if line.startswith(key)]
        yield Deployed(
            allowed={action for action, decision in mine if decision == "allowed"},
            refused={action for action, decision in mine if decision == "refused"},
            types=types,
            left=world(checkout) ^ before,
            previewed=previewed,
            changed=changed,
            pools=pools,
            ways_out=(closed, opened),
        )


def ways_out(checkout: Checkout) -> set[str]:
    """By what nodes and pods get out of the stack's network: `nat`, and the APIs that they have endpoints of."""
    ec2 = checkout.aws("ec2")
    gateways = [one for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] == "available"]
    endpoints = {one["ServiceName"].split(".", 3)[3] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    return {*(["nat"] if gateways else []), *endpoints}


def with_pipelines(folder: Path) -> Path:
    """The sample, and the settings of Pipelines that name a managed database."""
    shutil.copytree(SAMPLE, folder)
    (folder / "pipelines.yaml").write_text(PIPELINES)
    with (folder / "kustomization.yaml").open("a") as kustomization:
        kustomization.write("- pipelines.yaml\n")
    return folder


def judging(root: Path, log: Path) -> None:
    """Starts the emulator of a root as one that notes what it judges."""
    state = emulator.state(root)
    state.parent.mkdir(parents=True)
    keys = Layout(root).certificates / "service-accounts.pub"
    command = [sys.executable, "-m", "tests.local.judged", str(state), str(keys), str(log)]
    with (root / "judging.log").open("w") as output:
        subprocess.Popen(
            command, env=emulator.server_environment(state.parent), cwd=PROJECT_ROOT, stdout=output, stderr=output
        )
    deadline = time.monotonic() + STARTED_S
    while emulator.status(root) is None:
        assert time.monotonic() < deadline, (root / "judging.log").read_text()
        time.sleep(0.05)


def become_deployer(checkout: Checkout, running: emulator.Server) -> str:
    """From here on the laptop's key is a user's with the generated policy; returns its id."""
    users = checkout.aws("iam")
    users.create_user(UserName="deployer")
    for number, document in enumerate(deployer.policies()):
        about = {"PolicyName": f"deployer-{number}", "PolicyDocument": iam.to_json(document)}
        users.attach_user_policy(UserName="deployer", PolicyArn=users.create_policy(**about)["Policy"]["Arn"])
    key = users.create_access_key(UserName="deployer")["AccessKey"]
    given = replace(running, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    emulator.write(emulator.state(checkout.root), given)
    return str(key["AccessKeyId"])


def test_pools_come_up_from_zero_and_change_in_place(deployed: Deployed) -> None:
    # The add-ons whose accounts get at AWS another way now, and nothing else.
    assert deployed.changed["replace"] == 3
    assert set(deployed.pools) == {"base", "gpu-us-west-2a", "gpu-us-west-2b", "steady"}
    gpu, steady = deployed.pools["gpu-us-west-2a"], deployed.pools["steady"]
    assert (gpu["amiType"], gpu["capacityType"]) == ("AL2023_x86_64_NVIDIA", "SPOT")
    assert gpu["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 3}
    assert (gpu["nodeRepairConfig"], gpu["updateConfig"]) == ({"enabled": True}, {"maxUnavailable": 1})
    assert steady["labels"] == {"kubeflow-on-pulumi/pool": "steady", "team": "ml"}


def test_a_network_is_opened_in_place(deployed: Deployed) -> None:
    closed, opened = deployed.ways_out
    always = {"ec2", "ecr.api", "ecr.dkr", "eks", "elasticloadbalancing", "logs", "s3", "sts"}
    asked = {"autoscaling", "elasticfilesystem", "monitoring", "sagemaker.api", "sagemaker.runtime"}
    assert (closed, opened) == (always | asked, {"nat", "s3"})


def test_the_policy_suffices(deployed: Deployed) -> None:
    assert deployed.refused == set()


def test_a_preview_after_the_first_run_has_nothing_to_change(deployed: Deployed) -> None:
    assert deployed.previewed.keys() == {"unchanged"}


def test_nothing_is_left_by_the_deployer(deployed: Deployed) -> None:
    assert {one for one in deployed.left if not one.startswith(("key ", "policy deployer"))} == set()


def test_the_policy_is_for_the_types_that_the_program_makes(deployed: Deployed) -> None:
    assert deployed.types - deployer.TYPES.keys() == set()


def test_each_action_is_judged_here_or_known_to_be_judged_by_nobody(deployed: Deployed) -> None:
    listed = deployer.actions(deployer.TYPES)
    unjudged = {entry for entry in listed if not any(fnmatchcase(action, entry) for action in deployed.allowed)}
    assert unjudged == {f"{service}:{name}" for service, names in UNJUDGED.items() for name in names.split()}


def test_each_judged_action_is_refused_when_it_is_left_out(deployed: Deployed) -> None:
    policy = iam.document(*(statement for one in deployer.policies() for statement in one["Statement"]))
    unnoticed = []
    for entry in deployer.actions(deployer.TYPES):
        statements = [
            {**one, "Action": [action for action in one["Action"] if action != entry]} for one in policy["Statement"]
        ]
        narrowed = {**policy, "Statement": [one for one in statements if one["Action"]]}
        needed = {action for action in deployed.allowed if fnmatchcase(action, entry)} - {"sts:GetCallerIdentity"}
        unnoticed += [action for action in needed if allows(narrowed, action)]
    assert unnoticed == []


def allows(policy: iam.Document, action: str) -> bool:
    """Whether MiniStack takes the policy for a permission."""
    caller = f"arn:aws:iam::{emulator.ACCOUNT}:user/deployer"
    context = EvalContext(
        principal_arn=caller,
        principal_type="User",
        principal_account=emulator.ACCOUNT,
        action=action,
        resource_arn="*",
        region=REGION,
    )
    return bool(evaluate(context, [parse_policy_document(policy)]).decision == "Allow")
