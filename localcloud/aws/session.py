"""Clients of the local AWS endpoint, and its errors in one sentence."""

import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from localcloud.aws.record import Record
from localcloud.providers.kinds import Call
from localcloud.providers.values import Properties
from ordering.errors import UserError

# HEAD has no body to say more than 404.
_NOT_FOUND = re.compile(r"NotFound|NoSuch|Nonexistent|DoesNotExist|^404$")
# Throttling is answered with waits: botocore's standard mode backs off exponentially.
CLIENT = Config(
    retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=32,
    s3={"addressing_style": "path"},
    parameter_validation=True,
)


class Session:
    """One configured provider: its region, default tags, clients by service, and the record.

    Clients are made once, under a lock (making one is not thread-safe in boto3), and shared by all threads.
    """

    def __init__(self, config: Mapping[str, Any], record: Record) -> None:
        self.region = str(config.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))
        self.default_tags: dict[str, str] = dict((config.get("defaultTags") or {}).get("tags") or {})
        self.record = record
        self._boto = boto3.Session(
            aws_access_key_id=config.get("accessKey"),
            aws_secret_access_key=config.get("secretKey"),
            aws_session_token=config.get("token"),
            region_name=self.region,
        )
        self._clients: dict[tuple[str, str], Any] = {}
        self._account = ""
        self._lock = threading.Lock()

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service in a region (default: the provider's)."""
        key = service, region or self.region
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._boto.client(  # type: ignore[call-overload]
                    service, region_name=key[1], endpoint_url=endpoint(), config=CLIENT
                )
            return self._clients[key]

    @property
    def account(self) -> str:
        """The account's number, twelve digits."""
        if not self._account:
            self._account = self.client("sts").get_caller_identity()["Account"]
        return self._account

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self._boto.get_partition_for_region(self.region)


def configuration(values: Properties) -> Properties:
    """Provider inputs as they are meant: the engine may send objects as JSON text."""
    return {
        name: json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for name, value in values.items()
    }


def endpoint() -> str:
    """The local AWS endpoint; anything but this machine is refused, for this is no provider for real accounts."""
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlparse(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise UserError(
            f"the local stand-in for aws talks to the AWS emulator on this machine only, and AWS_ENDPOINT_URL is "
            f"{url or 'not set'}; set it to its address, such as http://127.0.0.1:5000"
        )
    return url


def sentence(error: Exception) -> str | None:
    """The error in one sentence with AWS's own code, or None when it is not from AWS."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return (
            f"{error.operation_name} failed with {details.get('Code')}: {str(details.get('Message', '')).rstrip('.')}"
        )
    if isinstance(error, ResponseParserError):
        return (
            "the AWS emulator failed inside and gave an answer that cannot be read; its log, "
            ".local/emulator/emulator.log, says why"
        )
    if isinstance(error, BotoCoreError):
        return " ".join(str(error).split())
    return None


def not_found(error: Exception) -> bool:
    """Whether AWS says that there is no such thing."""
    return isinstance(error, ClientError) and bool(_NOT_FOUND.search(error.response.get("Error", {}).get("Code", "")))


def client(call: Call, service: str) -> Any:
    """The client for a resource: of its own region, when it names one."""
    return call.session.client(service, region(call))


def region(call: Call) -> str:
    """The region that a resource is in."""
    return str(call.inputs.get("region") or call.state.get("region") or call.session.region)


def arn(call: Call, service: str, resource: str) -> str:
    """An Amazon resource name in the resource's account and region."""
    session = call.session
    return f"arn:{session.partition}:{service}:{region(call)}:{session.account}:{resource}"
