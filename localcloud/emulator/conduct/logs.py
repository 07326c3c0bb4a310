"""The log groups that EKS writes its control planes' logs to, and makes again when somebody deletes them.

A group that is deleted while its cluster lives, or within minutes of the cluster's end, when the last logs are still
being written, is there again a moment later, without its retention and tags (terraform-aws-modules/terraform-aws-eks
issues 920, 2446, 2763: the service-linked role creates it).
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch_logs, eks

from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.phases import LAST_LOGS, LOG_GROUP, Answer, Handler, Phases, Scope, here


class Logs(Before):
    """Before MiniStack's handler of CloudWatch Logs."""

    def __init__(self, phases: Phases, handler: Handler) -> None:
        super().__init__(phases, handler)
        self._last: dict[tuple[Scope, str], float] = {}

    async def answer(self, asked: Request) -> Answer:
        answer = await self.served(asked)
        if answer[0] == 200 and asked.target == "DeleteLogGroup":
            group = str(asked.json["logGroupName"])
            if self._written(group):
                self.write(group)
        return answer

    def write(self, group: str) -> None:
        """Make the group a moment later, unless it is there by then."""
        self._phases.begin(f"log group {group}", "written", LOG_GROUP, lambda: _make(group))

    def cluster_is_going(self, cluster: Mapping[str, Any], minutes: float) -> None:
        """A cluster that logs will be gone in some minutes, and writes its last logs after that."""
        if logging(cluster):
            self._last[here(), group_of(cluster["name"])] = self._phases.moment(minutes + LAST_LOGS)

    def _written(self, group: str) -> bool:
        if any(group == group_of(one["name"]) and logging(one) for one in eks._clusters.values()):
            return True
        last = self._last.get((here(), group))
        return last is not None and not self._phases.past(last)


def group_of(cluster: str) -> str:
    """The log group of a cluster's control plane (EKS user guide, "Send control plane logs to CloudWatch Logs")."""
    return f"/aws/eks/{cluster}/cluster"


def logging(cluster: Mapping[str, Any]) -> bool:
    """Whether a cluster, as MiniStack keeps it, logs anything."""
    return any(one.get("enabled") and one.get("types") for one in cluster["logging"].get("clusterLogging", ()))


def _make(group: str) -> None:
    cloudwatch_logs._create_log_group({"logGroupName": group})
