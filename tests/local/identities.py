"""The program's roles in an account and a cluster that are there, and how the pods take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pulumi
import pulumi_aws as aws
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.aws import iam
from infra.aws.cluster import EBS_CSI_POLICY
from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.pod_access import IssuerArgs, NodeArgs, PodAccessArgs, PodIdentityArgs, account_role
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.storage import Storage, StorageArgs
from localcloud import emulator
from pipelines import role as pipelines_role
from tests.local.cluster import Cluster
from tests.local.permissions import BACKUPS, OTHERS, OWN, Places
from tests.local.stack import REGION, aws_client

ROOT = iam.account_root(REGION, emulator.ACCOUNT)
AUDIENCE, PODS = pipelines_role.AUDIENCE, "pods.eks.amazonaws.com"
TAGS = {"test": "identities"}
EBS = "kube-system/ebs-csi-controller-sa"


@dataclass(frozen=True)
class World:
    """The account and the cluster, the ARNs of roles by service account, and what there is to ask for.

    `roles` are those of IRSA, `associated` those of EKS Pod Identity, and `node` is the nodes'.
    """

    environment: dict[str, str]
    cluster: Cluster
    roles: dict[str, str]
    associated: dict[str, str]
    node: str
    places: Places

    def token(self, account: str, audience: str = AUDIENCE, *, pod: bool = False) -> str:
        """A token that the API server signs, for a pod of the account if it is to be bound to one."""
        place, _, name = account.partition("/")
        bound = ("--bound-object-kind", "Pod", "--bound-object-name", f"of-{name}") if pod else ()
        done = self.cluster.run("create", "token", name, "-n", place, "--audience", audience, *bound)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def taken(self, way: str, account: str) -> dict[str, str]:
        """The environment of a pod of an account that gets at AWS that way."""
        if way == "irsa":
            return self.take(self.roles[account], self.token(account))
        return self.associated_with(self.token(account, PODS, pod=True))

    def associated_with(self, token: str, cluster: str = "there") -> dict[str, str]:
        """The environment of the pod whose token a node's agent hands in; ClientError when it gets no role."""
        agent = aws_client("eks-auth", self.environment)
        got = agent.assume_role_for_pod_identity(clusterName=cluster, token=token)["credentials"]
        return session(self.environment, {key[0].upper() + key[1:]: value for key, value in got.items()})

    def take(self, role: str, token: str) -> dict[str, str]:
        """The environment of whoever takes a role with a token, as a pod does; ClientError when it may not."""
        sts: Any = boto3.client(
            "sts",
            region_name=REGION,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            config=Config(signature_version=UNSIGNED),
        )
        got = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="pod", WebIdentityToken=token)
        return session(self.environment, got["Credentials"])

    def may_take(self, role: str, token: str) -> bool:
        """Whether the token takes the role."""
        try:
            self.take(role, token)
        except ClientError as error:
            if "AccessDenied" not in str(error):
                raise
            return False
        return True


def session(environment: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, str]:
    names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey"}
    taken = {name: credentials[key] for name, key in {**names, "AWS_SESSION_TOKEN": "SessionToken"}.items()}
    return {**environment, **taken}


def program(issuer_url: str) -> None:
    """The program's own components for identities, with the bucket and the repository that they are about."""
    provider = aws.iam.OpenIdConnectProvider("issuer", url=issuer_url, client_id_lists=[AUDIENCE])
    issuer = IssuerArgs(provider_arn=provider.arn, issuer=issuer_url.removeprefix("https://"))
    node = aws.iam.Role("node", assume_role_policy=iam.to_json(iam.principal_trust_policy([ROOT])))
    storage = Storage("s", StorageArgs(kept=None, on_destroy="empty", tags=TAGS))
    registry = Registry("s", RegistryArgs(kept=None, repository=None, on_destroy="empty", tags=TAGS))
    administrator = AdministratorArgs(role_name="administrator", cluster_name="there", principals=(ROOT,))

    def identity_of(name: str, pods: PodAccessArgs) -> dict[str, Any]:
        """The roles of runners and of the volume driver."""
        made = Identity(
            name,
            IdentityArgs(
                region=REGION,
                account=emulator.ACCOUNT,
                administrator=administrator if name == "s" else None,
                pods=pods,
                runners=runners(["team", "other"]),
                bucket_arn=storage.bucket_arn,
                repository_arn=registry.repository_arn,
                tags=TAGS,
            ),
        )
        if name == "s":
            pulumi.export("administrator", made.administrator_role_arn)
        place, account = EBS.split("/")
        volumes = account_role(f"{name}-ebs-csi", pods, place, account, TAGS, pulumi.ResourceOptions())
        policy = iam.managed_policy(REGION, EBS_CSI_POLICY)
        aws.iam.RolePolicyAttachment(f"{name}-ebs", role=volumes.name, policy_arn=policy)
        return {**made.runner_role_arns, EBS: volumes.arn}

    identity_of("n", NodeArgs(role=node))
    pulumi.export("bucket", storage.bucket)
    pulumi.export("repository", registry.repository_url.apply(lambda url: url.rpartition("/")[2]))
    pulumi.export("roles", identity_of("s", issuer))
    pulumi.export("associated", identity_of("p", PodIdentityArgs(cluster_name="there")))
    pulumi.export("node", node.arn)


def subnets(ec2: Any) -> list[str]:
    """Two subnets in two zones, which EKS asks for."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
            "SubnetId"
        ]
        for number, zone in enumerate("ab")
    ]


def furnish(environment: Mapping[str, str], places: Places) -> None:
    """Another bucket and repository, and an object under each prefix of both buckets."""
    s3 = aws_client("s3", environment)
    s3.create_bucket(Bucket=places.other_bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws_client("ecr", environment).create_repository(repositoryName=places.other_repository)
    for bucket in (places.bucket, places.other_bucket):
        for prefix in (*OWN, *OTHERS, BACKUPS):
            s3.put_object(Bucket=bucket, Key=f"{prefix}there", Body=b"x")
