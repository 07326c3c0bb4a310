"""What EKS says of a cluster."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's account and region."""


def status(client: Client, cluster: str) -> str | None:
    """A cluster's status in lower case, or None where there is none of that name.

    Raises botocore's errors where AWS does not say.
    """
    try:
        return str(client("eks").describe_cluster(name=cluster)["cluster"]["status"]).lower()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return None
        raise
