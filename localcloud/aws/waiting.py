"""Waits for what AWS is still making or deleting, as the official provider does: it asks again until it is so.

The limits are those of terraform-provider-aws (main of late 2025), in minutes of AWS: internal/service/eks cluster.go,
node_group.go and addon.go, internal/service/ec2 vpc_nat_gateway.go, vpc_endpoint.go, vpc_subnet.go,
vpc_security_group.go and vpc_internet_gateway.go.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from localcloud.aws.session import not_found
from localcloud.emulator import MINUTE
from ordering.errors import UserError

# Seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LEAST = 30.0


def until(what: str, status: Callable[[], str], *, wanted: str, passing: tuple[str, ...], minutes: float) -> None:
    """Ask for the status until it is the wanted one; UserError when it is one that leads nowhere, or takes too long."""
    for took in _tries(minutes):
        found = status()
        if found == wanted:
            return
        if found not in passing:
            raise UserError(f"{what} is {found}, and not {wanted}; see AWS for the reason, and remove it")
        if took:
            raise UserError(f"{what} is still {found} after {took:.0f} s")


def until_gone(what: str, status: Callable[[], str], *, minutes: float) -> None:
    """Ask for the status until there is none, or it says that it is deleted; UserError when it takes too long."""
    for took in _tries(minutes):
        try:
            found = status()
        except ClientError as error:
            if not_found(error):
                return
            raise
        if found == "deleted":
            return
        if took:
            raise UserError(f"{what} is still {found} after {took:.0f} s")


def once_free(delete: Callable[[], Any], *, minutes: float) -> None:
    """Delete what something may still hold that AWS is taking away: it is tried for so long."""
    for took in _tries(minutes, least=0):
        try:
            delete()
        except ClientError as error:
            if took or error.response["Error"]["Code"] != "DependencyViolation":
                raise
        else:
            return


def _tries(minutes: float, least: float = _LEAST) -> Iterator[float]:
    """Yields, with pauses that grow, 0 as long as the time lasts, and then the seconds that have passed."""
    limit = max(minutes * float(os.environ.get(MINUTE) or 0), least)
    began, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        took = time.monotonic() - began
        yield took if took >= limit else 0.0
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
