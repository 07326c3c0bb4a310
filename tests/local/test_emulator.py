"""The AWS emulator as a stranger on this machine, or a web page, finds it: one door, and it is shut."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.aws import iam
from localcloud import emulator
from tests.local.sockets import listening
from tests.local.stack import REGION, aws_client

KEY = "a/ü z+"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("emulator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_OF_THE_PERSON", "nobody's business")
        patch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
        emulator.start(folder)
    try:
        yield folder
    finally:
        assert emulator.stop(folder)


@pytest.fixture(scope="module")
def server(root: Path) -> emulator.Server:
    running = emulator.status(root)
    assert running
    return running


@pytest.fixture(scope="module", autouse=True)
def content(root: Path) -> bytes:
    """What is in the bucket `mine`, under a name that must be escaped."""
    s3 = aws_client("s3", emulator.environment(root))
    s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": REGION})
    content = os.urandom(9_000_000)
    s3.put_object(Bucket="mine", Key=KEY, Body=content)
    return content


def test_its_own_key_opens(root: Path, content: bytes) -> None:
    sts = aws_client("sts", emulator.environment(root))
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{emulator.ACCOUNT}:user/operator"
    s3 = aws_client("s3", emulator.environment(root))
    answer = s3.get_object(Bucket="mine", Key=KEY)
    assert answer["Body"].read() == content
    assert [name for name in answer["ResponseMetadata"]["HTTPHeaders"] if name.startswith("access-control-")] == []


@pytest.mark.parametrize(
    ("key", "secret"),
    [("test", "test"), ("000000000000", "x"), (emulator.ACCOUNT, "test"), ("AKIA0123456789ABCDEF", "x"), (None, "x")],
)
def test_no_other_key_does(server: emulator.Server, key: str | None, secret: str) -> None:
    for service, ask in (
        ("s3", "list_buckets"),
        ("iam", "list_users"),
        ("ec2", "describe_vpcs"),
        ("eks", "list_clusters"),
    ):
        client: Any = boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=server.endpoint,
            aws_access_key_id=key or server.access_key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 1}),
        )
        with pytest.raises(ClientError) as refused:
            getattr(client, ask)()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/mine/a", {}),
        ("PUT", "/theirs", {}),
        ("POST", "/?Action=ListUsers&Version=2010-05-08", {}),
        ("POST", "/_ministack/reset", {}),
        ("GET", "/_ministack/health", {}),
        ("POST", "/2015-03-31/functions", {}),
        ("GET", "/latest/meta-data/iam/security-credentials/", {}),
        ("OPTIONS", "/mine", {"origin": "http://evil.example", "access-control-request-method": "PUT"}),
        ("GET", "/", {"origin": "http://localhost:8080"}),
        ("GET", "/", {"host": "evil.example"}),
    ],
)
def test_nothing_is_answered_unsigned(server: emulator.Server, method: str, path: str, headers: dict[str, str]) -> None:
    answer = httpx.request(method, server.endpoint + path, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_web_page_gets_nowhere_even_with_a_signature_of_ours(root: Path) -> None:
    s3 = aws_client("s3", emulator.environment(root))
    s3.meta.events.register(
        "before-send", lambda request, **_: request.headers.__setitem__("Origin", "http://evil.example")
    )
    with pytest.raises(ClientError, match="web pages"):
        s3.list_buckets()


def test_what_runs_code_is_not_served(root: Path) -> None:
    with pytest.raises(ClientError) as refused:
        aws_client("lambda", emulator.environment(root)).list_functions()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 400


def test_it_listens_at_one_place_and_knows_nothing_of_the_person(root: Path, server: emulator.Server) -> None:
    known = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"SECRET_OF_THE_PERSON" not in known
    assert b"/var/run/docker.sock" not in known
    assert server.secret_key.encode() not in known
    port = int(server.endpoint.rsplit(":", 1)[1])
    assert listening({server.pid}) == {("0100007F", port)}  # 127.0.0.1, as the kernel writes it
    assert emulator.state(root).stat().st_mode & 0o777 == 0o600
    assert emulator.state(root).parent.stat().st_mode & 0o777 == 0o700


def test_a_policy_that_asks_for_encryption_is_judged(root: Path) -> None:
    environment = emulator.environment(root)
    aws_client("s3", environment).put_bucket_policy(
        Bucket="mine", Policy=iam.to_json(iam.tls_only_policy("arn:aws:s3:::mine"))
    )
    assert aws_client("s3", environment).list_objects_v2(Bucket="mine")["KeyCount"] == 1
    plain = aws_client("s3", environment)
    plain.meta.events.register(
        "before-send", lambda request, **_: request.headers.__setitem__("X-Forwarded-Proto", "http")
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        plain.list_objects_v2(Bucket="mine")


def test_a_user_may_do_what_its_policy_says(root: Path) -> None:
    environment = emulator.environment(root)
    users = aws_client("iam", environment)
    users.create_user(UserName="somebody")
    made = users.create_access_key(UserName="somebody")["AccessKey"]
    somebody = {
        **environment,
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
    }
    with pytest.raises(ClientError, match="AccessDenied"):
        aws_client("s3", somebody).list_objects_v2(Bucket="mine")
    users.put_user_policy(
        UserName="somebody",
        PolicyName="read",
        PolicyDocument=iam.to_json(iam.bucket_policy("arn:aws:s3:::mine", ("a/",))),
    )
    assert aws_client("s3", somebody).list_objects_v2(Bucket="mine", Prefix="a/")["KeyCount"] == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        aws_client("s3", somebody).list_objects_v2(Bucket="mine", Prefix="b/")
