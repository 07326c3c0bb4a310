"""S3 buckets and their separate settings."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from localcloud.aws.names import lower, tag_list, tag_map, tagged, upper
from localcloud.aws.session import client, region
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

_ZONE = {
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-central-1": "Z21DNDUVLTQW6Q",
}


def _api(call: Call) -> Any:
    return client(call, "s3")


def _create_bucket(call: Call) -> str:
    name, place = call.inputs["bucket"], region(call)
    wanted: dict[str, Any] = {"Bucket": name}
    if place != "us-east-1":
        wanted["CreateBucketConfiguration"] = {"LocationConstraint": place}
    if call.inputs.get("objectLockEnabled"):
        wanted["ObjectLockEnabledForBucket"] = True
    _api(call).create_bucket(**wanted)
    return str(name)


def _setup_bucket(call: Call) -> None:
    if not call.old and call.inputs.get("tags"):
        _api(call).put_bucket_tagging(Bucket=call.id, Tagging={"TagSet": tag_list(call.inputs["tags"])})


def _retag(call: Call, _removed: list[str], tags: dict[str, str]) -> None:
    if tags:
        _api(call).put_bucket_tagging(Bucket=call.id, Tagging={"TagSet": tag_list(tags)})
    else:
        _api(call).delete_bucket_tagging(Bucket=call.id)


def _read_bucket(call: Call) -> Properties | None:
    s3 = _api(call)
    try:
        s3.head_bucket(Bucket=call.id)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    place = region(call)
    tags = _or_nothing(lambda: s3.get_bucket_tagging(Bucket=call.id)["TagSet"])
    return {
        **tagged(tag_map(tags)),
        "bucket": call.id,
        "bucketRegion": place,
        "arn": f"arn:{call.session.partition}:s3:::{call.id}",
        "bucketDomainName": f"{call.id}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{call.id}.s3.{place}.amazonaws.com",
        "hostedZoneId": _ZONE.get(place, ""),
    }


def _or_nothing(ask: Callable[[], Any]) -> Any:
    """S3 answers a missing setting with an error."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"].startswith("NoSuch") and error.response["Error"]["Code"] != "NoSuchBucket":
            return None
        raise


def _delete_bucket(call: Call) -> None:
    s3 = _api(call)
    if call.inputs.get("forceDestroy"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=call.id):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            if keys:
                s3.delete_objects(Bucket=call.id, Delete={"Objects": keys, "Quiet": True})
    s3.delete_bucket(Bucket=call.id)


def _setting(
    token: str,
    put: Callable[[Any, Properties], None],
    get: Callable[[Any, str, Properties], Properties | None],
    remove: Callable[[Any, str], None],
    **more: Any,
) -> Kind:
    """A setting of a bucket: its id is the bucket's name, its creation and its update are the same call."""

    def create(call: Call) -> str:
        put(_api(call), call.inputs)
        return str(call.inputs["bucket"])

    def setup(call: Call) -> None:
        if call.old:
            put(_api(call), call.inputs)

    def read(call: Call) -> Properties | None:
        live = get(_api(call), call.id, call.inputs)
        return None if live is None else {"bucket": call.id, **live}

    def delete(call: Call) -> None:
        remove(_api(call), call.id)

    return Kind(token=token, create=create, setup=setup, read=read, delete=delete, replaces=names("bucket"), **more)


def _put_versioning(s3: Any, inputs: Properties) -> None:
    wanted = upper(inputs["versioningConfiguration"], mfaDelete="MFADelete")
    if wanted["Status"] != "Disabled":
        s3.put_bucket_versioning(Bucket=inputs["bucket"], VersioningConfiguration=wanted)


def _get_versioning(s3: Any, bucket: str, inputs: Properties) -> Properties | None:
    answer = s3.get_bucket_versioning(Bucket=bucket)
    return {"versioningConfiguration": {"status": answer.get("Status", "Disabled")}}


