"""What is seen of a cluster while it works: Container Insights, the logs of its pods, and alarms that page a person."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, eks, sns
from pulumi_aws import iam as aws_iam

from infra.aws import iam
from infra.aws.addons import AddonArgs, addon
from infra.aws.alarms import EXPIRY, INSIGHTS, Alarm, alarms, run_metrics
from infra.aws.cluster import Cluster
from infra.aws.paging import alarm_topic
from infra.aws.pod_access import account_role

ADDON = "amazon-cloudwatch-observability"
NAMESPACE, ACCOUNT = "amazon-cloudwatch", "cloudwatch-agent"

LOGS = ("application", "dataplane", "host", "performance")
APPLICATION = LOGS[0]

# Of a run, not of its steps: what Argo's controller logs (argo-workflows v3.7.3, as in 26.03,
# workflow/controller/operator.go: `markWorkflowPhase`). A pattern with `?` finds either (CloudWatch Logs user guide,
# "Filter pattern syntax").
FAILED_RUNS = '?"Updated phase Running -> Failed" ?"Updated phase Running -> Error"'

_CONFIGURATION = {
    # A configuration of one's own also leaves Application Signals out, which rewrites the pods of people.
    "agent": {"config": {"logs": {"metrics_collected": {"kubernetes": {"enhanced_container_insights": True}}}}},
    "containerLogs": {"enabled": True},
}


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """The stack's own cluster, and whom an alarm reaches; logs are kept for `retention_days`.

    `cluster_name` is the plain name, `build` that of the add-on. `certificate_arn` is the certificate of the address,
    if there is one.
    """

    cluster: Cluster
    cluster_name: str
    region: str
    account: str
    build: str
    retention_days: int
    email: str | None
    certificate_arn: pulumi.Input[str] | None
    tags: Mapping[str, str]


def log_group_name(cluster: str, kind: str) -> str:
    """Where the add-on writes; the names are its own (CloudWatch user guide, "Set up Fluent Bit")."""
    return f"/aws/containerinsights/{cluster}/{kind}"


def agent_policy(region: str, account: str, cluster: str) -> iam.Document:
    """Write to the cluster's own log groups, and measurements of Container Insights.

    It may not make a log group: one that a destroy has taken away would be there again with the agents' last lines.
    """
    groups = f"arn:{iam.partition(region)}:logs:{region}:{account}:log-group:{log_group_name(cluster, '*')}"
    return iam.document(
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": groups,
        },
        {
            "Effect": "Allow",
            "Action": ["cloudwatch:PutMetricData"],
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": INSIGHTS}},
        },
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeTags", "ec2:DescribeVolumes"],
            "Resource": "*",
        },
    )


class Monitoring(pulumi.ComponentResource):
    """The observability add-on with a role of its own, its log groups, alarms, and the topic that they go to."""

    topic_arn: pulumi.Output[str]
    """Where alarms are sent: for subscriptions of one's own."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Monitoring", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = dict(args.tags)
        groups = {kind: self._log_group(kind) for kind in LOGS}
        self._agents(list(groups.values()))
        self._count_failed_runs(groups[APPLICATION])
        topic = alarm_topic(name, args.cluster_name, args.email, self._tags, self._child)
        for one in alarms(args.cluster_name):
            own = one.namespace == run_metrics(args.cluster_name)
            self._alarm(one, topic, {} if own else {"ClusterName": args.cluster_name})
        if args.certificate_arn is not None:
            self._alarm(EXPIRY, topic, {"CertificateArn": args.certificate_arn})
        self.topic_arn = topic.arn
        self.register_outputs({"topic_arn": self.topic_arn})

    def _log_group(self, kind: str) -> cloudwatch.LogGroup:
        """Made by the agents it would keep its logs for ever, and outlive the stack."""
        return cloudwatch.LogGroup(
            f"{self._name}-{kind}",
            name=log_group_name(self._args.cluster_name, kind),
            retention_in_days=self._args.retention_days,
            tags=self._tags,
            opts=self._child,
        )

    def _agents(self, groups: Sequence[pulumi.Resource]) -> eks.Addon:
        """They write to what is there before them, and on destroy are gone before it."""
        args, name = self._args, f"{self._name}-cloudwatch"
        pods = args.cluster.access.pods
        assert pods is not None, "the pods of a cluster of the stack's own get at AWS"
        role = account_role(name, pods, NAMESPACE, ACCOUNT, self._tags, self._child)
        granted = aws_iam.RolePolicy(
            name,
            role=role.name,
            policy=iam.to_json(agent_policy(args.region, args.account, args.cluster_name)),
            opts=self._child,
        )
        needs = [granted, args.cluster.ready, *groups]
        return addon(
            self._name,
            AddonArgs(
                cluster_name=args.cluster.name,
                addon=ADDON,
                version=args.build,
                role=role,
                configuration=json.dumps(_CONFIGURATION, sort_keys=True),
                tags=self._tags,
            ),
            pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=needs)),
        )

    def _count_failed_runs(self, group: cloudwatch.LogGroup) -> None:
        name = f"{self._name}-failed-runs"
        cloudwatch.LogMetricFilter(
            name,
            name=name,
            log_group_name=group.name,
            pattern=FAILED_RUNS,
            metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
                name="FailedRuns", namespace=run_metrics(self._args.cluster_name), value="1"
            ),
            opts=self._child,
        )

    def _alarm(self, one: Alarm, topic: sns.Topic, dimensions: Mapping[str, pulumi.Input[str]]) -> None:
        cloudwatch.MetricAlarm(
            f"{self._name}-{one.name}",
            name=f"{self._args.cluster_name}-{one.name}",
            alarm_description=f"{one.what}.",
            namespace=one.namespace,
            metric_name=one.metric,
            dimensions=dict(dimensions) or None,
            statistic=one.statistic,
            comparison_operator=one.beyond,
            threshold=one.threshold,
            period=one.minutes * 60,
            evaluation_periods=one.periods,
            treat_missing_data=one.missing,
            alarm_actions=[topic.arn],
            ok_actions=[topic.arn],
            tags=self._tags,
            opts=self._child,
        )
