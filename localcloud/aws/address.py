"""Application Load Balancers with their target groups and listeners, and the groups of nodes behind them."""

from typing import Any

from localcloud.aws.names import lower, parameters, properties, tag_list, tag_map, tagged, upper
from localcloud.aws.session import client
from localcloud.aws.waiting import until, until_gone
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

# Minutes; terraform-provider-aws (main of late 2025), internal/service/elbv2/load_balancer.go.
_BALANCER, _BALANCER_END = 10, 10


def _elb(call: Call) -> Any:
    return client(call, "elbv2")


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    if removed:
        _elb(call).remove_tags(ResourceArns=[call.id], TagKeys=removed)
    if tags:
        _elb(call).add_tags(ResourceArns=[call.id], Tags=tag_list(tags))


def _tags(call: Call) -> Properties:
    [told] = _elb(call).describe_tags(ResourceArns=[call.id])["TagDescriptions"]
    return tagged(tag_map(told["Tags"]))


def _new_tags(call: Call) -> Properties:
    return {"Tags": tag_list(call.inputs["tags"])} if call.inputs.get("tags") else {}


def _attributes(inputs: Properties, keys: dict[str, str]) -> list[dict[str, str]]:
    """What is set of a load balancer's or a listener's attributes, all of which are texts."""
    return [{"Key": key, "Value": _text(inputs[name])} for name, key in keys.items() if inputs.get(name) is not None]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(int(value) if isinstance(value, float) else value)


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdecimal() else value


def _stated(inputs: Properties, keys: dict[str, str], told: list[dict[str, str]]) -> Properties:
    """Those attributes that the program states, as properties."""
    found = {one["Key"]: one["Value"] for one in told}
    return {name: _typed(found[key]) for name, key in keys.items() if name in inputs and key in found}


# -- load balancers ------------------------------------------------------------------------------------------------

_OF_BALANCER = {
    "idleTimeout": "idle_timeout.timeout_seconds",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
}
_OF_LOGS = {"enabled": "access_logs.s3.enabled", "bucket": "access_logs.s3.bucket", "prefix": "access_logs.s3.prefix"}


