"""Load balancers, certificates and the groups of nodes behind them: what takes time, what is held, what is refused.

A load balancer has an interface in each subnet, with its security groups, until some time after its end. A certificate
is issued once the record that ACM asks for is in a zone, and a listener takes no other. A node group of EKS is an
autoscaling group, of which MiniStack knows nothing. (Elastic Load Balancing and ACM API references; ELB user guide,
"Enable access logs"; EKS user guide, "Managed node groups".)
"""

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ministack.services import acm, alb, autoscaling, ec2, eks, route53, s3

from localcloud.emulator.conduct import interfaces, phases
from localcloud.emulator.conduct.before import Before, Parameters, Refusal, Request
from localcloud.emulator.conduct.phases import Answer, Handler, Phases, Scope, here

LOG_DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"


# -- load balancers ------------------------------------------------------------------------------------------------


class Balancers(Before):
    """Before MiniStack's handler of Elastic Load Balancing."""

    async def answer(self, asked: Request) -> Answer:
        wanted = asked.parameters
        action = alb._p(wanted, "Action")
        judge = _REFUSALS.get(action)
        if refused := judge(wanted) if judge else None:
            return alb._error(*refused)  # type: ignore[no-any-return]
        before = set(alb._lbs.keys())
        going = alb._lbs.get(alb._p(wanted, "LoadBalancerArn")) if action == "DeleteLoadBalancer" else None
        answer = await self.served(asked)
        if answer[0] == 200 and action == "CreateLoadBalancer":
            [made] = set(alb._lbs.keys()) - before
            self._begins(alb._lbs[made])
            return answer[0], answer[1], answer[2].replace(b">active<", f">{alb._lbs[made]['State']}<".encode())
        if going:
            name = _of_balancer(going)
            self._phases.begin(name, "deleting", phases.BALANCER_END, lambda: interfaces.remove(name))
        return answer

    def _begins(self, balancer: dict[str, Any]) -> None:
        balancer["VpcId"] = ec2._subnets[balancer["Subnets"][0]]["VpcId"]
        balancer["State"] = "provisioning"
        for subnet in balancer["Subnets"]:
            interfaces.add(subnet, _of_balancer(balancer), balancer["SecurityGroups"])

        def active() -> None:
            balancer["State"] = "active"

        self._phases.begin(balancer["LoadBalancerArn"], "provisioning", phases.BALANCER, active)


def _of_balancer(balancer: Mapping[str, Any]) -> str:
    return f"ELB {balancer['LoadBalancerArn'].partition(':loadbalancer/')[2]}"


def _create_balancer(wanted: Parameters) -> Refusal | None:
    subnets = alb._parse_member_list(wanted, "Subnets")
    unknown = [one for one in subnets if one not in ec2._subnets]
    if unknown:
        return "SubnetNotFound", f"The subnet ID '{unknown[0]}' does not exist"
    # A network load balancer does with one (ELB API reference, CreateLoadBalancer, "Subnets").
    balances = alb._p(wanted, "Type") or "application"
    if balances == "application" and len({ec2._subnets[one]["AvailabilityZone"] for one in subnets}) < 2:
        return "ValidationError", "At least two subnets in two different Availability Zones must be specified"
    groups = [one for one in alb._parse_member_list(wanted, "SecurityGroups") if one not in ec2._security_groups]
    if groups:
        return "InvalidSecurityGroup", f"The security group '{groups[0]}' does not exist"
    vpc = ec2._subnets[subnets[0]]["VpcId"]
    gateways = [at["VpcId"] for one in ec2._internet_gateways.values() for at in one.get("Attachments", ())]
    if alb._p(wanted, "Scheme") != "internal" and vpc not in gateways:
        return "InvalidSubnet", f"VPC {vpc} has no internet gateway"
    return None


