"""What pages a person, as data.

Sources: "Monitor cluster data with Amazon CloudWatch" in the EKS user guide (namespace AWS/EKS, which costs nothing),
"Enhanced Container Insights (Classic) metric reference" in CloudWatch's (namespace ContainerInsights), "Supported
CloudWatch metrics" in ACM's (DaysToExpiry). Of the volumes of claims Container Insights measures nothing.
"""

from dataclasses import dataclass

INSIGHTS = "ContainerInsights"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A measurement that should wake somebody: `periods` of `minutes` each in which it is beyond the threshold."""

    name: str
    what: str
    namespace: str
    metric: str
    statistic: str
    beyond: str
    threshold: float
    minutes: int = 5
    periods: int = 1
    missing: str = "notBreaching"


def run_metrics(cluster: str) -> str:
    """The namespace of what is counted in a cluster's logs, which carry no dimension of their own."""
    return f"Kubeflow/{cluster}"


def alarms(cluster: str) -> tuple[Alarm, ...]:
    """What pages a person; each is of the cluster as a whole."""
    more, less = "GreaterThanThreshold", "LessThanThreshold"
    return (
        Alarm(
            name="api-errors",
            what="The API server answered more than 10 requests in 5 minutes with an error of its own, three times",
            namespace="AWS/EKS",
            metric="apiserver_request_total_5XX",
            statistic="Sum",
            beyond=more,
            threshold=10,
            periods=3,
        ),
        Alarm(
            name="nodes-not-ready",
            what="A node has a condition that it should not have, for 10 minutes",
            namespace=INSIGHTS,
            metric="cluster_failed_node_count",
            statistic="Maximum",
            beyond=more,
            threshold=0,
            periods=2,
        ),
        Alarm(
            name="unseen",
            what="No node has been measured for 15 minutes: the agents are down, or nothing runs",
            namespace=INSIGHTS,
            metric="cluster_node_count",
            statistic="Maximum",
            beyond=less,
            threshold=1,
            periods=3,
            missing="breaching",
        ),
        Alarm(
            name="disks-full",
            what="The disk of a node is more than 85% full",
            namespace=INSIGHTS,
            metric="node_filesystem_utilization",
            statistic="Maximum",
            beyond=more,
            threshold=85,
            periods=2,
        ),
        Alarm(
            name="runs-failed",
            what="A run of a pipeline has failed",
            namespace=run_metrics(cluster),
            metric="FailedRuns",
            statistic="Sum",
            beyond=more,
            threshold=0,
        ),
    )


EXPIRY = Alarm(
    name="certificate-expires",
    what="The certificate of the address expires in less than 21 days, and ACM has not renewed it",
    namespace="AWS/CertificateManager",
    metric="DaysToExpiry",
    statistic="Minimum",
    beyond="LessThanThreshold",
    threshold=21,
    minutes=24 * 60,
)
