"""`make leftovers`: what a stack's cluster made in AWS and still exists, what it costs, and its deletion.

Found by tags, so it needs no state: load balancers, network interfaces, volumes, addresses, security groups; log groups
by their name, which holds the cluster's.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import UserError
from ops import prices

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's account and region."""

# On-demand list prices of us-west-2, in USD, without what traffic costs.
LOAD_BALANCER_HOUR = Decimal("0.0225")
CLASSIC_LOAD_BALANCER_HOUR = Decimal("0.025")
LOGS_GB_MONTH = Decimal("0.03")

PATIENCE_S = 120.0
"""Seconds that network interfaces may take to come free after their load balancer is gone."""

_POLL_S = 2.0
_TAGS_AT_ONCE = 20


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something that exists: its id, which AWS needs to delete it, what it is, and its price in USD a month."""

    kind: str
    id: str
    what: str
    monthly: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose things are looked for: a stack, and the cluster that it made."""

    project: str
    stack: str
    cluster: str

    @property
    def marks(self) -> list[dict[str, str]]:
        """Tags of which each set says so: by the cloud controller and the volume driver, the load balancer controller,
        the network plugin, and the stack itself."""
        return [
            {f"kubernetes.io/cluster/{self.cluster}": "owned"},
            {"elbv2.k8s.aws/cluster": self.cluster},
            {"cluster.k8s.amazonaws.com/name": self.cluster},
            {"pulumi:project": self.project, "pulumi:stack": self.stack},
        ]

    def owns(self, tags: Iterable[Mapping[str, str]]) -> bool:
        """Whether tags, as AWS lists them, have one of the marks."""
        given = {tag["Key"]: tag["Value"] for tag in tags}
        return any(mark.items() <= given.items() for mark in self.marks)


def find(client: Client, owner: Owner, *, known: Collection[str] = ()) -> list[Leftover]:
    """What exists, in the order in which it can be deleted; without what has one of the `known` ids.

    UserError when AWS refuses to tell.
    """
    finders = (_load_balancers, _classic_load_balancers, _interfaces, _addresses, _volumes, _groups, _logs)
    try:
        return [one for finder in finders for one in finder(client, owner) if one.id not in known]
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS does not say what is left: {error}") from None


def delete(client: Client, left: Sequence[Leftover], *, patience: float = PATIENCE_S) -> list[tuple[Leftover, str]]:
    """Delete all of it; what cannot be deleted comes back with AWS's reason, and stops nothing else."""
    failed = []
    _unlink(client, [one.id for one in left if one.kind == "security group"])
    for one in left:
        try:
            _DELETE[one.kind](client, one.id, patience)
        except (ClientError, BotoCoreError) as error:
            if not _is_gone(error):
                failed.append((one, str(error)))
    return failed


def _load_balancers(client: Client, owner: Owner) -> Iterator[Leftover]:
    elb = client("elbv2")
    found = {one["LoadBalancerArn"]: one for one in _all(elb, "describe_load_balancers", "LoadBalancers")}
    for arns in _batches(list(found)):
        for told in elb.describe_tags(ResourceArns=arns)["TagDescriptions"]:
            if owner.owns(told["Tags"]):
                one = found[told["ResourceArn"]]
                yield Leftover(
                    kind="load balancer",
                    id=one["LoadBalancerArn"],
                    what=f"{one['LoadBalancerName']} ({one['Type']})",
                    monthly=LOAD_BALANCER_HOUR * prices.HOURS,
                )


def _classic_load_balancers(client: Client, owner: Owner) -> Iterator[Leftover]:
    elb = client("elb")
    names = [one["LoadBalancerName"] for one in _all(elb, "describe_load_balancers", "LoadBalancerDescriptions")]
    for batch in _batches(names):
        for told in elb.describe_tags(LoadBalancerNames=batch)["TagDescriptions"]:
            if owner.owns(told["Tags"]):
                yield Leftover(
                    kind="classic load balancer",
                    id=told["LoadBalancerName"],
                    what=told["LoadBalancerName"],
                    monthly=CLASSIC_LOAD_BALANCER_HOUR * prices.HOURS,
                )


