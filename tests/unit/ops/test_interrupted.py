"""What a killed run leaves in the state, made good: nothing forgotten that exists, nothing kept that need not be."""

from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from pulumi import automation

from ops.cluster import Access, access_of
from ops.identify import Account, field_managers, identify
from ops.interrupted import UNKNOWN, UNREADY, note, owned, settle, terminating, unowned, unready, unsettled

PREFIX = "urn:pulumi:local::kubeflow::kubeflow:infra:Kubeflow$"


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": f"{PREFIX}{kind}::{name}", "type": kind, "custom": True, "inputs": {"a": 1}, **more}


def interrupted(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "resource": {key: value for key, value in about.items() if key != "id"}}


BUCKET = resource("aws:s3/bucket:Bucket", "artifacts")
DEPLOYMENT = resource("kubernetes:apps/v1:Deployment", "apps/web", id="apps/web")


def named(one: dict[str, Any], taken: frozenset[str]) -> str | None:
    return f"id-of-{one['urn'].rsplit('::', 1)[-1]}"


def test_a_run_that_ended_by_itself_leaves_nothing_to_look_at() -> None:
    assert unsettled({"resources": [DEPLOYMENT]}) == set()
    assert unsettled({}) == set()


def test_an_interrupted_create_is_kept_under_its_id_until_it_was_looked_at() -> None:
    noted, urns = note({"resources": [DEPLOYMENT], "pending_operations": [interrupted("creating", BUCKET)]}, named)
    made = noted["resources"][-1]
    assert urns == {BUCKET["urn"]}
    assert (made["id"], made["outputs"], made["initErrors"]) == ("id-of-artifacts", BUCKET["inputs"], [UNKNOWN])
    assert "pending_operations" not in noted
    # Killed again before it was: still to be looked at.
    assert unsettled(noted) == urns
    assert note(noted, named) == (noted, urns)


def test_a_create_without_an_id_is_forgotten() -> None:
    noted, urns = note({"resources": [], "pending_operations": [interrupted("creating", BUCKET)]}, lambda *_: None)
    assert (noted["resources"], urns) == ([], set())


def test_what_an_interrupted_create_was_to_replace_is_left_to_be_deleted() -> None:
    old = {**BUCKET, "id": "old"}
    noted, _ = note({"resources": [old], "pending_operations": [interrupted("creating", BUCKET)]}, named)
    assert [(one["id"], one.get("delete", False)) for one in noted["resources"]] == [
        ("old", True),
        ("id-of-artifacts", False),
    ]


@pytest.mark.parametrize("kind", ["updating", "deleting"])
def test_what_was_being_changed_or_deleted_is_looked_at(kind: str) -> None:
    noted, urns = note({"resources": [DEPLOYMENT], "pending_operations": [interrupted(kind, DEPLOYMENT)]}, named)
    assert urns == {DEPLOYMENT["urn"]}
    assert noted["resources"][0]["initErrors"] == [UNKNOWN]


def test_the_given_state_is_left_as_it_is() -> None:
    state = {"resources": [dict(DEPLOYMENT)], "pending_operations": [interrupted("updating", DEPLOYMENT)]}
    note(state, named)
    unready(state, {DEPLOYMENT["urn"]})
    assert state == {"resources": [DEPLOYMENT], "pending_operations": [interrupted("updating", DEPLOYMENT)]}


def test_what_lives_in_kubernetes_is_waited_for_again() -> None:
    looked_at = {"resources": [{**DEPLOYMENT, "initErrors": [UNKNOWN]}, {**BUCKET, "id": "b"}]}
    marked = unready(looked_at, {DEPLOYMENT["urn"], BUCKET["urn"]})
    assert [one["initErrors"] for one in marked["resources"]] == [[UNREADY], []]


def test_what_reading_found_wrong_is_kept() -> None:
    marked = unready({"resources": [{**DEPLOYMENT, "initErrors": ["0 of 1 pods"]}]}, {DEPLOYMENT["urn"]})
    assert marked["resources"][0]["initErrors"] == ["0 of 1 pods"]


def test_what_kubernetes_is_deleting_is_told_apart() -> None:
    going = {**DEPLOYMENT, "outputs": {"metadata": {"deletionTimestamp": "2026-11-22T08:26:12Z"}}}
    assert terminating({"resources": [going]}, {going["urn"]}) == {"apps/web"}
    assert terminating({"resources": [going, DEPLOYMENT]}, set()) == set()


