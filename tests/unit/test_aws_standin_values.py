"""Values on the wire, the schema read from the SDK, and differences: the pure part of the stand-in providers."""

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.providers.diff import Change, Difference, differences, projected
from localcloud.providers.schema import InvalidPropertyError, checked, function_arguments, resource_schema
from localcloud.providers.values import (
    OUTPUT_SIGNATURE,
    RESOURCE_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_ON_THE_WIRE,
    decode,
    encode,
    has_unknown,
)

VPC = "aws:ec2/vpc:Vpc"
EMPTY: frozenset[str] = frozenset()

_leaves = st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(UNKNOWN)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != SIGNATURE_KEY), inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=50)  # a laden machine is not a failure
@given(st.dictionaries(st.text().filter(lambda key: key != SIGNATURE_KEY), _values))
def test_values_come_back_as_they_went(properties: dict[str, Any]) -> None:
    assert decode(encode(properties)) == properties


def test_absent_values_are_left_out_and_fractions_stay() -> None:
    assert decode(encode({"a": None, "b": 0.5, "c": 2.0})) == {"b": 0.5, "c": 2}
    assert isinstance(decode(encode({"c": 2.0}))["c"], int)


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        ({SIGNATURE_KEY: SECRET_SIGNATURE, "value": {"a": 1}}, {"a": 1}),
        ({SIGNATURE_KEY: OUTPUT_SIGNATURE, "value": "x"}, "x"),
        ({SIGNATURE_KEY: OUTPUT_SIGNATURE}, UNKNOWN),
        ({SIGNATURE_KEY: RESOURCE_SIGNATURE, "urn": "urn:x", "id": "vpc-1"}, "vpc-1"),
        ({SIGNATURE_KEY: RESOURCE_SIGNATURE, "urn": "urn:x"}, "urn:x"),
        (UNKNOWN_ON_THE_WIRE, UNKNOWN),
    ],
)
def test_signed_values(signed: Any, expected: Any) -> None:
    struct = struct_pb2.Struct()
    struct.update({"v": signed})
    assert decode(struct) == {"v": expected}


def test_unknowns_are_found_at_any_depth() -> None:
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": [{"b": ""}]})


def test_schema_is_the_sdks() -> None:
    vpc = resource_schema(VPC)
    assert vpc.inputs["cidrBlock"].kind == "string"
    assert vpc.inputs["tags"].kind == "map"
    assert {"arn", "defaultSecurityGroupId", "tagsAll"} <= vpc.computed
    assert "cidrBlock" not in vpc.computed
    rules = resource_schema("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    assert rules.item is not None
    assert rules.item.fields is not None
    assert "noncurrentVersionExpiration" in rules.item.fields
    assert function_arguments("aws:index/getAvailabilityZones:getAvailabilityZones") >= {"state", "excludeNames"}


@pytest.mark.parametrize(
    ("token", "inputs", "path", "words"),
    [
        (VPC, {"cidr": "10.0.0.0/16"}, "cidr", "did you mean `cidrBlock`"),
        ("aws:ec2/subnet:Subnet", {"cidrBlock": "10.0.0.0/24"}, "vpcId", "needs `vpcId`"),
        (VPC, {"enableDnsSupport": "yes"}, "enableDnsSupport", "wants a boolean for `enableDnsSupport`, not 'yes'"),
        (VPC, {"tags": ["a"]}, "tags", "wants an object for `tags`"),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"bucket": "b", "versioningConfiguration": {"state": "Enabled"}},
            "versioningConfiguration.state",
            "has no input `state`; did you mean `status`",
        ),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {"ingress": [{"protocol": "tcp", "fromPort": 1, "toPort": "x"}]},
            "ingress[0].toPort",
            "wants an integer",
        ),
    ],
)
def test_what_the_sdk_does_not_know_is_refused(token: str, inputs: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(InvalidPropertyError) as caught:
        checked(resource_schema(token), inputs)
    assert caught.value.path == path
    assert words in str(caught.value)


def test_scalars_are_written_as_their_type() -> None:
    inputs = {"enableDnsSupport": "true", "tags": {"count": 3, "on": True}, "ipv4NetmaskLength": "20"}
    assert checked(resource_schema(VPC), inputs) == {
        "enableDnsSupport": True,
        "tags": {"count": "3", "on": "true"},
        "ipv4NetmaskLength": 20,
    }
    assert checked(resource_schema(VPC), {"cidrBlock": UNKNOWN}) == {"cidrBlock": UNKNOWN}


def test_differences_name_paths_and_what_replaces() -> None:
    old = {"cidr": "a", "tags": {"x": "1", "y/z": "2"}, "config": {"a": 1, "b": [1, 2]}, "gone": 1}
    new = {"cidr": "b", "tags": {"x": "1", "y/z": "3", "new": "4"}, "config": {"a": 2, "b": [1, 3, 4]}}
    found = differences(old, new, replaces=frozenset({"cidr", "config.a"}), unordered=EMPTY, documents=EMPTY)
    assert set(found) == {
        Difference("cidr", Change.UPDATE, True),
        Difference('tags["y/z"]', Change.UPDATE, False),
        Difference("tags.new", Change.ADD, False),
        Difference("config.a", Change.UPDATE, True),
        Difference("config.b[1]", Change.UPDATE, False),
        Difference("config.b[2]", Change.ADD, False),
        Difference("gone", Change.DELETE, False),
    }


def test_sets_and_documents_compare_by_meaning() -> None:
    old = {"ids": ["a", "b"], "config": {"ids": ["a", "b"]}, "policy": '{"Action": ["x"], "Effect": "Allow"}'}
    new = {"ids": ["b", "a"], "config": {"ids": ["b", "a"]}, "policy": '{"Effect":"Allow","Action":"x"}'}
    kinds = {"unordered": frozenset({"ids", "config.ids"}), "documents": frozenset({"policy"})}
    assert differences(old, new, replaces=EMPTY, **kinds) == []
    assert len(differences(old, new, replaces=EMPTY, unordered=EMPTY, documents=EMPTY)) == 5


def test_an_unknown_is_a_change() -> None:
    found = differences({"a": "x"}, {"a": UNKNOWN}, replaces=frozenset({"a"}), unordered=EMPTY, documents=EMPTY)
    assert found == [Difference("a", Change.UPDATE, True)]


def test_what_the_cloud_chose_is_no_drift_but_a_foreign_tag_is() -> None:
    tags = resource_schema(VPC).inputs["tags"]
    config = resource_schema("aws:eks/cluster:Cluster").inputs["vpcConfig"]
    assert projected({"subnetIds": ["s"]}, {"subnetIds": ["s"], "vpcId": "v"}, config) == {"subnetIds": ["s"]}
    assert projected({"a": "1"}, {"a": "1", "by": "hand"}, tags) == {"a": "1", "by": "hand"}