def _remove_versioning(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


_KEY = {"kmsMasterKeyId": "KMSMasterKeyID", "sseAlgorithm": "SSEAlgorithm"}


def _put_encryption(s3: Any, inputs: Properties) -> None:
    rules = [
        upper({k: v for k, v in rule.items() if k != "blockedEncryptionTypes"}, **_KEY) for rule in inputs["rules"]
    ]
    s3.put_bucket_encryption(Bucket=inputs["bucket"], ServerSideEncryptionConfiguration={"Rules": rules})


def _get_encryption(s3: Any, bucket: str, inputs: Properties) -> Properties | None:
    answer = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    return {"rules": lower(answer["Rules"], KMSMasterKeyID="kmsMasterKeyId", SSEAlgorithm="sseAlgorithm")}


_BLOCKS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


def _put_block(s3: Any, inputs: Properties) -> None:
    wanted = {parameter: bool(inputs.get(name)) for name, parameter in _BLOCKS.items()}
    s3.put_public_access_block(Bucket=inputs["bucket"], PublicAccessBlockConfiguration=wanted)


def _get_block(s3: Any, bucket: str, inputs: Properties) -> Properties | None:
    answer = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    return {name: answer.get(parameter, False) for name, parameter in _BLOCKS.items()}


_LIFECYCLE_TO = {"noncurrentVersionTransitions": "NoncurrentVersionTransitions", "id": "ID"}


def _put_lifecycle(s3: Any, inputs: Properties) -> None:
    rules = []
    for rule in inputs.get("rules", []):
        wanted = upper(rule, **_LIFECYCLE_TO)
        chosen = wanted.setdefault("Filter", {})
        if "And" in chosen and "Tags" in chosen["And"]:
            chosen["And"]["Tags"] = tag_list(rule["filter"]["and"]["tags"])
        if not chosen:
            wanted["Filter"] = {"Prefix": ""}
        rules.append(wanted)
    s3.put_bucket_lifecycle_configuration(Bucket=inputs["bucket"], LifecycleConfiguration={"Rules": rules})


def _get_lifecycle(s3: Any, bucket: str, inputs: Properties) -> Properties | None:
    rules = lower(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"], ID="id")
    stated = {rule["id"]: rule for rule in inputs.get("rules", [])}
    for rule in rules:
        chosen = rule.get("filter")
        if chosen == {"prefix": ""} and "prefix" not in stated.get(rule["id"], {}).get("filter", {}):
            rule["filter"] = {} if "filter" in stated.get(rule["id"], {}) else None
        elif chosen and "and" in chosen and "tags" in chosen["and"]:
            chosen["and"]["tags"] = {tag["key"]: tag["value"] for tag in chosen["and"]["tags"]}
    return {"rules": [{k: v for k, v in rule.items() if v is not None} for rule in rules]}


def _put_ownership(s3: Any, inputs: Properties) -> None:
    wanted = {"Rules": [upper(inputs["rule"])]}
    s3.put_bucket_ownership_controls(Bucket=inputs["bucket"], OwnershipControls=wanted)


def _get_ownership(s3: Any, bucket: str, inputs: Properties) -> Properties | None:
    return {"rule": lower(s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0])}


KINDS = [
    Kind(
        token="aws:s3/bucket:Bucket",
        create=_create_bucket,
        setup=_setup_bucket,
        read=_read_bucket,
        delete=_delete_bucket,
        retag=_retag,
        replaces=names("bucket bucketPrefix bucketNamespace objectLockEnabled"),
        defaults={"forceDestroy": False},
        computed=names("objectLockEnabled"),
        autoname=Autoname(property="bucket", prefix_property="bucketPrefix", longest=63, lower=True),
    ),
    _setting("aws:s3/bucketVersioning:BucketVersioning", _put_versioning, _get_versioning, _remove_versioning),
    _setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        _put_encryption,
        _get_encryption,
        lambda s3, bucket: s3.delete_bucket_encryption(Bucket=bucket),
    ),
    _setting(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        _put_block,
        _get_block,
        lambda s3, bucket: s3.delete_public_access_block(Bucket=bucket),
        defaults=dict.fromkeys(_BLOCKS, False),
    ),
    replace(
        _setting(
            "aws:s3/bucketPolicy:BucketPolicy",
            lambda s3, inputs: s3.put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"]),
            lambda s3, bucket, inputs: {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]},
            lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket),
        ),
        documents=names("policy"),
    ),
    _setting(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        _put_lifecycle,
        _get_lifecycle,
        lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket),
    ),
    _setting(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        _put_ownership,
        _get_ownership,
        lambda s3, bucket: s3.delete_bucket_ownership_controls(Bucket=bucket),
    ),
]