def test_objects_of_an_interrupted_create_keep_their_field_manager() -> None:
    made = {**DEPLOYMENT, "outputs": {}}
    known = {**DEPLOYMENT, "urn": "other", "outputs": {"__fieldManager": "pulumi-kubernetes-0a"}}
    bucket = {**BUCKET, "outputs": {}}
    state = {"resources": [made, known, bucket, {**made, "delete": True}]}
    assert unowned(state, {one["urn"] for one in state["resources"]}) == [made]
    assert unowned(state, set()) == []
    first, *others = owned(state, {made["urn"]: "pulumi-kubernetes-1b"})["resources"]
    assert first == {**made, "outputs": {"__fieldManager": "pulumi-kubernetes-1b"}}
    assert others == state["resources"][1:]


class Engine:
    """An engine that keeps a state; what it did in order."""

    def __init__(self, **deployment: Any) -> None:
        self.deployment, self.did = deployment, list[str]()

    def export_stack(self) -> automation.Deployment:
        return automation.Deployment(version=3, deployment=self.deployment)

    def import_stack(self, state: automation.Deployment) -> None:
        self.did.append("import")
        self.deployment = dict(state.deployment or {})

    def refresh(self, *, target: list[str], suppress_progress: bool) -> None:
        self.did.append("refresh")


def test_what_aws_is_still_making_is_read_only_once_it_is_there() -> None:
    cluster = resource("aws:eks/cluster:Cluster", "eks", inputs={"name": "dev"})
    engine = Engine(resources=[], pending_operations=[interrupted("creating", cluster)])

    def ended(resources: Any) -> None:
        assert [one["id"] for one in resources] == ["dev"]
        # Killed during the wait, it is still to be looked at.
        assert unsettled(engine.deployment) == {cluster["urn"]}
        engine.did.append("ended")

    settle(
        cast("Any", engine),
        cast("Any", engine.export_stack()),
        identify=lambda *_: "dev",
        ended=ended,
        managers=lambda *_: {},
        free=len,
        report=lambda line: None,
        until_gone=True,
    )
    assert engine.did == ["import", "ended", "refresh", "import"]


class Managed:
    """A cluster in which a controller has written to an object that a provider made and another one patched."""

    MANAGERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("controller", "Update", {"f:status": {"f:conditions": {}, "f:observedGeneration": {}}}),
        ("pulumi-kubernetes-patch", "Apply", {"f:metadata": {"f:annotations": {"f:pulumi.com/waitFor": {}}}}),
        ("pulumi-kubernetes-1b", "Apply", {"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": {"f:labels": {"f:c": {}}}}),
        ("pulumi-kubernetes-1b", "Update", {"f:data": {"f:a": {}, "f:b": {}}, "f:immutable": {}, "f:metadata": {}}),
    )

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        if (api_version, kind, namespace, name) != ("v1", "ConfigMap", "apps", "there"):
            return None
        fields = [
            {"manager": manager, "operation": operation, "fieldsV1": owned}
            for manager, operation, owned in self.MANAGERS
        ]
        return {"metadata": {"managedFields": fields}}


def test_the_field_manager_is_the_one_that_made_the_object() -> None:
    resources = [
        {
            "urn": name,
            "inputs": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "apps"}},
        }
        for name in ("there", "gone")
    ]
    assert field_managers(resources, Managed()) == {"there": "pulumi-kubernetes-1b"}


def test_a_cluster_is_reached_as_its_provider_reaches_it() -> None:
    def provider(**more: Any) -> dict[str, Any]:
        return {"type": "pulumi:providers:kubernetes", **more}

    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"apiVersion: v1"'}
    assert access_of([DEPLOYMENT]) is None
    assert access_of([provider(inputs={"kubeconfig": secret})]) == Access("apiVersion: v1", None)
    assert access_of([provider(inputs={"context": "dev"})]) == Access(None, "dev")
    assert access_of([provider(inputs={"context": "dev"}), provider(delete=True)]) == Access(None, "dev")


