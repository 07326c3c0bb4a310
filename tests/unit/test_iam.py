import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws import iam
from infra.aws.iam import access_entry_name
from infra.aws.identity import cluster_access_policy
from tests.unit.mocks import ISSUER, OIDC_PROVIDER

BUCKET = "arn:aws:s3:::artifacts"
REPOSITORY = "arn:aws:ecr:us-west-2:123456789012:repository/images"

ALLOWING = [
    iam.bucket_policy(BUCKET, ["shared/"]),
    iam.bucket_policy(BUCKET, [""]),
    iam.repository_policy(REPOSITORY),
    iam.describe_cluster_policy("us-west-2", "123456789012", "kubeflow-dev"),
]


def statements(policy: iam.Document) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def test_a_service_account_s_role_is_bound_to_issuer_namespace_account_and_audience() -> None:
    (only,) = statements(iam.irsa_trust_policy(OIDC_PROVIDER, ISSUER, "team", "default-editor"))
    assert only == {
        "Effect": "Allow",
        "Principal": {"Federated": OIDC_PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:sub": "system:serviceaccount:team:default-editor",
                f"{ISSUER}:aud": "sts.amazonaws.com",
            }
        },
    }


@pytest.mark.parametrize("policy", ALLOWING)
def test_no_allowed_action_has_a_wildcard(policy: iam.Document) -> None:
    allowed = [statement for statement in statements(policy) if statement["Effect"] == "Allow"]
    assert allowed
    for statement in allowed:
        assert not any("*" in action for action in statement["Action"])


@pytest.mark.parametrize("policy", ALLOWING)
def test_only_the_registry_s_token_is_for_every_resource(policy: iam.Document) -> None:
    for statement in statements(policy):
        if statement["Action"] != ["ecr:GetAuthorizationToken"]:
            assert statement["Resource"] != "*"


def test_a_writer_stays_inside_its_prefixes() -> None:
    location, listing, objects = statements(iam.bucket_policy(BUCKET, ["private/team/", "shared/"]))
    assert (location["Action"], location["Resource"]) == (["s3:GetBucketLocation"], BUCKET)
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["private/team/*", "shared/*"]}}
    assert objects["Resource"] == [f"{BUCKET}/private/team/*", f"{BUCKET}/shared/*"]
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} < set(objects["Action"])


def test_who_may_list_everything_may_do_so_without_naming_a_prefix() -> None:
    _, listing, objects, _ = statements(iam.bucket_policy(BUCKET, [""]))
    assert listing == {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": BUCKET}
    assert objects["Resource"] == [f"{BUCKET}/*"]


def test_nobody_s_pipeline_reads_a_backup_which_holds_everybody_s_secrets() -> None:
    *_, backups = statements(iam.bucket_policy(BUCKET, [""]))
    assert (backups["Effect"], backups["Resource"]) == ("Deny", f"{BUCKET}/backups/*")
    assert backups["Action"] == ["s3:*"]


def test_plain_http_is_denied_to_everybody() -> None:
    (only,) = statements(iam.tls_only_policy(BUCKET))
    assert (only["Effect"], only["Principal"], only["Resource"]) == ("Deny", "*", [BUCKET, f"{BUCKET}/*"])
    assert only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("region", "partition"), [("us-west-2", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_follow_the_region_s_partition(region: str, partition: str) -> None:
    assert iam.managed_policy(region, "P") == f"arn:{partition}:iam::aws:policy/P"
    assert iam.account_root(region, "123456789012") == f"arn:{partition}:iam::123456789012:root"
    assert cluster_access_policy(region, "P") == f"arn:{partition}:eks::aws:cluster-access-policy/P"


@given(st.text("ab-", min_size=1, max_size=120), st.text("ab-", min_size=1, max_size=120))
def test_names_fit_and_stay_apart(one: str, other: str) -> None:
    short, longest = iam.fitting(one, 56), 56
    assert len(short) <= longest
    assert (short == one) == (len(one) <= longest)
    assert (short == iam.fitting(other, longest)) == (one == other)


def test_the_issuer_is_read_from_its_provider() -> None:
    assert iam.oidc_issuer(OIDC_PROVIDER) == ISSUER
    for other in ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:oidc-provider/"):
        with pytest.raises(ValueError, match="is not the ARN of an OIDC provider"):
            iam.oidc_issuer(other)


def test_a_policy_is_the_same_text_every_time() -> None:
    policy = iam.service_trust_policy("ec2.amazonaws.com")
    assert iam.to_json(policy) == iam.to_json(json.loads(iam.to_json(policy)))


def test_an_access_entry_is_named_after_its_principal() -> None:
    assert access_entry_name("arn:aws:iam::123456789012:role/team/ops") == "role-team-ops"
    assert access_entry_name("arn:aws:iam::123456789012:user/ops") == "user-ops"
