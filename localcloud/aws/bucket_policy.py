"""Bucket policies: moto takes a statement with a condition that it cannot decide for a refusal of everything.

A policy with conditions is checked against botocore's model and kept on the record; moto gets its other statements.
"""

import json
from typing import Any

from localcloud.aws.eks_common import record
from localcloud.aws.record import validate
from localcloud.aws.session import client
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

RECORDED = "S3 bucket policies with conditions"


def _write(call: Call) -> None:
    s3, bucket, text = client(call, "s3"), call.inputs["bucket"], call.inputs["policy"]
    validate(s3, "PutBucketPolicy", {"Bucket": bucket, "Policy": text})
    policy: dict[str, Any] = json.loads(text)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    decidable = [statement for statement in statements if not statement.get("Condition")]
    s3.head_bucket(Bucket=bucket)
    if len(decidable) < len(statements):
        record(call).put(RECORDED, bucket, {"policy": text})
        call.log(f"recorded, not enforced by moto: the conditions in the policy of bucket {bucket}")
    else:
        record(call).remove(RECORDED, bucket)
    if decidable:
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": decidable}))
    else:
        s3.delete_bucket_policy(Bucket=bucket)


def _create(call: Call) -> str:
    _write(call)
    return str(call.inputs["bucket"])


def _setup(call: Call) -> None:
    if call.old:
        _write(call)


def _read(call: Call) -> Properties | None:
    s3 = client(call, "s3")
    s3.head_bucket(Bucket=call.id)
    kept = record(call).get(RECORDED, call.id)
    text = kept["policy"] if kept else s3.get_bucket_policy(Bucket=call.id)["Policy"]
    return {"bucket": call.id, "policy": text}


def _delete(call: Call) -> None:
    record(call).remove(RECORDED, call.id)
    client(call, "s3").delete_bucket_policy(Bucket=call.id)


KIND = Kind(
    token="aws:s3/bucketPolicy:BucketPolicy",
    create=_create,
    setup=_setup,
    read=_read,
    delete=_delete,
    replaces=names("bucket"),
    documents=names("policy"),
)
