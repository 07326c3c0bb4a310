"""Copies every object of one bucket to another, unless it is there: what the Job of `ops.migrations.artifacts` runs.

At hand are the standard library and botocore, as in the image that 26.03 runs its profile controller in. The source is
a store in the same pod; what it says last is for whoever reads the pod's status.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PART = 64 * 1024 * 1024
"""Bytes of an object that are in memory at a time; S3 takes 10,000 parts of at least 5 MiB."""
PATIENCE_S = 300.0
"""Seconds for the source to answer."""


def client(environ: Mapping[str, str], side: str) -> Any:
    """A client of the side's store (`SOURCE` or `TARGET`): by its keys, or without any as the pod's own role."""
    access = environ.get(f"{side}_ACCESS_KEY")
    return botocore.session.Session().create_client(
        "s3",
        region_name=environ.get(f"{side}_REGION", "us-east-1"),
        endpoint_url=environ[f"{side}_URL"],
        aws_access_key_id=access,
        aws_secret_access_key=environ.get(f"{side}_SECRET_KEY"),
        config=Config(s3={"addressing_style": "path" if access else "auto"}),
    )


def listed(store: Any, bucket: str) -> Iterator[tuple[str, int, str]]:
    """Key, size and ETag of each object of a bucket."""
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents") or ():
            yield one["Key"], one["Size"], one["ETag"].strip('"')


def copy(environ: Mapping[str, str]) -> dict[str, int]:
    """Copies what the target lacks; returns how many objects were copied, how many were there, and the bytes copied."""
    source, target = client(environ, "SOURCE"), client(environ, "TARGET")
    origin, bucket = environ["SOURCE_BUCKET"], environ["TARGET_BUCKET"]
    _await(source, origin)
    there = {key: (size, tag) for key, size, tag in listed(target, bucket)}
    done = {"copied": 0, "there": 0, "bytes": 0}
    for key, size, tag in listed(source, origin):
        if _same(there.get(key), size, tag):
            done["there"] += 1
            continue
        _copy(source, origin, target, bucket, key, size)
        done["copied"] += 1
        done["bytes"] += size
        print(json.dumps({**done, "key": key}), flush=True)
    return done


def _await(store: Any, bucket: str) -> None:
    """Waits until the store answers: it starts with the pod."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            store.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchBucket") or time.monotonic() > end:
                raise
        except BotoCoreError:
            if time.monotonic() > end:
                raise
        else:
            return
        time.sleep(1)


def _same(there: tuple[int, str] | None, size: int, tag: str) -> bool:
    """Whether an object is the same: the tag of one that came in parts (`…-3`) depends on the parts."""
    return there is not None and there[0] == size and (there[1] == tag or "-" in there[1] + tag)


def _copy(source: Any, origin: str, target: Any, bucket: str, key: str, size: int) -> None:
    about = source.head_object(Bucket=origin, Key=key)
    kind = {"ContentType": about["ContentType"], "Metadata": about["Metadata"]}
    if size <= PART:
        body = source.get_object(Bucket=origin, Key=key)["Body"].read()
        target.put_object(Bucket=bucket, Key=key, Body=body, **kind)
        return
    upload = {"Bucket": bucket, "Key": key}
    upload["UploadId"] = target.create_multipart_upload(**upload, **kind)["UploadId"]
    parts = []
    for number, begin in enumerate(range(0, size, PART), start=1):
        some = f"bytes={begin}-{min(begin + PART, size) - 1}"
        body = source.get_object(Bucket=origin, Key=key, Range=some)["Body"].read()
        parts.append({"PartNumber": number, "ETag": target.upload_part(**upload, PartNumber=number, Body=body)["ETag"]})
    target.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def main(environ: Mapping[str, str]) -> int:
    """Copies, and says how it ended where the pod's status has it; returns the exit code."""
    try:
        said, code = json.dumps(copy(environ)), 0
    except (BotoCoreError, ClientError) as error:
        said, code = str(error), 1
    print(said, flush=True)
    with open(environ.get("SAY_TO", "/dev/termination-log"), "w", encoding="utf-8") as last:
        last.write(said)
    return code


if __name__ == "__main__":
    raise SystemExit(main(os.environ))
