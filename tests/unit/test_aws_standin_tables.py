"""The tables against the SDK and botocore, the record, and the CNI's environment."""

import re
from pathlib import Path
from zlib import crc32

import boto3
import pytest

from localcloud.aws.functions import FUNCTIONS
from localcloud.aws.model import validate
from localcloud.aws.record import Record, recorded_kinds
from localcloud.aws.routes import _route_id
from localcloud.aws.table import KINDS as AWS
from localcloud.eks.cni import configuration
from localcloud.eks.inputs import check_cluster
from localcloud.eks.nodes import check_nodes
from localcloud.providers.kinds import Kind
from localcloud.providers.schema import function_arguments, resource_schema
from localcloud.random.provider import KINDS as RANDOM
from ordering.errors import UserError

ROOT = Path(__file__).parents[2]
MADE = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("infra", "localcloud/eks")
    for path in sorted((ROOT / folder).rglob("*.py"))
)


@pytest.mark.parametrize("kind", [*AWS.values(), *RANDOM.values()], ids=lambda kind: kind.token)
def test_rows_name_only_what_the_sdk_has(kind: Kind) -> None:
    schema = resource_schema(kind.token)
    inputs = kind.replaces | kind.computed | kind.documents | kind.unordered | kind.defaults.keys()
    assert {name.split(".")[0] for name in inputs} <= schema.inputs.keys()
    assert kind.volatile <= schema.outputs
    assert (kind.retag is not None) == ("tags" in schema.inputs)
    if kind.autoname:
        assert kind.autoname.property in schema.inputs


@pytest.mark.parametrize("token", [*AWS, *RANDOM])
def test_each_row_is_a_type_that_the_program_or_the_eks_component_makes(token: str) -> None:
    package, module, name = [*token.split("/")[0].split(":"), token.split(":")[2]]
    place = package if module == "index" else module
    assert re.search(rf"\b(aws_)?{place}\.{name}\(", MADE)


@pytest.mark.parametrize("token", FUNCTIONS)
def test_functions_are_the_sdks(token: str) -> None:
    assert isinstance(function_arguments(token), frozenset)


def test_a_routes_id_is_the_official_one() -> None:
    assert crc32(b"0.0.0.0/0") == 1080289494
    assert _route_id({"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}) == "r-rtb-11080289494"


def test_record_keeps_counts_and_forgets(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "record.json"
    record = Record(path)
    assert recorded_kinds(path) == {}
    record.put("EKS cluster settings", "c:a", {"x": 1})
    record.put("EKS cluster settings", "c:b", {"x": 2})
    assert Record(path).get("EKS cluster settings", "c:b") == {"x": 2}
    assert recorded_kinds(path) == {"EKS cluster settings": 2}
    record.remove("EKS cluster settings", "c:a")
    record.remove("EKS cluster settings", "never")
    record.remove("EKS cluster settings", "c:b")
    assert recorded_kinds(path) == {}
    path.write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        recorded_kinds(path)


def test_what_is_recorded_is_held_against_botocore() -> None:
    eks = boto3.client("eks", region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x")
    validate(eks, "CreateAddon", {"clusterName": "c", "addonName": "a", "resolveConflicts": "OVERWRITE"})
    with pytest.raises(UserError, match="resolveConflicts is 'FORCE', which is not one of OVERWRITE, NONE, PRESERVE"):
        validate(eks, "CreateAddon", {"clusterName": "c", "addonName": "a", "resolveConflicts": "FORCE"})
    with pytest.raises(UserError, match="CreateAddon would be refused: addonName is not set, and must be set"):
        validate(eks, "CreateAddon", {"clusterName": "c"})
    wanted = {"clusterName": "c", "principalArn": "p", "policyArn": "q", "accessScope": {"type": "everything"}}
    with pytest.raises(UserError, match=r"accessScope\.type is 'everything'"):
        validate(eks, "AssociateAccessPolicy", wanted)


def test_cni_options_become_its_environment() -> None:
    plain = configuration({})
    assert plain["env"]["WARM_ENI_TARGET"] == "1"
    assert plain["env"]["AWS_VPC_K8S_CNI_EXTERNALSNAT"] == "false"
    assert "ENABLE_PREFIX_DELEGATION" not in plain["env"]
    assert plain["init"]["env"] == {"DISABLE_TCP_EARLY_DEMUX": "false"}
    own = {"env": {"WARM_ENI_TARGET": "7"}, "nodeAgent": {"enabled": "true"}}
    options = {
        "enablePrefixDelegation": True,
        "eniMtu": 1500.0,
        "externalSnat": True,
        "enableNetworkPolicy": True,
        "configurationValues": own,
    }
    given = configuration(options)
    assert given["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    assert given["env"]["AWS_VPC_ENI_MTU"] == "1500"
    assert given["env"]["AWS_VPC_K8S_CNI_EXTERNALSNAT"] == "true"
    assert given["env"]["WARM_ENI_TARGET"] == "7"
    assert given["enableNetworkPolicy"] == "true"
    assert given["nodeAgent"] == {"enabled": "true"}
    assert own == {"env": {"WARM_ENI_TARGET": "7"}, "nodeAgent": {"enabled": "true"}}


CLUSTER = {"authenticationMode": "API", "vpcId": "vpc-1", "skipDefaultNodeGroup": True}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"authenticationMode": "api"}, "Invalid value for authenticationMode: api"),
        ({"authenticationMode": None}, "authenticationMode API only, not CONFIG_MAP, the default"),
        ({"authenticationMode": "CONFIG_MAP", "accessEntries": {"a": {}}}, "accessEntries need authenticationMode API"),
        ({"subnetIds": ["a"], "privateSubnetIds": ["b"]}, "exclude each other"),
        ({"vpcId": None}, "needs `vpcId`"),
        ({"skipDefaultNodeGroup": False}, "creates no default node group"),
        ({"fargate": True}, "does not take `fargate`"),
        ({"storageClasses": "gp3"}, "does not take `storageClasses`"),
        ({"instanceRole": {}, "instanceRoles": [{}]}, "instanceRole and instanceRoles exclude each other"),
        ({"instanceRoles": [{}]}, "instanceRoles must be empty with authenticationMode API"),
    ],
)
def test_clusters_out_of_reach_are_refused(inputs: dict[str, object], words: str) -> None:
    check_cluster(CLUSTER)
    with pytest.raises(UserError, match=words):
        check_cluster(CLUSTER | inputs)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"nodeRole": {}}, "nodeRole or nodeRoleArn, not both"),
        ({"nodeRoleArn": None}, "needs an IAM role"),
        ({"launchTemplate": {}, "enableIMDSv2": True}, "says enableIMDSv2 in that template"),
        ({"launchTemplate": {}, "enableIMDSv2": False}, "says enableIMDSv2 in that template"),
        ({"launchTemplate": {}, "kubeletExtraArgs": "--x"}, "says kubeletExtraArgs in that template"),
        ({"nodeGroupName": "a", "nodeGroupNamePrefix": "b"}, "nodeGroupName or nodeGroupNamePrefix, not both"),
        ({"gpu": True}, "does not take `gpu`"),
    ],
)
def test_node_groups_out_of_reach_are_refused(inputs: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"nodeRoleArn": "arn"}
    check_nodes(good)
    with pytest.raises(UserError, match=words):
        check_nodes(good | inputs)
