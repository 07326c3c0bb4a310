"""What doctor asks AWS, against moto."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import preflight
from infra.aws import standing
from infra.preflight import Caller
from ops import quotas
from ops.doctor import account
from ops.doctor.account import (
    check_access,
    check_account,
    check_kept,
    check_quotas,
    check_type,
    check_zones,
    judge,
)
from ops.doctor.finding import Finding
from ops.quotas import Need
from tests.unit.settings_source import settings

REGION = "us-west-2"
ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def run_instances(instance_type: str, count: int, **tags: str) -> None:
    ec2: Any = boto3.client("ec2", region_name=REGION)
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType=instance_type, MinCount=count, MaxCount=count)["Instances"]
    ids = [instance["InstanceId"] for instance in made]
    if tags:
        tag(ids, **tags)


def tag(ids: list[str], **tags: str) -> None:
    ec2: Any = boto3.client("ec2", region_name=REGION)
    ec2.create_tags(Resources=ids, Tags=[{"Key": f"pulumi:{key}", "Value": value} for key, value in tags.items()])


def limited(monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    def limit_of(_region: str, _service: str, _code: str) -> int | None:
        return limit

    monkeypatch.setattr(quotas, "limit_of", limit_of)


def test_a_stack_may_say_which_account_it_belongs_to() -> None:
    free = by_check(check_account(REGION, {}, None))
    assert free["credentials"].state == "ok"
    assert f"allowedAccountIds[0]' {ACCOUNT}" in free["account"].advice

    pinned = by_check(check_account(REGION, {"aws:allowedAccountIds": f'["{ACCOUNT}"]'}, None))
    assert (pinned["account"].state, pinned["account"].found) == ("ok", ACCOUNT)

    other = by_check(check_account(REGION, {"aws:allowedAccountIds": '["999999999999"]'}, None))
    assert other["account"].state == "broken"
    assert other["account"].found == f"the credentials are of {ACCOUNT}, and the stack belongs to 999999999999"
    assert "AWS_PROFILE" in other["account"].advice


def test_without_credentials_nothing_else_is_asked() -> None:
    with pytest.MonkeyPatch.context() as env:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            env.delenv(name, raising=False)
        env.setenv("AWS_EC2_METADATA_DISABLED", "true")
        env.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        env.setenv("AWS_CONFIG_FILE", "/dev/null")
        (finding,) = check_account(REGION, {}, settings())
    assert (finding.check, finding.state, finding.advice) == ("credentials", "broken", "run `aws configure`")
    assert "There are no AWS credentials" in finding.found


def lets_in(monkeypatch: pytest.MonkeyPatch, administrator: str, *others: str) -> None:
    """EKS, which moto knows no access entries of."""
    living = standing.Living(
        version="1.35",
        entries=frozenset({administrator, *others}),
        administrators=frozenset({administrator}),
        others=frozenset({administrator}),
    )
    monkeypatch.setattr(standing, "look", lambda *_: living)


ME = f"arn:aws:sts::{ACCOUNT}:assumed-role/moto/session"


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check_aws", lambda _: Caller(account=ACCOUNT, arn=ME))


@pytest.mark.usefixtures("caller")
@pytest.mark.parametrize(
    ("administrator", "viewer", "named", "state", "words"),
    [
        ("moto", "", [], "ok", "role/moto administers the cluster"),
        ("ops", "", [], "broken", "has no access entry for role/moto"),
        ("ops", "moto", [], "warning", "lets role/moto read and no more"),
        ("ops", "", ["moto"], "warning", "has no access entry for role/moto yet"),
    ],
)
def test_whether_the_cluster_lets_one_in(
    monkeypatch: pytest.MonkeyPatch, administrator: str, viewer: str, named: list[str], state: str, words: str
) -> None:
    start = f"arn:aws:iam::{ACCOUNT}:role/"
    lets_in(monkeypatch, start + administrator, start + viewer)
    found = by_check(list(check_access(settings(clusterAdministrators=[start + name for name in named]))))["access"]
    assert (found.state, found.advice != "") == (state, state != "ok")
    assert words in found.found


def test_whoever_creates_the_cluster_may_be_named() -> None:
    named = settings(clusterAdministrators=[f"arn:aws:iam::{ACCOUNT}:user/ops"])
    assert by_check(list(check_access(named)))["access"].state == "ok"


def test_an_account_with_room_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 64)
    found = by_check(check_account(REGION, {}, settings()))
    assert {finding.state for finding in found.values()} == {"ok"}
    assert set(found) == {
        "credentials",
        "account",
        "access",
        "VPCs",
        "elastic addresses",
        "vCPUs",
        "zones",
        "instance type",
    }
    assert found["vCPUs"].found == "0 of 64 used by others, 20 for this stack"


def test_a_full_region_has_no_room_for_a_vpc() -> None:
    ec2 = boto3.client("ec2", region_name=REGION)
    for number in range(4):  # one is there from the start, and five are allowed
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    found = by_check(list(check_quotas(settings())))["VPCs"]
    assert (found.state, found.found) == ("broken", "5 of 5 used by others, 1 for this stack")
    assert found.advice.startswith("ask for at least 6 under Service Quotas")


def test_what_the_stack_has_already_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ec2 = boto3.client("ec2", region_name=REGION)
    for number in range(4):
        vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
    tag([vpc], project="kubeflow", stack="dev")
    assert by_check(list(check_quotas(settings())))["VPCs"].state == "ok"
    assert by_check(list(check_quotas(settings("other"))))["VPCs"].state == "broken"

    limited(monkeypatch, 32)
    run_instances("m5.xlarge", 5, project="kubeflow", stack="dev")
    assert by_check(list(check_quotas(settings())))["vCPUs"].found.startswith("0 of 32 used by others")


@pytest.mark.parametrize(
    ("limit", "state"),
    # 5 m5.xlarge in 4 zones: 20 vCPUs, 52 while EKS updates them, 40 while another group takes their place.
    [(52, "ok"), (51, "warning"), (20, "warning"), (19, "broken")],
)
def test_the_peak_of_a_renewal_counts(monkeypatch: pytest.MonkeyPatch, limit: int, state: str) -> None:
    limited(monkeypatch, limit)
    found = by_check(list(check_quotas(settings())))["vCPUs"]
    assert found.state == state
    assert ("52 while nodes are renewed" in found.found) is (state == "warning")


def test_a_smaller_type_still_needs_room_beside_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instances("m5.4xlarge", 5, project="kubeflow", stack="dev")
    limited(monkeypatch, 99)
    found = by_check(list(check_quotas(settings())))["vCPUs"]
    assert (found.state, "100 while nodes are renewed" in found.found) == ("warning", True)


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("m5.xlarge", "", ""),
        ("m6g.large", "broken", "is for arm64, and several of Kubeflow's images are for x86 alone"),
        ("g4dn.xlarge", "", ""),
    ],
)
def test_aws_is_asked_what_a_type_is(kind: str, state: str, words: str) -> None:
    found = list(check_type(boto3.client("ec2", region_name=REGION), kind))
    assert [one.state for one in found] == ([state] if state else [])
    assert all(words in one.found for one in found)


def test_a_type_that_is_not_what_its_name_says_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.aws.instances.has_nvidia", lambda _: False)
    [found] = check_type(boto3.client("ec2", region_name=REGION), "g4dn.xlarge")
    assert (found.state, "GPUs of NVIDIA, and the nodes' image would be AL2023_x86_64_STANDARD" in found.found) == (
        "broken",
        True,
    )


def test_a_gateway_in_each_zone_takes_an_address_each(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 5)
    for _ in range(2):
        boto3.client("ec2", region_name=REGION).allocate_address(Domain="vpc")
    assert by_check(list(check_quotas(settings())))["elastic addresses"].state == "ok"
    found = by_check(list(check_quotas(settings(networkNat="per-zone"))))["elastic addresses"]
    assert (found.state, found.found) == ("broken", "2 of 5 used by others, 4 for this stack")


def test_vcpus_of_others_count_by_family(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 32)
    run_instances("c5.4xlarge", 1)
    run_instances("p3.2xlarge", 1)
    found = by_check(list(check_quotas(settings())))["vCPUs"]
    assert found.found == "16 of 32 used by others, 20 for this stack"
    assert found.state == "broken"


def test_a_stack_that_fits_but_cannot_grow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 24)
    found = by_check(list(check_quotas(settings())))["vCPUs"]
    assert (found.state, found.found) == (
        "warning",
        "0 of 24 used by others, 20 for this stack, 52 while nodes are renewed or with as many as the settings allow",
    )


def test_a_quota_that_nobody_tells_is_a_warning() -> None:
    found = by_check(list(check_quotas(settings())))["vCPUs"]
    assert found.state == "warning"
    assert "L-1216C47A of ec2 cannot be read" in found.found


def test_each_quota_that_counts_a_pool_is_asked_for_what_its_renewal_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"L-1216C47A": 100, "L-34B43A08": 0, "L-DB2E81BA": 0, "L-3819A6DF": 7}
    monkeypatch.setattr(quotas, "limit_of", lambda _region, _service, code: limits.get(code, 99))
    zones = ["us-west-2a", "us-west-2b"]
    gpu = {"name": "gpu", "instanceTypes": ["g4dn.xlarge"], "capacity": "spot", "max": 1, "zones": zones}
    big = {"name": "big", "instanceTypes": ["g5.xlarge", "g5.2xlarge"], "min": 1, "max": 2, "zones": zones}
    found = by_check(list(check_quotas(settings(nodePools=[gpu, big]))))
    assert found["vCPUs"].state == "ok"
    # None now, one in each zone at most.
    spot = found["vCPUs (gpu-us-west-2a, gpu-us-west-2b)"]
    assert (spot.state, "0 for this stack, 8 while" in spot.found) == ("warning", True)
    # One of the larger type now.
    on_demand = found["vCPUs (big-us-west-2a, big-us-west-2b)"]
    assert (on_demand.state, on_demand.found) == ("broken", "0 of 0 used by others, 8 for this stack")


def test_spot_instances_count_where_spot_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 32)
    ec2: Any = boto3.client("ec2", region_name=REGION)
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(
        ImageId=image,
        InstanceType="m5.4xlarge",
        MinCount=1,
        MaxCount=1,
        InstanceMarketOptions={"MarketType": "spot"},
    )
    pool = {"name": "cheap", "instanceTypes": ["m5.xlarge"], "capacity": "spot", "min": 1, "max": 1}
    found = by_check(list(check_quotas(settings(nodePools=[pool]))))
    assert found["vCPUs"].found.startswith("0 of 32 used by others")
    assert found["vCPUs (cheap)"].found.startswith("16 of 32 used by others, 4 for this stack")


def test_a_pool_is_asked_for_in_its_own_zones() -> None:
    def told(*zones: str) -> list[Finding]:
        pool = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "min": 1, "max": 1, "zones": zones}
        return [one for one in check_zones(settings(nodePools=[pool])) if one.check == "instance type"]

    assert [one.state for one in told("us-west-2a")] == ["ok", "ok"]
    lacking = told("us-west-2a", "us-west-2d")[1]
    assert (lacking.state, lacking.found) == ("broken", "g5.xlarge is not offered in us-west-2d")
    assert "leave those out of the pool's zones, or choose another in nodePools 'gpu'" in lacking.advice


def test_the_last_one_still_fits() -> None:
    assert judge(Need(name="x", code=("a", "b"), limit=5, used=4, wanted=1, at_most=1)).state == "ok"
    assert judge(Need(name="x", code=("a", "b"), limit=5, used=4, wanted=1, at_most=2)).state == "warning"
    assert judge(Need(name="x", code=("a", "b"), limit=5, used=5, wanted=1, at_most=1)).state == "broken"


def test_zones_and_types_that_are_there_are_fine() -> None:
    found = by_check(list(check_zones(settings())))
    assert found["zones"].found == "us-west-2a, us-west-2b, us-west-2c, us-west-2d"
    assert found["instance type"].found == "m5.xlarge is offered in each zone"


def test_a_zone_that_the_account_lacks_is_named() -> None:
    found = by_check(list(check_zones(settings(networkZones=["us-west-2a", "us-west-2h"]))))["zones"]
    assert (found.state, found.found) == ("broken", "not available: us-west-2h")
    assert "us-west-2a, us-west-2b" in found.advice


def test_a_type_that_the_region_lacks_is_named() -> None:
    found = by_check(list(check_zones(settings(nodesInstanceType="m5.3xlarge"))))["instance type"]
    assert (found.state, found.found) == ("broken", "m5.3xlarge is not offered in this region")


def test_a_zone_without_eks_may_hold_nodes_but_not_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ec2 = boto3.client("ec2", region_name=REGION)
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    monkeypatch.setattr(account, "WITHOUT_EKS", frozenset((ids["us-west-2b"],)))
    found = by_check(list(check_zones(settings())))["zones"]
    assert (found.state, found.found) == ("broken", "EKS has no control plane in us-west-2b")
    later = settings(networkZones=["us-west-2a", "us-west-2c", "us-west-2b"])
    assert by_check(list(check_zones(later)))["zones"].state == "ok"


def log_group(cluster: str) -> None:
    boto3.client("logs", region_name=REGION).create_log_group(logGroupName=f"/aws/eks/{cluster}/cluster")


def images(name: str, stack: str) -> None:
    tags = [{"Key": "pulumi:project", "Value": "kubeflow"}, {"Key": "pulumi:stack", "Value": stack}]
    boto3.client("ecr", region_name=REGION).create_repository(repositoryName=name, tags=tags)


@pytest.mark.parametrize("where", [{}, {"clusterMode": "existing", "clusterKubeconfig": "~/.kube/config"}])
def test_what_an_earlier_life_of_the_stack_left_is_told(where: dict[str, str]) -> None:
    assert list(check_kept(settings(**where))) == []
    log_group("kubeflow-dev")
    images("kubeflow-dev-images-1a2b3c4", "dev")
    found = by_check(check_account(REGION, {}, settings(**where)))["kept"]
    assert found.state == "ok"
    assert "kubeflow-dev-images-1a2b3c4" in found.found
    assert ("/aws/eks/kubeflow-dev/cluster" in found.found) is not bool(where)


def test_two_repositories_of_one_stack_are_a_warning() -> None:
    for end in ("1a2b3c4", "5d6e7f8"):
        images(f"kubeflow-dev-images-{end}", "dev")
    (found,) = check_kept(settings())
    assert (found.state, found.found.split(":")[0]) == ("warning", "2 repositories are this stack's")


def test_a_repository_name_that_somebody_has_is_broken() -> None:
    images("team/images", "blue")
    (found,) = check_kept(settings(registryRepository="team/images"))
    assert (found.check, found.state) == ("names", "broken")
    assert found.advice.startswith("choose another name")