def _change_balancer(wanted: Parameters) -> Refusal | None:
    """ELB writes a file to see whether it may."""
    found, number = dict[str, str](), 1
    while key := alb._p(wanted, f"Attributes.member.{number}.Key"):
        found[key] = alb._p(wanted, f"Attributes.member.{number}.Value")
        number += 1
    bucket = found.get("access_logs.s3.bucket", "")
    if found.get("access_logs.s3.enabled") != "true":
        return None
    prefix = f"{found['access_logs.s3.prefix']}/" if found.get("access_logs.s3.prefix") else ""
    account, _ = here()
    if _may_write(bucket, f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/{account}/ELBAccessLogTestFile"):
        return None
    return "InvalidConfigurationRequest", f"Access Denied for bucket: {bucket}. Please check S3bucket permission"


def _may_write(bucket: str, key: str) -> bool:
    policy = s3._bucket_policies.get(bucket)
    return any(
        statement["Effect"] == "Allow"
        and LOG_DELIVERY in _listed(_mapping(statement.get("Principal")).get("Service"))
        and "s3:PutObject" in _listed(statement.get("Action"))
        and any(fnmatchcase(key, pattern) for pattern in _listed(statement.get("Resource")))
        for statement in (json.loads(policy)["Statement"] if policy else ())
    )


def _create_listener(wanted: Parameters) -> Refusal | None:
    balancer, port = alb._p(wanted, "LoadBalancerArn"), alb._p(wanted, "Port")
    if any(one["LoadBalancerArn"] == balancer and str(one["Port"]) == port for one in _listeners()):
        return "DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer}'"
    for target in (action.get("TargetGroupArn") for action in alb._parse_actions(wanted)):
        if target and any(_forwards(one, target) and one["LoadBalancerArn"] != balancer for one in _listeners()):
            return "TargetGroupAssociationLimit", f"Target group '{target}' is with another load balancer"
    return _change_listener(wanted)


def _listeners() -> list[dict[str, Any]]:
    return list(alb._listeners.values())


def _forwards(listener: Mapping[str, Any], target: str) -> bool:
    return any(action.get("TargetGroupArn") == target for action in listener["DefaultActions"])


def _change_listener(wanted: Parameters) -> Refusal | None:
    for action in alb._parse_actions(wanted):
        if action.get("TargetGroupArn") and action["TargetGroupArn"] not in alb._tgs:
            return "TargetGroupNotFound", f"Target groups '{action['TargetGroupArn']}' not found"
    certificates = alb._parse_certificate_arns(wanted)
    if alb._p(wanted, "Protocol") == "HTTPS" and not certificates:
        return "CertificateNotFound", "A certificate must be specified for HTTPS listeners"
    for arn in certificates:
        found = acm._get_local_certificate(arn)
        if found is None:
            return "CertificateNotFound", f"Certificate '{arn}' not found"
        if found["Status"] != "ISSUED":
            return "UnsupportedCertificate", f"The certificate '{arn}' is not issued"
    return None


def _delete_group(wanted: Parameters) -> Refusal | None:
    arn = alb._p(wanted, "TargetGroupArn")
    used = any(_forwards(one, arn) for one in _listeners())
    return ("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule") if used else None


_REFUSALS: dict[str, Callable[[Parameters], Refusal | None]] = {
    "CreateLoadBalancer": _create_balancer,
    "ModifyLoadBalancerAttributes": _change_balancer,
    "CreateListener": _create_listener,
    "ModifyListener": _change_listener,
    "DeleteTargetGroup": _delete_group,
}


# -- certificates --------------------------------------------------------------------------------------------------


class Certificates(Before):
    """Before MiniStack's handler of ACM."""

    async def answer(self, asked: Request) -> Answer:
        action, arn = asked.target, str(asked.json.get("CertificateArn", ""))
        if action == "DeleteCertificate" and any(arn in one.get("Certificates", ()) for one in _listeners()):
            told = f"Certificate {arn} is in use."
            return acm.error_response_json("ResourceInUseException", told, 400)  # type: ignore[no-any-return]
        if action == "DescribeCertificate" and (found := acm._get_local_certificate(arn)):
            self._looks(found)
        answer = await self.served(asked)
        if action == "RequestCertificate" and answer[0] == 200:
            _status(acm._certificates[json.loads(answer[2])["CertificateArn"]], "PENDING_VALIDATION")
        return answer

    def _looks(self, certificate: dict[str, Any]) -> None:
        """Whether the records are there by which somebody shows that the names are theirs."""
        arn = certificate["CertificateArn"]
        asked = [one["ResourceRecord"] for one in certificate["DomainValidationOptions"]]
        waits = certificate["Status"] == "PENDING_VALIDATION" and self._phases.status(arn) is None
        if waits and all(_is_there(record) for record in asked):
            self._phases.begin(arn, "PENDING_VALIDATION", phases.ISSUE, lambda: _status(certificate, "ISSUED"))


def _status(certificate: dict[str, Any], status: str) -> None:
    certificate["Status"] = status
    for one in certificate["DomainValidationOptions"]:
        one["ValidationStatus"] = "SUCCESS" if status == "ISSUED" else "PENDING_VALIDATION"


def _is_there(record: Mapping[str, str]) -> bool:
    def same(one: Mapping[str, Any]) -> bool:
        values = {value.rstrip(".") for value in one.get("ResourceRecords", ())}
        return (one["Name"], one["Type"]) == (record["Name"], record["Type"]) and record["Value"].rstrip(".") in values

    return any(same(one) for listed in route53._records.values() for one in listed)


# -- groups of nodes -----------------------------------------------------------------------------------------------


class NodeGroups(Before):
    """Before MiniStack's handler of autoscaling: the groups that EKS makes, and what they are attached to."""

    def __init__(self, phases: Phases, handler: Handler) -> None:
        super().__init__(phases, handler)
        self._attached: dict[tuple[Scope, str], list[str]] = {}

    async def answer(self, asked: Request) -> Answer:
        wanted = asked.parameters
        action = alb._p(wanted, "Action")
        named = alb._parse_member_list(wanted, "AutoScalingGroupNames")
        if action == "DescribeAutoScalingGroups" and (mine := [one for one in named if one in _groups()]):
            return _answer(action, f"<AutoScalingGroups>{''.join(map(self._told, mine))}</AutoScalingGroups>")
        if action not in ("AttachLoadBalancerTargetGroups", "DetachLoadBalancerTargetGroups"):
            return await self.served(asked)
        group, targets = alb._p(wanted, "AutoScalingGroupName"), alb._parse_member_list(wanted, "TargetGroupARNs")
        if group not in _groups():
            return _refused("AutoScalingGroup name not found - null")
        attached = self._attached.setdefault((here(), group), [])
        if action.startswith("Attach"):
            if unknown := [one for one in targets if one not in alb._tgs]:
                return _refused(f"Provided Target Groups may not be valid: {unknown[0]}")
            attached += [one for one in targets if one not in attached]
        else:
            attached[:] = [one for one in attached if one not in targets]
        return _answer(action, "")

    def _told(self, group: str) -> str:
        targets = "".join(f"<member>{arn}</member>" for arn in self._attached.get((here(), group), ()))
        return (
            f"<member><AutoScalingGroupName>{group}</AutoScalingGroupName>"
            f"<TargetGroupARNs>{targets}</TargetGroupARNs></member>"
        )


def _groups() -> set[str]:
    return {one["name"] for nodes in eks._nodegroups.values() for one in nodes["resources"]["autoScalingGroups"]}


def _answer(action: str, inner: str) -> Answer:
    return autoscaling._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")  # type: ignore[no-any-return]


def _refused(message: str) -> Answer:
    return autoscaling._error("ValidationError", message)  # type: ignore[no-any-return]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
