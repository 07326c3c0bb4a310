"""CloudWatch alarms, the metrics that are counted in logs, and the topics of SNS that alarms go to."""

from typing import Any

from localcloud.aws.names import lower_parameters, parameters, properties, tag_list, tag_map, tagged
from localcloud.aws.session import client
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

_ALARM = (
    "actionsEnabled alarmActions alarmDescription comparisonOperator datapointsToAlarm evaluationPeriods "
    "insufficientDataActions metricName namespace okActions period statistic threshold treatMissingData unit"
)
_RENAMED = {"okActions": "OKActions"}


def _cloudwatch(call: Call) -> Any:
    return client(call, "cloudwatch")


def _put_alarm(call: Call) -> str:
    given = [one for one in _ALARM.split() if one not in _RENAMED]
    wanted = parameters(call.inputs, " ".join(given), **_RENAMED)
    dimensions = call.inputs.get("dimensions") or {}
    wanted["Dimensions"] = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    if call.inputs.get("tags") and not call.old:
        wanted["Tags"] = tag_list(call.inputs["tags"])
    _cloudwatch(call).put_metric_alarm(AlarmName=call.inputs["name"], **wanted)
    return str(call.inputs["name"])


def _setup_alarm(call: Call) -> None:
    if call.old:
        _put_alarm(call)


def _read_alarm(call: Call) -> Properties | None:
    found = _cloudwatch(call).describe_alarms(AlarmNames=[call.id])["MetricAlarms"]
    if not found:
        return None
    arn = found[0]["AlarmArn"]
    given = [one for one in _ALARM.split() if one not in _RENAMED]
    dimensions = {one["Name"]: one["Value"] for one in found[0].get("Dimensions", ())}
    return {
        **properties(found[0], " ".join(given), **_RENAMED),
        **tagged(tag_map(_cloudwatch(call).list_tags_for_resource(ResourceARN=arn).get("Tags"))),
        "dimensions": dimensions or None,
        "name": call.id,
        "arn": arn,
    }


def _retag_alarm(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    arn = call.state["arn"]
    if removed:
        _cloudwatch(call).untag_resource(ResourceARN=arn, TagKeys=removed)
    if tags:
        _cloudwatch(call).tag_resource(ResourceARN=arn, Tags=tag_list(tags))


def _logs(call: Call) -> Any:
    return client(call, "logs")


def _put_filter(call: Call) -> str:
    made = lower_parameters(
        call.inputs["metricTransformation"],
        "defaultValue dimensions unit",
        name="metricName",
        namespace="metricNamespace",
        value="metricValue",
    )
    _logs(call).put_metric_filter(
        logGroupName=call.inputs["logGroupName"],
        filterName=call.inputs["name"],
        filterPattern=call.inputs["pattern"],
        metricTransformations=[made],
    )
    return str(call.inputs["name"])


def _setup_filter(call: Call) -> None:
    if call.old:
        _put_filter(call)


def _read_filter(call: Call) -> Properties | None:
    group = {**call.state, **call.inputs}["logGroupName"]
    listed = _logs(call).describe_metric_filters(logGroupName=group, filterNamePrefix=call.id)["metricFilters"]
    for one in listed:
        if one["filterName"] == call.id:
            [made] = one["metricTransformations"]
            transformation = lower_parameters(
                made, "dimensions unit", metricName="name", metricNamespace="namespace", metricValue="value"
            )
            if made.get("defaultValue") is not None:
                transformation["defaultValue"] = str(made["defaultValue"])
            return {
                "name": call.id,
                "logGroupName": group,
                "pattern": one["filterPattern"],
                "metricTransformation": transformation,
            }
    return None


def _delete_filter(call: Call) -> None:
    _logs(call).delete_metric_filter(logGroupName=call.inputs["logGroupName"], filterName=call.id)


def _sns(call: Call) -> Any:
    return client(call, "sns")


def _create_topic(call: Call) -> str:
    tags = {"Tags": tag_list(call.inputs["tags"])} if call.inputs.get("tags") else {}
    return str(_sns(call).create_topic(Name=call.inputs["name"], **tags)["TopicArn"])


def _read_topic(call: Call) -> Properties | None:
    found = _sns(call).get_topic_attributes(TopicArn=call.id)["Attributes"]
    return {
        **tagged(tag_map(_sns(call).list_tags_for_resource(ResourceArn=call.id).get("Tags"))),
        "name": call.id.rpartition(":")[2],
        "arn": call.id,
        "owner": found.get("Owner"),
        "policy": found.get("Policy"),
    }


def _retag_topic(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    if removed:
        _sns(call).untag_resource(ResourceArn=call.id, TagKeys=removed)
    if tags:
        _sns(call).tag_resource(ResourceArn=call.id, Tags=tag_list(tags))


def _subscribe(call: Call) -> str:
    wanted = parameters(call.inputs, "protocol endpoint", topic="TopicArn")
    return str(_sns(call).subscribe(**wanted, ReturnSubscriptionArn=True)["SubscriptionArn"])


def _read_subscription(call: Call) -> Properties | None:
    found = _sns(call).get_subscription_attributes(SubscriptionArn=call.id)["Attributes"]
    return {
        **properties(found, "protocol endpoint", topic="TopicArn"),
        "arn": call.id,
        "ownerId": found.get("Owner"),
        "pendingConfirmation": found.get("PendingConfirmation") == "true",
    }


KINDS = [
    Kind(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        create=_put_alarm,
        setup=_setup_alarm,
        read=_read_alarm,
        retag=_retag_alarm,
        delete=lambda call: _cloudwatch(call).delete_alarms(AlarmNames=[call.id]),
        replaces=names("name"),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        unordered=names("alarmActions okActions insufficientDataActions"),
    ),
    Kind(
        token="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        create=_put_filter,
        setup=_setup_filter,
        read=_read_filter,
        delete=_delete_filter,
        replaces=names("name logGroupName"),
    ),
    Kind(
        token="aws:sns/topic:Topic",
        create=_create_topic,
        read=_read_topic,
        retag=_retag_topic,
        delete=lambda call: _sns(call).delete_topic(TopicArn=call.id),
        replaces=names("name"),
        computed=names("policy"),
        documents=names("policy"),
    ),
    Kind(
        token="aws:sns/topicSubscription:TopicSubscription",
        create=_subscribe,
        read=_read_subscription,
        delete=lambda call: _sns(call).unsubscribe(SubscriptionArn=call.id),
        replaces=names("topic protocol endpoint"),
    ),
]