def _interfaces(client: Client, owner: Owner) -> Iterator[Leftover]:
    for one in _tagged(client, owner, "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"):
        what = f"{one['Status']}, {one.get('Description') or 'no description'}"
        yield Leftover(kind="network interface", id=one["NetworkInterfaceId"], what=what)


def _addresses(client: Client, owner: Owner) -> Iterator[Leftover]:
    # This one call has no pages.
    for one in client("ec2").describe_addresses()["Addresses"]:
        if owner.owns(one.get("Tags", [])):
            cost = prices.ADDRESS_HOUR * prices.HOURS
            yield Leftover(kind="elastic IP", id=one["AllocationId"], what=one["PublicIp"], monthly=cost)


def _volumes(client: Client, owner: Owner) -> Iterator[Leftover]:
    for one in _tagged(client, owner, "describe_volumes", "Volumes", "VolumeId"):
        claim = next((tag["Value"] for tag in one["Tags"] if tag["Key"] == "kubernetes.io/created-for/pvc/name"), "")
        yield Leftover(
            kind="volume",
            id=one["VolumeId"],
            what=f"{one['Size']} GiB of {one['VolumeType']}, {one['State']}{f', of claim {claim}' if claim else ''}",
            monthly=one["Size"] * prices.GP3_GIB_MONTH,
        )


def _groups(client: Client, owner: Owner) -> Iterator[Leftover]:
    for one in _tagged(client, owner, "describe_security_groups", "SecurityGroups", "GroupId"):
        if one["GroupName"] != "default":  # goes with its VPC, and only so
            yield Leftover(kind="security group", id=one["GroupId"], what=one["GroupName"])


def _logs(client: Client, owner: Owner) -> Iterator[Leftover]:
    for service in ("eks", "containerinsights"):
        prefix = f"/aws/{service}/{owner.cluster}/"
        for one in _all(client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            stored = Decimal(one.get("storedBytes", 0)) / 10**9
            yield Leftover(
                kind="log group",
                id=one["logGroupName"],
                what=f"{stored:.1f} GB",
                monthly=stored * LOGS_GB_MONTH,
            )


def _tagged(client: Client, owner: Owner, method: str, key: str, id_key: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for mark in owner.marks:
        filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in mark.items()]
        found |= {one[id_key]: one for one in _all(client("ec2"), method, key, Filters=filters)}
    return list(found.values())


def _all(service: Any, method: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in service.get_paginator(method).paginate(**arguments):
        yield from page.get(key, ())  # the laptop's AWS knows no classic load balancers


def _batches(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _TAGS_AT_ONCE):
        yield items[start : start + _TAGS_AT_ONCE]


def _unlink(client: Client, groups: Sequence[str]) -> None:
    """Take the rules off security groups: two that name each other can be deleted in no order."""
    if not groups:
        return
    ec2 = client("ec2")
    for group in ec2.describe_security_groups(GroupIds=list(groups))["SecurityGroups"]:
        if group["IpPermissions"]:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        if group["IpPermissionsEgress"]:
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])


def _delete_interface(client: Client, id_: str, patience: float) -> None:
    """Delete an interface once nothing has it: after its load balancer it comes free, or goes, by itself."""
    ec2 = client("ec2")
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if ec2.describe_network_interfaces(NetworkInterfaceIds=[id_])["NetworkInterfaces"][0]["Status"] == "available":
            break
        time.sleep(_POLL_S)
    ec2.delete_network_interface(NetworkInterfaceId=id_)


_DELETE: dict[str, Callable[[Client, str, float], object]] = {
    "load balancer": lambda client, id_, _: client("elbv2").delete_load_balancer(LoadBalancerArn=id_),
    "classic load balancer": lambda client, id_, _: client("elb").delete_load_balancer(LoadBalancerName=id_),
    "network interface": _delete_interface,
    "elastic IP": lambda client, id_, _: client("ec2").release_address(AllocationId=id_),
    "volume": lambda client, id_, _: client("ec2").delete_volume(VolumeId=id_),
    "security group": lambda client, id_, _: client("ec2").delete_security_group(GroupId=id_),
    "log group": lambda client, id_, _: client("logs").delete_log_group(logGroupName=id_),
}


def _is_gone(error: ClientError | BotoCoreError) -> bool:
    if not isinstance(error, ClientError):
        return False
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code.endswith((".NotFound", "NotFoundException")) or code == "LoadBalancerNotFound"
