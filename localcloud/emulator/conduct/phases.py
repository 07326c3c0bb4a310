"""What is being made or deleted at the moment, and what happens once that is over.

Nothing runs by itself: each request first does what has become due since the one before.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]
"""As MiniStack calls a service: method, path, headers, body and query."""

Scope = tuple[str, str]
"""An account and a region."""

# Minutes, in round numbers: the EKS user guide says "several minutes" of a cluster, and 8 to 10 are usual; the VPC user
# guide says "a few minutes" of a NAT gateway.
CLUSTER, CLUSTER_END = 9.0, 3.0
NODES, NODES_END = 2.5, 4.0
ADDON, ADDON_END = 1.0, 0.5
NAT, NAT_END = 2.0, 1.0
# An interface endpoint takes a minute or two to come, and several to go: guesses within what people report.
ENDPOINT, ENDPOINT_END = 1.5, 2.0
# A mount target's interface takes 90 s and more; a file system is there in seconds.
TARGET, TARGET_END, FILE_SYSTEM = 1.5, 0.5, 0.1
# A load balancer is active after 2 to 3 minutes, its interfaces go some time after it; ACM looks for a record every now
# and then, and says "up to 30 minutes".
BALANCER, BALANCER_END, ISSUE = 2.0, 0.5, 1.0
# Guesses, measured nowhere: a small database with no standby, whose last snapshot is part of its end.
DATABASE, DATABASE_CHANGE, DATABASE_END = 6.0, 2.0, 5.0
# Guesses, too, of little data.
BACKUP, BACKUP_END = 2.0, 0.5
# For as long EKS goes on writing a cluster's logs after its end, and so long a log group takes to be there again.
LAST_LOGS, LOG_GROUP = 3.0, 0.25


def here() -> Scope:
    """The account and region of the request at hand."""
    return get_account_id(), get_region()


@dataclass(frozen=True)
class _Phase:
    status: str
    until: float
    then: Callable[[], None]


class Phases:
    """The phases of all things, by account, region and a name; `minute` is the length of AWS's in seconds."""

    def __init__(self, minute: float, now: Callable[[], float] = time.monotonic) -> None:
        self._minute, self._now = minute, now
        self._phases: dict[tuple[Scope, str], _Phase] = {}

    def begin(self, name: str, status: str, minutes: float, then: Callable[[], None] = lambda: None) -> None:
        """Give a thing a status for some minutes of AWS, and do something after that; at once if they take no time."""
        if self._minute <= 0:
            then()
        else:
            self._phases[here(), name] = _Phase(status, self.moment(minutes), then)

    def status(self, name: str) -> str | None:
        """The status of a thing that is in a phase, or None."""
        phase = self._phases.get((here(), name))
        return phase.status if phase else None

    def moment(self, minutes: float) -> float:
        """The moment, in seconds of this clock, after some minutes of AWS."""
        return self._now() + minutes * self._minute

    def past(self, moment: float) -> bool:
        """Whether a moment has come."""
        return self._now() >= moment

    def settle(self) -> None:
        """Do what has become due, in the account and region that each was asked for in."""
        due = sorted(((phase.until, key) for key, phase in self._phases.items() if self.past(phase.until)))
        for _, key in due:
            phase = self._phases.pop(key)
            with request_scope(*key[0]):
                phase.then()
