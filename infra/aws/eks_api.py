"""A client of EKS for what a run asks before it begins."""

from typing import Any

_TIMEOUT_SECONDS = 5


def client(region: str) -> Any:
    """Asks for seconds, not for minutes, and three times."""
    # boto3 takes 0.3 s to import; nothing else of the program needs it but who is calling.
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS * 3, retries={"max_attempts": 3})
    return boto3.Session(region_name=region).client("eks", config=config)
