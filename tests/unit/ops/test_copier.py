"""The program that copies artifacts, run as its Job runs it, between two buckets of an AWS that is played."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.migrations import copier

SOURCE, TARGET = "old", "new"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        found = boto3.client("s3", region_name="us-east-1")
        for bucket in (SOURCE, TARGET):
            found.create_bucket(Bucket=bucket)
        yield found


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    sides = {f"{side}_{name}": "x" for side in ("SOURCE", "TARGET") for name in ("ACCESS_KEY", "SECRET_KEY")}
    urls = {f"{side}_URL": "https://s3.us-east-1.amazonaws.com" for side in ("SOURCE", "TARGET")}
    where = {"SOURCE_BUCKET": SOURCE, "TARGET_BUCKET": TARGET, "SAY_TO": str(tmp_path / "said")}
    return {**sides, **urls, **where, **more}


def contents(s3: Any, bucket: str) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}


def test_all_of_a_bucket_is_in_the_other_and_what_is_there_is_not_copied_twice(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copier, "PART", 5 * 1024 * 1024)
    wanted = {"v2/artifacts/a": b"a", "empty": b"", "large": bytes(range(256)) * 45_000, "a key/ü?": b"odd"}
    for key, body in wanted.items():
        s3.put_object(Bucket=SOURCE, Key=key, Body=body, ContentType="text/plain", Metadata={"by": "ann"})
    s3.put_object(Bucket=TARGET, Key="v2/artifacts/a", Body=b"b")
    s3.put_object(Bucket=TARGET, Key="new one", Body=b"c")
    assert copier.main(environment(tmp_path)) == 0
    assert contents(s3, TARGET) == {**wanted, "new one": b"c"}
    for key in wanted:
        about = s3.head_object(Bucket=TARGET, Key=key)
        assert (about["ContentType"], about["Metadata"]) == ("text/plain", {"by": "ann"}), key
    said = json.loads((tmp_path / "said").read_text())
    assert said == {"copied": 4, "there": 0, "bytes": sum(map(len, wanted.values()))}
    assert copier.main(environment(tmp_path)) == 0
    assert json.loads((tmp_path / "said").read_text()) == {"copied": 0, "there": 4, "bytes": 0}


def test_what_stops_it_is_its_last_word(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=SOURCE, Key="a", Body=b"a")
    assert copier.main(environment(tmp_path, TARGET_BUCKET="missing")) == 1
    assert "NoSuchBucket" in (tmp_path / "said").read_text()
    assert copier.main(environment(tmp_path, SOURCE_BUCKET="missing")) == 1
    assert "404" in (tmp_path / "said").read_text()
