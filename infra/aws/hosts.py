"""Whether a host can have its record and its certificate: asked before anything is made."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infra.aws import iam
from infra.settings import AddressSettings
from ordering.errors import UserError

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's region."""

LONGEST_BALANCER = 32 - 8
"""The names of load balancers and target groups have 32 characters, of which the provider's suffix takes 8."""

_ANSWERS = ("A", "AAAA", "CNAME")


def balancer_name(stack: str) -> str:
    """The resource's name, after which the provider names the load balancer of a stack (`Settings.name`).

    ELB takes letters, digits and hyphens (its API, "CreateLoadBalancer").
    """
    return iam.fitting(iam.plain(f"{stack}-address"), LONGEST_BALANCER)


def target_group_name(stack: str) -> str:
    """The same of its target group."""
    return iam.fitting(iam.plain(f"{stack}-gateway"), LONGEST_BALANCER)


def check(client: Client, address: AddressSettings, stack: str) -> None:
    """UserError for a zone or a certificate that is not for the host, or a record that the host has already.

    `stack` is `Settings.name`. ClientError when AWS does not say.
    """
    if address.certificate is not None:
        _check_certificate(client("acm"), address.certificate, address.host)
    if address.zone is not None:
        _check_zone(client("route53"), address, address.zone)
        _check_record(client("route53"), address.host, address.zone, stack)


def covers(name: str, host: str) -> bool:
    """Whether a certificate's name is for a host; a star stands for one label.

    >>> covers("*.example.com", "kubeflow.example.com"), covers("*.example.com", "a.kubeflow.example.com")
    (True, False)
    """
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])


def _check_zone(route53: Any, address: AddressSettings, zone: str) -> None:
    found = _there(lambda: route53.get_hosted_zone(Id=zone)["HostedZone"])
    if found is None:
        raise UserError(f"addressZone {zone} is no Route 53 zone of this account; write the id of one that is.")
    name = str(found["Name"]).rstrip(".")
    if address.host != name and not address.host.endswith(f".{name}"):
        raise UserError(
            f"addressZone {zone} is the zone {name}, which does not own {address.host}; write the id of the zone that "
            "does, or another addressHost."
        )
    if not found.get("Config", {}).get("PrivateZone"):
        return
    if address.scheme == "internet-facing":
        raise UserError(
            f"addressZone {zone} is private, so nobody on the internet would find {address.host}; write the id of the "
            "public zone, or set addressScheme to internal."
        )
    if address.certificate is None:
        raise UserError(
            f"addressZone {zone} is private, and ACM validates certificates by public records; set addressCertificate "
            f"to one for {address.host}."
        )


def _check_record(route53: Any, host: str, zone: str, stack: str) -> None:
    listed = route53.list_resource_record_sets(HostedZoneId=zone, StartRecordName=host, MaxItems="10")
    for one in listed["ResourceRecordSets"]:
        if one["Name"].rstrip(".") != host or one["Type"] not in _ANSWERS:
            continue
        # Route 53 gives names back in lower case, whatever they were written in.
        target = str((one.get("AliasTarget") or {}).get("DNSName", "")).lower()
        if target.removeprefix("dualstack.").removeprefix("internal-").startswith(f"{balancer_name(stack)}-".lower()):
            continue  # the stack's own
        to = target.rstrip(".") or ", ".join(value["Value"] for value in one.get("ResourceRecords", ()))
        raise UserError(
            f"addressZone {zone} has a record for {host} already ({one['Type']} to {to}); remove it, or choose another "
            "addressHost."
        )


def _check_certificate(acm: Any, arn: str, host: str) -> None:
    found = _there(lambda: acm.describe_certificate(CertificateArn=arn)["Certificate"])
    if found is None:
        raise UserError(f"addressCertificate {arn} is no certificate of this account; write the ARN of one that is.")
    names: Iterable[str] = dict.fromkeys([found["DomainName"], *found.get("SubjectAlternativeNames", ())])
    if not any(covers(name, host) for name in names):
        raise UserError(
            f"addressCertificate {arn} is for {', '.join(names)}, not for {host}; write the ARN of one that is, or "
            "leave it empty for one of the stack's own."
        )
    if found["Status"] != "ISSUED":
        raise UserError(
            f"addressCertificate {arn} is {found['Status']}, and a load balancer takes one that is ISSUED; "
            "validate it first, or write another."
        )


def _there(ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchHostedZone", "ResourceNotFoundException"):
            return None
        raise
