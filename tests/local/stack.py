"""What the local tests of whole stacks share: a copy of the project with settings, state and a laptop of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import yaml

import tools
from localcloud import emulator, laptop, plane
from ops import audit
from ops.backend import LOCAL_PASSPHRASE
from ops.project import PROJECT_ROOT
from tests.local.cluster import Cluster, Manifest, is_available

SAMPLE = PROJECT_ROOT / "manifests" / "sample"
REGION = "us-west-2"

CLAIMS = "PersistentVolumeClaim/kubeflow/mysql-pv-claim,PersistentVolumeClaim/sample-apps/archive"
"""The sample's claims, as `--lose` takes them."""

# What the control plane makes of its own, or keeps for an hour.
_FLEETING = frozenset({"events", "leases", "events.events.k8s.io", "leases.coordination.k8s.io"})
GOING = frozenset({"deleting", "deleted"})
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".local", ".*_cache", "__pycache__", "tests")


def release(name: str) -> Path:
    """The real release where it is at hand, beside the project, else the sample, which has every kind of dependency."""
    shared = PROJECT_ROOT.parent / "shared" / "kubeflow" / name
    return shared if shared.is_dir() else SAMPLE


@dataclass(frozen=True)
class Checkout:
    """A copy of the project; `python -m ops` in it keeps all that it makes below it."""

    root: Path
    manifests: Path | None = SAMPLE
    environment: dict[str, str] = field(default_factory=dict)
    stack: str = "local"

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`python -m ops` with these arguments, running, in a session of its own as a terminal's would be."""
        env = {**os.environ, **self.environment}
        env.pop("KUBEFLOW_LOCAL_ROOT", None)
        env.pop("KUBEFLOW_MANIFESTS", None)
        # There state in files is refused on any stack but the laptop's.
        env.pop("CI", None)
        if self.manifests is not None:
            env["KUBEFLOW_MANIFESTS"] = str(self.manifests)
        stack = [] if self.stack == "local" else [f"--stack={self.stack}"]
        return subprocess.Popen(
            [sys.executable, "-m", "ops", *arguments, *stack],
            cwd=self.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ops(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`python -m ops` with these arguments, whatever becomes of it."""
        started = self.start(*arguments)
        out, err = started.communicate()
        return subprocess.CompletedProcess(arguments, started.returncode, out, err)

    def must(self, *arguments: str) -> str:
        """`python -m ops` with these arguments, which must succeed; returns what it says."""
        done = self.ops(*arguments)
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Sets these settings (key to value) in the stack's file; None takes one away."""
        path = self.root / f"Pulumi.{self.stack}.yaml"
        content = yaml.safe_load(path.read_text())
        for key, value in settings.items():
            content["config"][key if ":" in key else f"kubeflow:{key}"] = value
        content["config"] = {key: value for key, value in content["config"].items() if value is not None}
        path.write_text(yaml.safe_dump(content))

    @property
    def state(self) -> Path:
        """The folder of the state's files."""
        return self.root / ".local" / "state"

    @property
    def state_file(self) -> Path:
        """The state at rest."""
        return self.state / ".pulumi" / "stacks" / "kubeflow" / f"{self.stack}.json"

    def deployment(self) -> dict[str, Any]:
        """The state at rest, as it is in the file."""
        latest = json.loads(self.state_file.read_text())["checkpoint"]["latest"]
        return latest or {}

    def resources(self) -> dict[str, dict[str, Any]]:
        """What the state holds, by URN, which must be there once; the engine itself reads it, secrets opened."""
        if not self.state_file.exists():
            return {}
        env = {**os.environ, "PULUMI_BACKEND_URL": self.state.as_uri(), "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE}
        command = [str(tools.ensure("pulumi")["pulumi"]), "stack", "export", "--show-secrets", "--stack", "local"]
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        resources = json.loads(done.stdout)["deployment"].get("resources") or []
        assert len({one["urn"] for one in resources}) == len(resources)
        return {one["urn"]: one for one in resources}

    def cluster(self) -> Cluster:
        """The control plane, running."""
        return Cluster(plane.start(self.root))

    def aws(self, service: str) -> Any:
        return aws_client(service, emulator.environment(self.root))

    def audit(self, since: datetime) -> audit.Report:
        """What was asked of the API server from then on."""
        running = plane.status(self.root).plane
        assert running is not None
        with running.audit_log.open() as log, running.webhook_calls.open() as calls:
            return audit.report(log, calls, since=since)


def aws_client(service: str, environment: Mapping[str, str], region: str = REGION) -> Any:
    """A client of the emulator with the credentials in an environment."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
    )


@contextmanager
def checked_out(folder: Path, manifests: Path = SAMPLE) -> Iterator[Checkout]:
    """A checkout in `folder` for the length of the block; what runs of it is ended then."""
    root = folder / "project"
    shutil.copytree(PROJECT_ROOT, root, ignore=_NOT_COPIED, symlinks=True)
    try:
        yield Checkout(root, manifests)
    finally:
        laptop.stop(root)


def objects(cluster: Cluster) -> set[str]:
    """All objects that the API server holds, as RESOURCE/NAMESPACE/NAME."""
    listed = cluster.run("api-resources", "--verbs=list", "-o", "name")
    assert listed.returncode == 0, listed.stderr
    kinds = sorted(set(listed.stdout.split()) - _FLEETING)
    found: set[str] = set()
    done = cluster.run("get", ",".join(kinds), "-A", "-o", "json", "--ignore-not-found")
    assert done.returncode == 0, done.stderr
    for item in json.loads(done.stdout)["items"] if done.stdout else ():
        about: Manifest = item["metadata"]
        found.add(f"{item['apiVersion']}/{item['kind']}/{about.get('namespace', '')}/{about['name']}")
    return found


def cloud(checkout: Checkout) -> set[str]:
    """What there is in the account of the kinds that a stack makes, as `KIND ID`; what is on its way out is gone."""
    ec2, iam, kms = (checkout.aws(service) for service in ("ec2", "iam", "kms"))
    listed: dict[str, list[Any]] = {
        kind: [one[key] for one in getattr(ec2, f"describe_{method}")()[answer] if one.get("State") not in GOING]
        for kind, method, answer, key in (
            ("vpc", "vpcs", "Vpcs", "VpcId"),
            ("subnet", "subnets", "Subnets", "SubnetId"),
            ("route table", "route_tables", "RouteTables", "RouteTableId"),
            ("internet gateway", "internet_gateways", "InternetGateways", "InternetGatewayId"),
            ("address", "addresses", "Addresses", "AllocationId"),
            ("nat gateway", "nat_gateways", "NatGateways", "NatGatewayId"),
            ("endpoint", "vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
            ("launch template", "launch_templates", "LaunchTemplates", "LaunchTemplateId"),
            ("security group", "security_groups", "SecurityGroups", "GroupId"),
        )
    }
    listed["role"] = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    listed["oidc"] = [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    listed["policy"] = [one["PolicyName"] for one in iam.list_policies(Scope="Local")["Policies"]]
    keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
    # A key takes a week to go, at least.
    listed["key"] = [one["KeyId"] for one in keys if one["KeyState"] != "PendingDeletion"]
    listed["alias"] = [one["AliasName"] for one in kms.list_aliases()["Aliases"]]
    listed["bucket"] = [one["Name"] for one in checkout.aws("s3").list_buckets()["Buckets"]]
    listed["file system"] = [
        one["FileSystemId"]
        for one in checkout.aws("efs").describe_file_systems()["FileSystems"]
        if one["LifeCycleState"] not in GOING
    ]
    pools = checkout.aws("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    listed["user pool"] = [one["Id"] for one in pools]
    backup = checkout.aws("backup")
    listed["vault"] = [one["BackupVaultName"] for one in backup.list_backup_vaults()["BackupVaultList"]]
    listed["plan"] = [one["BackupPlanId"] for one in backup.list_backup_plans()["BackupPlansList"]]
    listed["repository"] = [
        one["repositoryName"] for one in checkout.aws("ecr").describe_repositories()["repositories"]
    ]
    listed["image rule"] = [
        one["ecrRepositoryPrefix"]
        for one in checkout.aws("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"]
    ]
    rds = checkout.aws("rds")
    listed["database"] = [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]
    listed["database snapshot"] = [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"]]
    listed["database subnets"] = [one["DBSubnetGroupName"] for one in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
    listed["database parameters"] = [
        one["DBParameterGroupName"] for one in rds.describe_db_parameter_groups()["DBParameterGroups"]
    ]
    elb = checkout.aws("elbv2")
    listed["load balancer"] = [one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]]
    listed["target group"] = [one["TargetGroupArn"] for one in elb.describe_target_groups()["TargetGroups"]]
    certificates = checkout.aws("acm").list_certificates()["CertificateSummaryList"]
    listed["certificate"] = [one["CertificateArn"] for one in certificates]
    route53 = checkout.aws("route53")
    listed["record"] = [
        f"{record['Name']} {record['Type']}"
        for zone in route53.list_hosted_zones()["HostedZones"]
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        if record["Type"] not in ("NS", "SOA")
    ]
    listed["cluster"] = list(checkout.aws("eks").list_clusters()["clusters"])
    monitoring, sns = checkout.aws("cloudwatch"), checkout.aws("sns")
    listed["alarm"] = [one["AlarmName"] for one in monitoring.describe_alarms()["MetricAlarms"]]
    listed["topic"] = [one["TopicArn"] for one in sns.list_topics()["Topics"]]
    listed["budget"] = [
        one["BudgetName"]
        for one in checkout.aws("budgets").describe_budgets(AccountId=emulator.ACCOUNT).get("Budgets", ())
    ]
    acls = checkout.aws("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
    listed["web ACL"] = [one["Name"] for one in acls]
    listed["log group"] = [one["logGroupName"] for one in checkout.aws("logs").describe_log_groups()["logGroups"]]
    return {f"{kind} {one}" for kind, ones in listed.items() for one in ones}


def world(checkout: Checkout) -> set[str]:
    """All that the laptop holds: the API server's objects, and what there is in the account."""
    return objects(checkout.cluster()) | cloud(checkout)


def unavailable(cluster: Cluster) -> list[str]:
    """Deployments that are not Available; kubectl prints nothing where there is none at all."""
    return [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in (cluster.get("deployments", "-A") or {"items": []})["items"]
        if not is_available(one)
    ]


def changes(output: str) -> dict[str, int]:
    """What a command's `Changes:` line says, `unchanged` among it."""
    (line,) = [line for line in output.splitlines() if line.startswith("Changes: ")]
    counted = [part.split(maxsplit=1) for part in line.removeprefix("Changes: ").split(", ") if part != "none"]
    return {what.removeprefix("to "): int(count) for count, what in counted}


def now() -> datetime:
    """The time, as the API server's log has it."""
    return datetime.now(UTC)