class NoCloud(Account):
    def client(self, service: str) -> Any:
        raise AssertionError(f"asked {service}")


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        ("aws:s3/bucket:Bucket", {"bucket": "artifacts-1a2b3c4"}, "artifacts-1a2b3c4"),
        ("aws:iam/rolePolicy:RolePolicy", {"role": "runner", "name": "s3"}, "runner:s3"),
        ("aws:eks/addon:Addon", {"clusterName": "c", "addonName": "vpc-cni"}, "c:vpc-cni"),
        (
            "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
            {"clusterName": "c", "principalArn": "arn:aws:iam::1:role/r", "policyArn": "arn:aws:eks::aws:p/A"},
            "c#arn:aws:iam::1:role/r#arn:aws:eks::aws:p/A",
        ),
        # What terraform-provider-aws gives to a default route.
        (
            "aws:ec2/route:Route",
            {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"},
            "r-rtb-11080289494",
        ),
        (
            "aws:route53/record:Record",
            {"zoneId": "Z1", "name": "kubeflow.example.com", "type": "A"},
            "Z1_kubeflow.example.com_A",
        ),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"namespace": "apps", "name": "x"}}, "apps/x"),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "apps"}}, "apps"),
        ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinitionPatch", {"metadata": {"name": "x"}}, None),
        ("aws:s3/bucketVersioning:BucketVersioning", {"bucket": "b"}, None),
        ("random:index/randomPassword:RandomPassword", {"length": 32}, None),
        ("pulumi:providers:kubernetes", {}, None),
    ],
)
def test_ids_follow_from_inputs(kind: str, inputs: dict[str, Any], expected: str | None) -> None:
    assert identify({"type": kind, "inputs": inputs}, NoCloud("us-west-2", frozenset())) == expected


class Tagged(Account):
    """An account in moto."""

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service, self.region, aws_access_key_id="testing", aws_secret_access_key="testing"
        )


@pytest.fixture
def ids() -> Iterator[dict[str, str]]:
    """Subnets and what else EC2 numbers, by name, of which two subnets have the same tags and one is deleted."""
    with mock_aws():
        ec2 = Tagged("us-west-2", frozenset()).client("ec2")

        def tags(kind: str, name: str) -> list[dict[str, Any]]:
            both = [{"Key": "stack", "Value": "dev"}, {"Key": "Name", "Value": name}]
            return [{"ResourceType": kind, "Tags": both}]

        made = {
            "vpc": ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc", "vpc"))["Vpc"]["VpcId"],
            "eip": ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", "eip"))["AllocationId"],
        }
        for number, name in enumerate(["private-a", "private-b", "private-b", "private-c"]):
            block = f"10.0.{number}.0/24"
            specified = tags("subnet", name)
            subnet = ec2.create_subnet(VpcId=made["vpc"], CidrBlock=block, TagSpecifications=specified)["Subnet"]
            made[f"{number}"] = subnet["SubnetId"]
        ec2.delete_subnet(SubnetId=made["3"])
        again = ec2.create_subnet(
            VpcId=made["vpc"], CidrBlock="10.0.3.0/24", TagSpecifications=tags("subnet", "private-c")
        )
        made["again"] = again["Subnet"]["SubnetId"]
        gateways = [
            ec2.create_nat_gateway(SubnetId=made["0"], TagSpecifications=tags("natgateway", "nat"))["NatGateway"]
            for _ in range(2)
        ]
        ec2.delete_nat_gateway(NatGatewayId=gateways[0]["NatGatewayId"])
        yield {**made, "nat": gateways[1]["NatGatewayId"]}


@pytest.mark.parametrize(
    ("kind", "name", "taken", "expected"),
    [
        ("subnet:Subnet", "private-a", [], "0"),
        ("subnet:Subnet", "private-a", ["0"], None),
        ("subnet:Subnet", "private-b", [], None),
        ("subnet:Subnet", "private-b", ["2"], "1"),
        ("subnet:Subnet", "private-c", [], "again"),
        ("subnet:Subnet", "nobody", [], None),
        ("vpc:Vpc", "vpc", [], "vpc"),
        ("eip:Eip", "eip", [], "eip"),
        ("natGateway:NatGateway", "nat", [], "nat"),
    ],
)
def test_what_aws_numbers_is_found_by_all_its_tags(
    ids: dict[str, str], kind: str, name: str, taken: list[str], expected: str | None
) -> None:
    about = {"type": f"aws:ec2/{kind}", "inputs": {"tags": {"stack": "dev", "Name": name}}}
    account = Tagged("us-west-2", frozenset(ids[one] for one in taken))
    assert identify(about, account) == (ids[expected] if expected else None)


