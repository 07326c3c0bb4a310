"""How a stack is seen: the agents' role and order, and what pages whom."""

import json
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from infra.aws.alarms import alarms
from infra.aws.monitoring import LOGS, agent_policy
from infra.program import program
from ops import cost
from ordering.errors import UserError
from policy.documents import wildcards
from tests.unit.inputs import inputs
from tests.unit.mocks import ISSUER, Recording, record
from tests.unit.settings_source import settings

SEEN: dict[str, Any] = {"monitoring": "cloudwatch", "monitoringEmail": "platform@example.com"}
PROMETHEUS = {**SEEN, "monitoring": "prometheus"}
LAB: dict[str, Any] = {"clusterMode": "existing", "clusterContext": "lab"}
GROUP = "arn:aws:logs:us-west-2:123456789012:log-group:/aws/containerinsights/{}:log-stream:a"


def made(**changes: Any) -> Recording:
    return record(lambda: program(inputs(**SEEN, **changes)).export())


@pytest.mark.parametrize(
    ("action", "resource", "given", "allowed"),
    [
        ("logs:PutLogEvents", GROUP.format("kubeflow-dev/application"), {}, True),
        ("logs:PutLogEvents", GROUP.format("another/application"), {}, False),
        # A group that a destroy has taken away is not there again.
        ("logs:CreateLogGroup", GROUP.format("kubeflow-dev/application"), {}, False),
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "ContainerInsights"}, True),
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/Billing"}, False),
        ("ssm:GetParameter", "*", {}, False),
    ],
)
def test_the_agents_write_to_the_clusters_own_groups_alone(
    action: str, resource: str, given: dict[str, str], allowed: bool
) -> None:
    context = EvalContext(
        principal_arn="arn:aws:iam::123456789012:role/cloudwatch",
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=action,
        resource_arn=resource,
        region="us-west-2",
        service_context=given,
    )
    document = parse_policy_document(agent_policy("us-west-2", "123456789012", "kubeflow-dev"))
    assert (evaluate(context, [document]).decision == "Allow") is allowed
    assert list(wildcards(json.dumps(agent_policy("us-west-2", "1", "k")))) == []