def _balancer(call: Call, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = _elb(call).describe_load_balancers(LoadBalancerArns=[id_])["LoadBalancers"][0]
    return found


def _create_balancer(call: Call) -> str:
    inputs = call.inputs
    wanted = parameters(inputs, "name subnets securityGroups ipAddressType", loadBalancerType="Type")
    wanted["Scheme"] = "internal" if inputs.get("internal") else "internet-facing"
    made = str(_elb(call).create_load_balancer(**wanted, **_new_tags(call))["LoadBalancers"][0]["LoadBalancerArn"])
    until(
        f"the load balancer {inputs['name']}",
        lambda: str(_balancer(call, made)["State"]["Code"]),
        wanted="active",
        passing=("provisioning",),
        minutes=_BALANCER,
    )
    return made


def _setup_balancer(call: Call) -> None:
    if call.changed(*_OF_BALANCER, "accessLogs"):
        wanted = _attributes(call.inputs, _OF_BALANCER) + _attributes(call.inputs.get("accessLogs") or {}, _OF_LOGS)
        _elb(call).modify_load_balancer_attributes(LoadBalancerArn=call.id, Attributes=wanted)
    if call.old and call.changed("securityGroups"):
        _elb(call).set_security_groups(LoadBalancerArn=call.id, SecurityGroups=call.inputs["securityGroups"])
    if call.old and call.changed("subnets"):
        _elb(call).set_subnets(LoadBalancerArn=call.id, Subnets=call.inputs["subnets"])


def _read_balancer(call: Call) -> Properties | None:
    found = _balancer(call, call.id)
    told = _elb(call).describe_load_balancer_attributes(LoadBalancerArn=call.id)["Attributes"]
    logs = _stated(call.inputs.get("accessLogs") or {}, _OF_LOGS, told)
    return {
        **properties(found, "vpcId ipAddressType securityGroups", name="LoadBalancerName", loadBalancerType="Type"),
        **_stated(call.inputs, _OF_BALANCER, told),
        **({"accessLogs": logs} if logs else {}),
        **_tags(call),
        "internal": found["Scheme"] == "internal",
        "subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
        "arn": call.id,
        "arnSuffix": call.id.partition(":loadbalancer/")[2],
        "dnsName": found["DNSName"],
        "zoneId": found["CanonicalHostedZoneId"],
    }


def _delete_balancer(call: Call) -> None:
    _elb(call).delete_load_balancer(LoadBalancerArn=call.id)
    until_gone(
        f"the load balancer {call.name}",
        lambda: str(_balancer(call, call.id)["State"]["Code"]),
        minutes=_BALANCER_END,
    )


# -- target groups -------------------------------------------------------------------------------------------------

_HEALTH = {
    "enabled": "HealthCheckEnabled",
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthyThreshold": "HealthyThresholdCount",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}


def _health(inputs: Properties) -> dict[str, Any]:
    check = inputs.get("healthCheck") or {}
    matcher = {"Matcher": {"HttpCode": check["matcher"]}} if check.get("matcher") else {}
    return {to: check[name] for name, to in _HEALTH.items() if check.get(name) is not None} | matcher


def _create_group(call: Call) -> str:
    wanted = parameters(call.inputs, "name protocol port vpcId targetType") | _health(call.inputs)
    made = _elb(call).create_target_group(**wanted, **_new_tags(call))["TargetGroups"][0]
    return str(made["TargetGroupArn"])


def _setup_group(call: Call) -> None:
    if call.old and call.changed("healthCheck"):
        _elb(call).modify_target_group(TargetGroupArn=call.id, **_health(call.inputs))


def _read_group(call: Call) -> Properties | None:
    found = _elb(call).describe_target_groups(TargetGroupArns=[call.id])["TargetGroups"][0]
    check = {name: found[key] for name, key in _HEALTH.items() if key in found}
    return {
        **properties(found, "protocol port vpcId targetType", name="TargetGroupName"),
        **_tags(call),
        "healthCheck": {**check, "matcher": found["Matcher"]["HttpCode"]},
        "loadBalancerArns": found["LoadBalancerArns"],
        "arn": call.id,
        "arnSuffix": call.id.rpartition(":")[2],
    }


# -- listeners -----------------------------------------------------------------------------------------------------

_OF_LISTENER = {
    "routingHttpResponseStrictTransportSecurityHeaderValue": (
        "routing.http.response.strict_transport_security.header_value"
    ),
    "routingHttpResponseServerEnabled": "routing.http.response.server.enabled",
}


def _listener(inputs: Properties) -> dict[str, Any]:
    wanted = parameters(inputs, "port protocol sslPolicy")
    if inputs.get("certificateArn"):
        wanted["Certificates"] = [{"CertificateArn": inputs["certificateArn"]}]
    actions = [{**one, "redirectConfig": one.get("redirect"), "redirect": None} for one in inputs["defaultActions"]]
    return {**wanted, "DefaultActions": upper(actions)}


def _create_listener(call: Call) -> str:
    wanted = {"LoadBalancerArn": call.inputs["loadBalancerArn"], **_listener(call.inputs)}
    return str(_elb(call).create_listener(**wanted, **_new_tags(call))["Listeners"][0]["ListenerArn"])


def _setup_listener(call: Call) -> None:
    if call.old and call.changed("port", "protocol", "sslPolicy", "certificateArn", "defaultActions"):
        _elb(call).modify_listener(ListenerArn=call.id, **_listener(call.inputs))
    wanted = _attributes(call.inputs, _OF_LISTENER)
    if wanted and call.changed(*_OF_LISTENER):
        _elb(call).modify_listener_attributes(ListenerArn=call.id, Attributes=wanted)


def _read_listener(call: Call) -> Properties | None:
    found = _elb(call).describe_listeners(ListenerArns=[call.id])["Listeners"]
    if not found:
        return None
    told = _elb(call).describe_listener_attributes(ListenerArn=call.id)["Attributes"]
    certificates = found[0].get("Certificates") or []
    return {
        **properties(found[0], "loadBalancerArn port protocol sslPolicy"),
        **_stated(call.inputs, _OF_LISTENER, told),
        **_tags(call),
        "defaultActions": lower(found[0]["DefaultActions"], RedirectConfig="redirect"),
        "certificateArn": certificates[0]["CertificateArn"] if certificates else None,
        "arn": call.id,
    }


# -- attachments ---------------------------------------------------------------------------------------------------


def _autoscaling(call: Call) -> Any:
    return client(call, "autoscaling")


def _pair(call: Call) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": call.inputs["autoscalingGroupName"],
        "TargetGroupARNs": [call.inputs["lbTargetGroupArn"]],
    }


def _attach(call: Call) -> str:
    _autoscaling(call).attach_load_balancer_target_groups(**_pair(call))
    return f"{call.inputs['autoscalingGroupName']}-{call.inputs['lbTargetGroupArn'].rpartition('/')[2]}"


def _read_attachment(call: Call) -> Properties | None:
    known = call.inputs or call.state
    group, target = known["autoscalingGroupName"], known["lbTargetGroupArn"]
    listed = _autoscaling(call).describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    if not any(target in one.get("TargetGroupARNs", ()) for one in listed):
        return None
    return {"autoscalingGroupName": group, "lbTargetGroupArn": target}


def _detach(call: Call) -> None:
    # A group that is gone has none, and Auto Scaling would call it an invalid parameter, not one that was not found.
    if _read_attachment(call) is not None:
        _autoscaling(call).detach_load_balancer_target_groups(**_pair(call))


KINDS = [
    Kind(
        token="aws:lb/loadBalancer:LoadBalancer",
        create=_create_balancer,
        setup=_setup_balancer,
        read=_read_balancer,
        delete=_delete_balancer,
        retag=_retag,
        replaces=names("name namePrefix internal loadBalancerType"),
        computed=names("ipAddressType securityGroups subnets subnetMappings"),
        unordered=names("subnets securityGroups"),
        autoname=Autoname(longest=32),
    ),
    Kind(
        token="aws:lb/targetGroup:TargetGroup",
        create=_create_group,
        setup=_setup_group,
        read=_read_group,
        delete=lambda call: _elb(call).delete_target_group(TargetGroupArn=call.id),
        retag=_retag,
        replaces=names("name namePrefix port protocol targetType vpcId"),
        computed=names("healthCheck ipAddressType"),
        autoname=Autoname(longest=32),
    ),
    Kind(
        token="aws:lb/listener:Listener",
        create=_create_listener,
        setup=_setup_listener,
        read=_read_listener,
        delete=lambda call: _elb(call).delete_listener(ListenerArn=call.id),
        retag=_retag,
        replaces=names("loadBalancerArn"),
        computed=names("sslPolicy protocol"),
    ),
    Kind(
        token="aws:autoscaling/attachment:Attachment",
        create=_attach,
        read=_read_attachment,
        delete=_detach,
        replaces=names("autoscalingGroupName lbTargetGroupArn elb"),
    ),
]