def test_a_budget_is_found_by_its_account_and_name(ids: dict[str, str]) -> None:
    del ids  # which has an account answer
    about = {"type": "aws:budgets/budget:Budget", "inputs": {"name": "kubeflow-dev-monthly"}}
    assert identify(about, Tagged("us-west-2", frozenset())) == "123456789012:kubeflow-dev-monthly"


def test_a_file_system_is_found_by_its_token_and_a_mount_target_by_its_subnet(ids: dict[str, str]) -> None:
    account = Tagged("us-west-2", frozenset())
    efs = account.client("efs")
    made = efs.create_file_system(CreationToken="t")["FileSystemId"]
    target = efs.create_mount_target(FileSystemId=made, SubnetId=ids["0"])["MountTargetId"]
    about: dict[str, Any] = {"type": "aws:efs/fileSystem:FileSystem", "inputs": {"creationToken": "t"}}
    assert identify(about, account) == made
    about = {"type": "aws:efs/mountTarget:MountTarget", "inputs": {"fileSystemId": made, "subnetId": ids["0"]}}
    assert identify(about, account) == target
    about["inputs"]["subnetId"] = ids["1"]
    assert identify(about, account) is None


def test_a_plan_of_backups_is_found_by_its_name_and_tags_and_what_it_is_for_in_it(ids: dict[str, str]) -> None:
    account = Tagged("us-west-2", frozenset())
    backup = account.client("backup")
    rules = [{"RuleName": "daily", "TargetBackupVaultName": "v"}]
    backup.create_backup_vault(BackupVaultName="v")
    tags = {"stack": "dev"}
    made = backup.create_backup_plan(BackupPlan={"BackupPlanName": "k", "Rules": rules}, BackupPlanTags=tags)
    about: dict[str, Any] = {"type": "aws:backup/plan:Plan", "inputs": {"name": "k", "tags": tags}}
    assert identify(about, account) == made["BackupPlanId"]
    assert identify({**about, "inputs": {"name": "k", "tags": {"stack": "prod"}}}, account) is None
    assert identify({"type": "aws:backup/vault:Vault", "inputs": {"name": "v"}}, account) == "v"


def test_a_load_balancer_is_found_by_its_name_its_listeners_by_it_and_a_certificate_by_its_tags(
    ids: dict[str, str],
) -> None:
    account = Tagged("us-west-2", frozenset())
    elb, acm = account.client("elbv2"), account.client("acm")
    subnets = [ids["0"], ids["1"]]
    balancer = elb.create_load_balancer(Name="k", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="k", Protocol="HTTP", Port=80, VpcId=ids["vpc"])["TargetGroups"][0]
    action = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    made = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=action)
    tags = [{"Key": "stack", "Value": "dev"}]
    certificate = acm.request_certificate(DomainName="k.example.com", Tags=tags)["CertificateArn"]
    acm.request_certificate(DomainName="k.example.com")

    def found(kind: str, **inputs: Any) -> str | None:
        return identify({"type": kind, "inputs": inputs}, account)

    assert found("aws:lb/loadBalancer:LoadBalancer", name="k") == balancer
    assert found("aws:lb/loadBalancer:LoadBalancer", name="l") is None
    assert found("aws:lb/targetGroup:TargetGroup", name="k") == group["TargetGroupArn"]
    assert found("aws:lb/targetGroup:TargetGroup", name="l") is None
    listener = made["Listeners"][0]["ListenerArn"]
    assert found("aws:lb/listener:Listener", loadBalancerArn=balancer, port=80) == listener
    assert found("aws:lb/listener:Listener", loadBalancerArn=balancer, port=443) is None
    assert found("aws:acm/certificate:Certificate", domainName="k.example.com", tags={"stack": "dev"}) == certificate
    assert found("aws:acm/certificate:Certificate", domainName="l.example.com", tags={"stack": "dev"}) is None
    # It has no life of its own.
    assert found("aws:acm/certificateValidation:CertificateValidation", certificateArn=certificate) is None


def test_what_has_no_tags_is_not_taken_for_the_only_one_there_is(ids: dict[str, str]) -> None:
    assert identify({"type": "aws:ec2/vpc:Vpc", "inputs": {}}, Tagged("eu-west-1", frozenset())) is None
