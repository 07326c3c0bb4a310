"""How an alarm reaches a person: an SNS topic, who subscribes to it, and Alertmanager's role where that publishes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam as aws_iam
from pulumi_aws import sns

from infra.aws import iam
from infra.aws.pod_access import PodAccessArgs, account_role


def alarm_topic(
    name: str, cluster_name: str, email: str | None, tags: Mapping[str, str], opts: pulumi.ResourceOptions
) -> sns.Topic:
    """The topic of a cluster's alarms, sent to an address where there is one.

    What an alarm says is no secret, and CloudWatch may use no key of AWS's own for SNS.
    """
    # A name has no dots, which that of a stack may have.
    topic = sns.Topic(f"{name}-alarms", name=f"{cluster_name}-alarms", tags=dict(tags), opts=opts)
    if email is not None:
        sns.TopicSubscription(f"{name}-alarms", topic=topic.arn, protocol="email", endpoint=email, opts=opts)
    return topic


@dataclass(frozen=True, kw_only=True)
class PagingArgs:
    """The cluster's plain name, how its accounts get at AWS, the one that publishes, and who hears of it."""

    cluster_name: str
    access: PodAccessArgs
    namespace: str
    service_account: str
    email: str
    tags: Mapping[str, str]


class Paging(pulumi.ComponentResource):
    """A topic with its subscriber, and the right of one service account to publish there and nowhere else."""

    topic_arn: pulumi.Output[str]
    """Where alarms are sent: for subscriptions of one's own."""

    annotated: pulumi.Output[str] | None
    """The role that the account has to name, if it has to."""

    ready: list[pulumi.Resource]
    """What comes before the account's pods."""

    def __init__(self, name: str, args: PagingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Paging", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        full = f"{name}-alertmanager"
        topic = alarm_topic(name, args.cluster_name, args.email, args.tags, child)
        role = account_role(full, args.access, args.namespace, args.service_account, args.tags, child)
        granted = aws_iam.RolePolicy(
            full,
            role=role.name,
            policy=topic.arn.apply(lambda arn: iam.to_json(publishing_policy(arn))),
            opts=child,
        )
        self.topic_arn = topic.arn
        self.annotated, self.ready = role.annotated, [granted, *role.needs]
        self.register_outputs({"topic_arn": self.topic_arn})


def publishing_policy(topic_arn: str) -> iam.Document:
    """Publish to one topic."""
    return iam.document({"Effect": "Allow", "Action": ["sns:Publish"], "Resource": topic_arn})
