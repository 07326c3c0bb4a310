"""A client of EKS for what a run asks before it begins."""

from typing import Any


def client(region: str) -> Any:
    """A client that does not wait for minutes."""
    # boto3 takes 0.3 s to import; nothing else of the program needs it but who is calling.
    import boto3

    from infra.aws.patience import PATIENCE

    return boto3.Session(region_name=region).client("eks", config=PATIENCE)
