"""What an identity may do on AWS, by asking for everything, and every smallest change of a policy."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tests.local.stack import aws_client

Policy = dict[str, Any]

# The profile's own and the shared ones; what only looks like them, is another's, or the platform's.
OWN = ("private-artifacts/team/", "private/team/", "shared/")
OTHERS = (
    "private-artifacts/other/",
    "private-artifacts/team-2/",
    "private/other/",
    "private/team-2/",
    "shared-2/",
    "v2/",
    "backups-2/",
)
BACKUPS = "backups/"
"""Which nobody reads who can read everything else."""

DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the questions lead: the stack's bucket and repository, others of the account, a role and a cluster."""

    bucket: str
    other_bucket: str
    repository: str
    other_repository: str
    role: str
    cluster: str


def allowed(environment: Mapping[str, str], places: Places) -> set[str]:
    """Those of the questions to which the answer is not 403."""
    return {name for name, ask in _questions(environment, places) if _may(ask)}


def _may(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except ClientError as error:
        refused: bool = error.response["ResponseMetadata"]["HTTPStatusCode"] == 403 or "AccessDenied" in str(error)
        return not refused
    return True


def _questions(environment: Mapping[str, str], places: Places) -> Iterator[tuple[str, Callable[[], Any]]]:
    s3, ecr = aws_client("s3", environment), aws_client("ecr", environment)
    for label, bucket in (("", places.bucket), ("other bucket: ", places.other_bucket)):
        here = {"Bucket": bucket}
        for prefix in (*OWN, *OTHERS, BACKUPS) if not label else OWN[-1:]:
            there, new = {**here, "Key": f"{prefix}there"}, {**here, "Key": f"{prefix}new"}
            yield f"{label}list {prefix}", partial(s3.list_objects_v2, **here, Prefix=prefix)
            yield f"{label}versions {prefix}", partial(s3.list_object_versions, **here, Prefix=prefix)
            yield f"{label}get {prefix}", partial(s3.get_object, **there)
            yield f"{label}put {prefix}", partial(s3.put_object, **new, Body=b"")
            yield f"{label}delete {prefix}", partial(s3.delete_object, **new)
            yield f"{label}parts {prefix}", partial(s3.list_parts, **new, UploadId="none")
            yield f"{label}abort {prefix}", partial(s3.abort_multipart_upload, **new, UploadId="none")
            yield f"{label}tags {prefix}", partial(s3.get_object_tagging, **there)
        for name in ("head_bucket", "get_bucket_location", "list_objects_v2", "list_object_versions"):
            yield f"{label}{name}", partial(getattr(s3, name), **here)
        for name in ("get_bucket_policy", "get_bucket_versioning", "get_bucket_tagging"):
            yield f"{label}{name}", partial(getattr(s3, name), **here)
    yield "list_buckets", s3.list_buckets
    yield "registry's token", ecr.get_authorization_token
    for label, repository in (("", places.repository), ("other repository: ", places.other_repository)):
        at = {"repositoryName": repository}
        yield f"{label}images", partial(ecr.describe_images, **at)
        yield f"{label}image", partial(ecr.batch_get_image, **at, imageIds=[{"imageTag": "none"}])
        yield f"{label}layers", partial(ecr.batch_check_layer_availability, **at, layerDigests=[DIGEST])
        yield f"{label}layer", partial(ecr.get_download_url_for_layer, **at, layerDigest=DIGEST)
        yield f"{label}push", partial(ecr.put_image, **at, imageManifest="{}")
        yield f"{label}describe", partial(ecr.describe_repositories, repositoryNames=[repository])
    for service, name in (
        ("iam", "list_roles"),
        ("ec2", "describe_vpcs"),
        ("eks", "list_clusters"),
        ("kms", "list_keys"),
    ):
        yield f"{service} {name}", getattr(aws_client(service, environment), name)
    eks, sts = aws_client("eks", environment), aws_client("sts", environment)
    yield "cluster", partial(eks.describe_cluster, name=places.cluster)
    yield "other cluster", partial(eks.describe_cluster, name=f"{places.cluster}-2")
    yield "administrator's role", partial(sts.assume_role, RoleArn=places.role, RoleSessionName="somebody")


def changes(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Each smallest narrowing and widening of a policy, with its name."""
    for index, statement in enumerate(policy["Statement"]):
        for action in statement["Action"]:
            kept = [one for one in statement["Action"] if one != action]
            yield f"without {action}", _with(policy, index, {"Action": kept} if kept else None)
        yield (
            f"all of {statement['Action'][0]}'s service",
            _with(policy, index, {"Action": [f"{statement['Action'][0].split(':')[0]}:*"]}),
        )
        yield from _resources(policy, index)
        yield from _conditions(policy, index)


def _resources(policy: Policy, index: int) -> Iterator[tuple[str, Policy]]:
    given = policy["Statement"][index]["Resource"]
    resources = given if isinstance(given, list) else [given]
    if resources == ["*"]:
        return
    for resource in resources:
        others = [one for one in resources if one != resource]
        yield f"not on {resource}", _with(policy, index, {"Resource": others} if others else None)
        for wider in _wider(resource):
            yield f"on {wider} for {resource}", _with(policy, index, {"Resource": [*others, wider]})


def _conditions(policy: Policy, index: int) -> Iterator[tuple[str, Policy]]:
    condition = policy["Statement"][index].get("Condition")
    if condition is None:
        return
    yield "without condition", _with(policy, index, {"Condition": {}})
    prefixes = condition["StringLike"]["s3:prefix"]
    for prefix in prefixes:
        others = [one for one in prefixes if one != prefix]
        for changed in ([], *([wider] for wider in _wider(prefix))):
            fits = {"StringLike": {"s3:prefix": [*others, *changed]}}
            yield f"listing {changed} for {prefix}", _with(policy, index, {"Condition": fits})


def _wider(pattern: str) -> Iterator[str]:
    yield "*"
    if pattern.endswith("/*"):
        yield f"{pattern.removesuffix('/*')}*"
        parent = pattern.removesuffix("/*").rpartition("/")[0]
        if parent and not parent.endswith(":::"):
            yield f"{parent}/*"


def _with(policy: Policy, index: int, changed: Policy | None) -> Policy:
    made = copy.deepcopy(policy)
    if changed is None:
        del made["Statement"][index]
    else:
        made["Statement"][index].update(changed)
    return made
