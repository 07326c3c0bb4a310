"""Pools of nodes: what may be set, what node groups they become, and what nodes of theirs are told."""

from collections.abc import Iterator
from typing import Any

import boto3
import pulumi
import pytest
from moto import mock_aws

from infra.aws import instances, offerings
from infra.aws.instances import instance, reserved_attachments, vcpu_quota, volume_slots
from infra.aws.pools import PREFIX, cared_for
from infra.settings.groups import POOL_LABEL, POOL_TAG, groups
from ordering.errors import UserError
from tests.unit.mocks import Recording
from tests.unit.settings_source import settings
from tests.unit.test_cluster import cluster

GPU: dict[str, Any] = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "capacity": "spot", "max": 2}
STEADY: dict[str, Any] = {"name": "steady", "instanceTypes": ["m6i.2xlarge", "m5.2xlarge"], "min": 4, "max": 6}


def problem(*pools: Any, **changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        settings(nodePools=list(pools), **changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ({"name": "base"}, "'base' is the name of the group that the platform itself runs on, which is on demand"),
        ({"name": "GPU pool"}, "'GPU pool' is no name for a pool, which AWS gets in tags"),
        ({"name": "a" * 21}, "use up to 20 lower-case letters"),
        (
            {"instanceTypes": ["m6i.xlarge", "m7g.xlarge"]},
            "mixes m6i.xlarge and m7g.xlarge, which need different images",
        ),
        ({"instanceTypes": ["g5.xlarge", "m5.xlarge"]}, "make a pool of each."),
        ({"instanceTypes": []}, "has 0 instanceTypes; name 1 to 20."),
        ({"instanceTypes": ["big"]}, "has 'big' among its instanceTypes"),
        ({"instanceTypes": "g5.xlarge"}, "write a list of texts"),
        ({"instanceTypes": ["g5.xlarge", "g5.xlarge"]}, "names 'g5.xlarge' twice in its instanceTypes"),
        ({"min": 3}, "has min 3, desired 3 and max 2; set them so that min <= desired <= max."),
        ({"desired": 5}, "has min 0, desired 5 and max 2"),
        ({"max": 0}, "has max 0; choose a number from 1 to 450."),
        ({"max": "2"}, "has '2' as its max; write a whole number"),
        ({"max": True}, "has True as its max; write a whole number"),
        ({"capacity": "cheap"}, "has 'cheap' as its capacity, which is not one of on-demand, spot."),
        ({"zones": ["us-west-2h"]}, "has the zone 'us-west-2h', which is not in networkZones"),
        ({"diskGiB": 5}, "has diskGiB 5; choose a number from 20 to 16384."),
        ({"labels": {"kubernetes.io/role": "x"}}, "has the label kubernetes.io/role, which nodes get from elsewhere"),
        ({"labels": {POOL_LABEL: "x"}}, "which nodes get from elsewhere"),
        ({"labels": {"a b": "x"}}, "has the label a b=x, which Kubernetes refuses"),
        ({"labels": {"a": 1}}, "write a map of texts"),
        ({"taints": ["team=ml"]}, "has 'team=ml' among its taints; write KEY=VALUE:NoSchedule"),
        ({"taints": ["team=ml:Never"]}, "which is not one of NoSchedule, PreferNoSchedule, NoExecute."),
        ({"spot": True}, "has the field 'spot', which no pool has; known are name, instanceTypes"),
    ],
)
def test_what_is_wrong_with_a_pool_is_one_sentence(pool: dict[str, Any], words: str) -> None:
    told = problem({**GPU, **pool})
    assert told.startswith("nodePools ")
    assert words in told
    assert "\n" not in told


def test_what_is_wrong_with_pools_together_is_one_sentence() -> None:
    assert problem(GPU, GPU) == "nodePools has two pools named 'gpu'; rename one."
    assert "'us-west-2a' is not a pool" in problem("us-west-2a")
    twin = {**STEADY, "name": "gpu-us-west-2a"}
    assert "two node groups named 'gpu-us-west-2a'" in problem(GPU, twin)
    many = [{**GPU, "name": f"gpu-{number}"} for number in range(8)]
    assert "makes 32 node groups (one a zone where min is less than its zones), and EKS takes 30" in problem(*many)
    assert "allow 108 nodes, which take up to" in problem({**STEADY, "max": 100}, networkCidr="10.0.0.0/20")
    told = problem(GPU, clusterMode="existing", clusterContext="lab")
    assert told == "nodePools is only for a cluster to create; remove it, or set clusterMode to create."


