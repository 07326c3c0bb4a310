"""moto's AWS over HTTP on 127.0.0.1, and the environment that its clients need: what the `local` stack gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import httpx
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def serve() -> Iterator[dict[str, str]]:
    """AWS, empty before and after the block; gives its clients' environment, which names no region."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        yield {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    finally:
        httpx.post(f"{url}/moto-api/reset").raise_for_status()
        server.stop()


def s3(environment: dict[str, str]) -> "S3Client":
    """An S3 client of the test's own, apart from the environment that the command sees."""
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        region_name="us-east-1",
    )