def test_the_agents_come_after_their_groups_and_so_go_before_them() -> None:
    found = made(clusterLogRetentionDays=14)
    groups = {one.name: one for one in found.all("LogGroup") if "containerinsights" in one.inputs["name"]}
    assert {one.inputs["name"] for one in groups.values()} == {
        f"/aws/containerinsights/kubeflow-dev/{kind}" for kind in LOGS
    }
    assert {one.inputs["retentionInDays"] for one in groups.values()} == {14}
    agents = found.one("Addon", "kubeflow-dev-amazon-cloudwatch-observability")
    assert groups.keys() | {"kubeflow-dev-gp3", "kubeflow-dev-cloudwatch"} <= agents.depends_on
    [statement] = json.loads(found.one("Role", "kubeflow-dev-cloudwatch").inputs["assumeRolePolicy"])["Statement"]
    subject = statement["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    assert subject == "system:serviceaccount:amazon-cloudwatch:cloudwatch-agent"


def test_every_alarm_reaches_the_topic_and_says_of_what_cluster() -> None:
    found = made()
    topic = found.one("Topic")
    raised = {one.name.removeprefix("kubeflow-dev-"): one.inputs for one in found.all("MetricAlarm")}
    assert raised.keys() == {one.name for one in alarms("kubeflow-dev")}
    for name, one in raised.items():
        assert len(one["alarmActions"]) == 1, name
        assert one.get("dimensions") == (None if name == "runs-failed" else {"ClusterName": "kubeflow-dev"}), name
    counted = found.one("LogMetricFilter").inputs["metricTransformation"]
    assert (raised["runs-failed"]["namespace"], raised["runs-failed"]["metricName"]) == (
        counted["namespace"],
        counted["name"],
    )
    # Where nothing is measured, nothing else would say so.
    assert raised["unseen"]["treatMissingData"] == "breaching"
    mail = found.one("TopicSubscription").inputs
    assert (mail["protocol"], mail["endpoint"]) == ("email", "platform@example.com")
    assert topic.inputs["name"] == "kubeflow-dev-alarms"


def test_a_certificate_that_expires_pages_where_there_is_one() -> None:
    arn = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    found = made(addressHost="kubeflow.example.com", addressCertificate=arn, addressCidrs=["203.0.113.0/24"])
    expiry = found.one("MetricAlarm", "kubeflow-dev-certificate-expires").inputs
    assert (expiry["metricName"], expiry["dimensions"]) == ("DaysToExpiry", {"CertificateArn": arn})


def test_nobody_is_paged_without_it() -> None:
    found = record(lambda: program(inputs()).export())
    assert not found.all("MetricAlarm")
    assert not found.all("Topic")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"monitoring": "datadog"}, "monitoring 'datadog' is not one of none, cloudwatch, prometheus."),
        (
            {"monitoring": "cloudwatch", "clusterMode": "existing", "clusterContext": "lab"},
            "monitoring 'cloudwatch' is an add-on of a cluster to create; set it to prometheus or none",
        ),
        (
            {"monitoring": "prometheus", "kubeflowRelease": "pipelines-2.16.0"},
            "monitoring 'prometheus' shows its dashboards behind Kubeflow's gateway, and pipelines-2.16.0 has none;",
        ),
        (
            {"monitoringPath": "kp"},
            "monitoringPath is for kube-prometheus; set monitoring to prometheus, or remove it.",
        ),
        ({"monitoringRetentionDays": 0}, "monitoringRetentionDays 0 is out of range; choose a number from 1 to 3650."),
        ({"monitoringStorageGiB": 5}, "monitoringStorageGiB 5 is out of range; choose a number from 10 to 16384."),
        (
            {**PROMETHEUS, "clusterMode": "existing", "clusterContext": "lab"},
            "monitoringEmail gets Prometheus' alarms by SNS, which takes a role for a service account, so",
        ),
        (
            {"monitoring": "prometheus", "monitoringEmail": "a@b.c", "cloud": "none", **LAB},
            "monitoringEmail is a setting of AWS, and cloud is none;",
        ),
        ({**SEEN, "monitoringEmail": "platform"}, "monitoringEmail 'platform' is not an e-mail address; write one"),
        ({"monitoringEmail": "a@example.com"}, "monitoringEmail a@example.com would never get an alarm;"),
    ],
)
def test_what_would_page_nobody_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        settings(**changes)
    assert words in str(caught.value)


def test_it_is_priced_by_what_is_measured() -> None:
    [change] = cost.difference(cost.estimate(settings()), cost.estimate(settings(**SEEN)))
    # 5 nodes of 20 pods and 40 values a minute at 0.21 a million, 20 GB of logs at 0.50, 5 alarms at 0.10.
    assert (change.name, cost.money(change.delta)) == ("monitoring", "47.29")


def test_a_cluster_of_somebody_else_s_is_seen_too_and_pages_nobody() -> None:
    found = record(lambda: program(inputs(monitoring="prometheus", cloud="none", **LAB)).export())
    assert not [one for one in found.resources if one.type.startswith("aws:")]


def test_alertmanager_publishes_to_the_topic_and_does_nothing_else() -> None:
    found = record(lambda: program(inputs(**PROMETHEUS)).export())
    assert found.one("Topic").inputs["name"] == "kubeflow-dev-alarms"
    assert found.one("TopicSubscription").inputs["endpoint"] == "platform@example.com"
    [statement] = json.loads(found.one("Role", "kubeflow-dev-alertmanager").inputs["assumeRolePolicy"])["Statement"]
    subject = statement["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    assert subject == "system:serviceaccount:monitoring:alertmanager-main"
    [granted] = json.loads(found.one("RolePolicy", "kubeflow-dev-alertmanager").inputs["policy"])["Statement"]
    assert granted["Action"] == ["sns:Publish"]
    assert granted["Resource"].endswith("alarms")
    # CloudWatch has no part in it.
    assert not [*found.all("MetricAlarm"), *found.all("LogMetricFilter")]
    quiet = record(lambda: program(inputs(monitoring="prometheus")).export())
    assert not quiet.all("Topic")


def test_what_prometheus_keeps_is_priced() -> None:
    [change] = cost.difference(
        cost.estimate(settings()), cost.estimate(settings(monitoring="prometheus", monitoringStorageGiB=100))
    )
    assert change.after
    # Two volumes of 100 GiB at 0.08.
    assert (change.after.what, cost.money(change.delta)) == ("200 GiB of Prometheus' measurements on gp3", "16.00")