def test_a_pool_that_may_be_empty_has_a_group_in_each_zone() -> None:
    """A first node comes up where the volume is that a pod waits for."""
    [pool] = settings(nodePools=[{**GPU, "desired": 3, "max": 4, "zones": ["us-west-2a", "us-west-2c"]}]).pools
    assert [(one.name, one.zones, one.min, one.desired, one.max) for one in groups(pool)] == [
        ("gpu-us-west-2a", ("us-west-2a",), 0, 2, 4),
        ("gpu-us-west-2c", ("us-west-2c",), 0, 1, 4),
    ]
    [steady] = settings(nodePools=[STEADY]).pools
    assert [(one.name, len(one.zones), one.desired) for one in groups(steady)] == [("steady", 4, 4)]


def test_no_zone_of_a_pool_depends_on_another_for_its_first_node() -> None:
    """With one group a node comes in any zone, and a pod whose volume is in another waits for ever."""
    [pool] = settings(
        nodePools=[{**STEADY, "min": 1, "desired": 4, "zones": ["us-west-2a", "us-west-2c", "us-west-2d"]}]
    ).pools
    assert [(one.zones, one.min, one.desired, one.max) for one in groups(pool)] == [
        (("us-west-2a",), 1, 2, 6),
        (("us-west-2c",), 0, 1, 6),
        (("us-west-2d",), 0, 1, 6),
    ]
    [fixed] = settings(nodePools=[{**STEADY, "min": 1, "max": 1}]).pools
    assert [one.name for one in groups(fixed)] == ["steady"], "whose nodes neither come nor go"


@pytest.fixture(scope="module")
def made() -> Recording:
    return cluster(nodePools=[GPU, {**STEADY, "labels": {"team": "ml"}, "taints": ["team=ml:NoSchedule"]}])


def test_a_pool_s_nodes_get_image_price_labels_and_taints(made: Recording) -> None:
    gpu = made.one("ManagedNodeGroup", "c-nodes-gpu-us-west-2b").inputs
    assert (gpu["amiType"], gpu["capacityType"], gpu["subnetIds"]) == ("AL2023_x86_64_NVIDIA", "SPOT", ["b"])
    assert gpu["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 2}
    assert gpu["labels"] == {
        POOL_LABEL: "gpu",
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia",
    }
    assert gpu["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    steady = made.one("ManagedNodeGroup", "c-nodes-steady").inputs
    assert "capacityType" not in steady
    assert steady["labels"] == {POOL_LABEL: "steady", "team": "ml"}
    assert steady["taints"] == [{"key": "team", "value": "ml", "effect": "NO_SCHEDULE"}]
    assert steady["subnetIds"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("kind", "image", "taint"),
    [
        ("m7g.xlarge", "AL2023_ARM_64_STANDARD", "kubernetes.io/arch"),
        ("trn1.2xlarge", "AL2023_x86_64_NEURON", "aws.amazon.com/neuron"),
    ],
)
def test_other_processors_and_accelerators_are_kept_for_who_asks_for_them(kind: str, image: str, taint: str) -> None:
    found = cluster(nodePools=[{**STEADY, "instanceTypes": [kind]}]).one("ManagedNodeGroup", "c-nodes-steady").inputs
    assert (found["amiType"], [one["key"] for one in found["taints"]]) == (image, [taint])


def test_the_base_group_stays_as_it_was_and_takes_no_taint(made: Recording) -> None:
    base, alone = (one.one("ManagedNodeGroup", "c-nodes").inputs for one in (made, cluster()))
    assert base == alone
    assert base["labels"] == {POOL_LABEL: "base"}, "by which a step asks for it"
    assert "taints" not in base
    nvidia = cluster(nodesInstanceType="g5.xlarge").one("ManagedNodeGroup").inputs
    assert (nvidia["amiType"], "taints" in nvidia) == ("AL2023_x86_64_NVIDIA", False)
    assert nvidia["labels"]["nvidia.com/gpu.present"] == "true"


def test_each_group_is_found_again_by_its_tag_and_fits_a_name(made: Recording) -> None:
    found = made.all("ManagedNodeGroup")
    assert len({one.inputs["tags"][POOL_TAG] for one in found}) == len(found)
    templates = made.all("LaunchTemplate")
    assert {one.inputs["tags"][POOL_TAG] for one in templates} == {"base", "gpu", "steady"}
    long = cluster(clusterName="k" * 100, nodePools=[{**GPU, "name": "a" * 20}])
    assert {len(one.inputs["nodeGroupNamePrefix"]) for one in long.all("ManagedNodeGroup")} == {PREFIX}
    assert all(one.inputs["nodeGroupNamePrefix"].endswith("-") for one in long.all("ManagedNodeGroup"))


def test_pods_of_a_pool_cannot_borrow_its_nodes_role_either(made: Recording) -> None:
    for one in made.all("LaunchTemplate"):
        assert one.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1
        [disk] = one.inputs["blockDeviceMappings"]
        assert disk["ebs"]["encrypted"] == "true"


def test_nodes_are_renewed_one_at_a_time_and_mended() -> None:
    args = pulumi.ResourceTransformArgs(True, "aws:eks/nodeGroup:NodeGroup", "n", {"a": 1}, pulumi.ResourceOptions())
    result = cared_for(args)
    assert result is not None
    assert result.props == {"a": 1, "updateConfig": {"maxUnavailable": 1}, "nodeRepairConfig": {"enabled": True}}
    args.type_ = "aws:ec2/launchTemplate:LaunchTemplate"
    assert cared_for(args) is None


def test_the_volume_driver_leaves_room_for_interfaces_that_it_cannot_see() -> None:
    """28 less one interface, which the driver counts, less what is reserved, is 28 less all interfaces and the disk."""
    known = instance("m5.xlarge")
    assert known is not None
    assert 28 - 1 - reserved_attachments(["m5.xlarge"]) == volume_slots(known) == 23
    assert reserved_attachments(["m5.xlarge", "m5.4xlarge"]) == 8
    assert reserved_attachments(["p5.48xlarge", "x9.large"]) == 15


@pytest.mark.parametrize(
    ("name", "spot", "code"),
    [
        ("m5.xlarge", False, "L-1216C47A"),
        ("t3a.large", True, "L-34B43A08"),
        ("im4gn.large", False, "L-1216C47A"),
        ("g5.xlarge", False, "L-DB2E81BA"),
        ("gr6.4xlarge", True, "L-3819A6DF"),
        ("vt1.3xlarge", False, "L-DB2E81BA"),
        ("p4d.24xlarge", False, "L-417A185B"),
        ("p4d.24xlarge", True, "L-7212CCBC"),
        ("p5.48xlarge", True, "L-C4BD4855"),
        ("trn1.2xlarge", False, "L-2C3B7624"),
        ("inf2.xlarge", True, "L-B5D1601B"),
        ("mac2.metal", False, None),
    ],
)
def test_each_family_has_its_quotas(name: str, spot: bool, code: str | None) -> None:
    assert vcpu_quota(name, spot=spot) == code


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_ec2_is_asked_whether_each_zone_has_a_pool_s_types() -> None:
    there = ["us-west-2a", "us-west-2b"]
    offerings.check(settings(nodePools=[{**GPU, "zones": there}, STEADY]))
    with pytest.raises(UserError, match=r"nodePools 'gpu' has the instance type g5\.3xlarge, which EC2 does not offer"):
        offerings.check(settings(nodePools=[{**GPU, "instanceTypes": ["g5.3xlarge"]}]))
    with pytest.raises(UserError, match=r"does not offer in us-west-2d; leave that out of the pool's zones"):
        offerings.check(settings(nodePools=[GPU]))


@pytest.mark.usefixtures("aws")
def test_a_type_that_is_not_what_its_name_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "has_nvidia", lambda _: False)
    with pytest.raises(UserError, match=r"nodePools 'gpu' cannot be made: g5\.xlarge has GPUs of NVIDIA"):
        offerings.check(settings(nodePools=[{**GPU, "zones": ["us-west-2a"]}]))


@pytest.mark.usefixtures("aws")
def test_whoever_may_not_ask_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = boto3.client("ec2", region_name="us-west-2").exceptions.ClientError(
        {"Error": {}}, "DescribeInstanceTypes"
    )

    def refuse(*_: Any) -> None:
        raise refused

    monkeypatch.setattr(offerings, "_types", refuse)
    offerings.check(settings(nodePools=[GPU]))


def test_the_autoscaler_alone_says_how_many_nodes_run() -> None:
    for scaling, ignored in (("none", False), ("cluster-autoscaler", True)):
        found = cluster(nodesAutoscaling=scaling, nodePools=[GPU])
        assert {one.inputs["ignoreScalingChanges"] for one in found.all("ManagedNodeGroup")} == {ignored}


def test_an_empty_group_says_how_many_pods_share_its_gpus() -> None:
    pool = {**GPU, "instanceTypes": ["g5.12xlarge"], "zones": ["us-west-2a"]}
    tag = "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu"
    shared, alone = (
        cluster(nodesGpuShares=shares, nodePools=[pool]).one("ManagedNodeGroup", "c-nodes-gpu").inputs["tags"]
        for shares in (3, 1)
    )
    assert (shared[tag], tag in alone) == ("12", False)
