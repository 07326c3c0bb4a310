"""`make leftovers`: what a stack's cluster made in AWS and still exists, what it costs, and its deletion.

Found by tags, so it needs no state: load balancers, endpoints, network interfaces, volumes, their snapshots, addresses,
security groups; the first three and the last also by the stack's VPC, for not all of them carry tags; log groups by
their name, which holds the cluster's. What a destroy keeps on purpose is listed, and left alone.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops import eks, prices, security_groups
from ops.leftovers import stored
from ops.leftovers.owner import Client, Leftover, Owner, Place, pages
from ordering.errors import UserError

__all__ = ["Client", "Leftover", "Owner", "Place", "check_gone", "delete", "find"]

# On-demand list prices of us-west-2, in USD, without what traffic costs.
CLASSIC_LOAD_BALANCER_HOUR = Decimal("0.025")
LOGS_GB_MONTH = Decimal("0.03")

PATIENCE_S = 600.0
"""Seconds that network interfaces may take to come free: two minutes after a load balancer, five to ten after an
endpoint."""

_POLL_S = 2.0
_TAGS_AT_ONCE = 20

_GOING = frozenset({"deleting", "deleted"})

_OF_THEIR_OWN = frozenset({"interface", "load_balancer", "network_load_balancer", "branch", "trunk"})
"""Types of interfaces that a cluster leaves; others are parts of something in the state."""


def find(client: Client, owner: Owner, *, known: Collection[str] = ()) -> list[Leftover]:
    """What exists, in the order in which it can be deleted; without what has one of the `known` ids.

    UserError when AWS refuses to tell.
    """
    try:
        place = Place(owner, frozenset(_vpcs(client, owner)))
        return [one for finder in _FINDERS for one in finder(client, place) if one.id not in known]
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS does not say what is left: {error}") from None


def check_gone(client: Client, owner: Owner) -> None:
    """UserError unless EKS says that there is no such cluster: what is found is then of nobody that lives.

    A state says less: it may be in another backend than the one that this shell names.
    """
    try:
        status = eks.status(client, owner.cluster)
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"EKS does not say whether {owner.cluster} is gone ({error}): nothing was deleted.") from None
    if status is not None:
        raise UserError(
            f"The cluster {owner.cluster} is in EKS ({status}), and these may be in use: nothing was deleted; run "
            f"`make destroy STACK={owner.stack}` in a shell whose backend has the stack's state, or delete the cluster."
        )


def delete(client: Client, left: Sequence[Leftover], *, patience: float = PATIENCE_S) -> list[tuple[Leftover, str]]:
    """Delete all of it but what is kept on purpose.

    What cannot be deleted comes back with the reason, and stops nothing else. A security group that an interface uses
    is not touched.
    """
    failed: list[tuple[Leftover, str]] = []
    end = time.monotonic() + patience
    groups = [one for one in left if one.kind == "security group"]
    for one in left:
        if one.kept or one in groups:
            continue
        try:
            _DELETE[one.kind](client, one.id, end)
        except (ClientError, BotoCoreError) as error:
            if not _is_gone(error):
                failed.append((one, str(error)))
    used = security_groups.in_use(client, [one.id for one in groups], end)
    failed += [(one, f"{used[one.id]} uses it") for one in groups if one.id in used]
    free = [one for one in groups if one.id not in used]
    security_groups.unlink(client, [one.id for one in free])
    for one in free:
        try:
            client("ec2").delete_security_group(GroupId=one.id)
        except (ClientError, BotoCoreError) as error:
            if not _is_gone(error):
                failed.append((one, str(error)))
    return failed


def _vpcs(client: Client, owner: Owner) -> Iterator[str]:
    filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in owner.marks[-1].items()]
    for one in pages(client("ec2"), "describe_vpcs", "Vpcs", Filters=filters):
        yield one["VpcId"]


def _load_balancers(client: Client, place: Place) -> Iterator[Leftover]:
    elb = client("elbv2")
    found = {one["LoadBalancerArn"]: one for one in pages(elb, "describe_load_balancers", "LoadBalancers")}
    for arns in _batches(list(found)):
        for told in elb.describe_tags(ResourceArns=arns)["TagDescriptions"]:
            one = found[told["ResourceArn"]]
            if place.owner.owns(told["Tags"]) or one.get("VpcId") in place.vpcs:
                yield Leftover(
                    kind="load balancer",
                    id=one["LoadBalancerArn"],
                    what=f"{one['LoadBalancerName']} ({one['Type']})",
                    monthly=prices.BALANCER_HOUR * prices.HOURS,
                )


def _classic_load_balancers(client: Client, place: Place) -> Iterator[Leftover]:
    elb = client("elb")
    listed = pages(elb, "describe_load_balancers", "LoadBalancerDescriptions")
    vpcs = {one["LoadBalancerName"]: one.get("VPCId") for one in listed}
    for batch in _batches(list(vpcs)):
        for told in elb.describe_tags(LoadBalancerNames=batch)["TagDescriptions"]:
            if place.owner.owns(told["Tags"]) or vpcs[told["LoadBalancerName"]] in place.vpcs:
                yield Leftover(
                    kind="classic load balancer",
                    id=told["LoadBalancerName"],
                    what=told["LoadBalancerName"],
                    monthly=CLASSIC_LOAD_BALANCER_HOUR * prices.HOURS,
                )


def _endpoints(client: Client, place: Place) -> Iterator[Leftover]:
    """Those that AWS puts into a VPC by itself, such as GuardDuty's of runtime monitoring (GuardDuty user guide, "Using
    shared VPC with Runtime Monitoring"), hold its subnets like the stack's own."""
    for one in pages(client("ec2"), "describe_vpc_endpoints", "VpcEndpoints"):
        ours = one["VpcId"] in place.vpcs or place.owner.owns(one.get("Tags", []))
        if ours and one["State"].lower() not in _GOING:
            zones = len(one.get("SubnetIds", []))
            yield Leftover(
                kind="endpoint",
                id=one["VpcEndpointId"],
                what=one["ServiceName"],
                monthly=zones * prices.ENDPOINT_HOUR * prices.HOURS,
            )


def _interfaces(client: Client, place: Place) -> Iterator[Leftover]:
    for one in _found(client, place, "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"):
        if one.get("InterfaceType", "interface") not in _OF_THEIR_OWN:
            continue  # such as a NAT gateway's, with which it goes
        what = f"{one['Status']}, {one.get('Description') or 'no description'}"
        yield Leftover(kind="network interface", id=one["NetworkInterfaceId"], what=what)


def _addresses(client: Client, place: Place) -> Iterator[Leftover]:
    # This one call has no pages.
    for one in client("ec2").describe_addresses()["Addresses"]:
        if place.owner.owns(one.get("Tags", [])):
            cost = prices.ADDRESS_HOUR * prices.HOURS
            yield Leftover(kind="elastic IP", id=one["AllocationId"], what=one["PublicIp"], monthly=cost)


def _volumes(client: Client, place: Place) -> Iterator[Leftover]:
    for one in _tagged(client, place.owner, "describe_volumes", "Volumes", "VolumeId"):
        claim = next((tag["Value"] for tag in one["Tags"] if tag["Key"] == "kubernetes.io/created-for/pvc/name"), "")
        yield Leftover(
            kind="volume",
            id=one["VolumeId"],
            what=f"{one['Size']} GiB of {one['VolumeType']}, {one['State']}{f', of claim {claim}' if claim else ''}",
            monthly=one["Size"] * prices.GP3_GIB_MONTH,
        )


def _volume_snapshots(client: Client, place: Place) -> Iterator[Leftover]:
    """Those that the volume driver took; AWS Backup's have its own tag beside their volumes', and go with its vault."""
    for one in _tagged(client, place.owner, "describe_snapshots", "Snapshots", "SnapshotId", OwnerIds=["self"]):
        if not any(tag["Key"].startswith("aws:backup:") for tag in one["Tags"]):
            yield Leftover(
                kind="volume snapshot",
                id=one["SnapshotId"],
                what=f"of a volume of {one['VolumeSize']} GiB, {one['StartTime']:%Y-%m-%d}",
                monthly=one["VolumeSize"] * prices.BACKUP_GB_MONTH,
            )


def _groups(client: Client, place: Place) -> Iterator[Leftover]:
    for one in _found(client, place, "describe_security_groups", "SecurityGroups", "GroupId"):
        if one["GroupName"] != "default":  # goes with its VPC, and only so
            yield Leftover(kind="security group", id=one["GroupId"], what=one["GroupName"])


def _logs(client: Client, place: Place) -> Iterator[Leftover]:
    for service in ("eks", "containerinsights"):
        prefix = f"/aws/{service}/{place.owner.cluster}/"
        for one in pages(client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            stored = Decimal(one.get("storedBytes", 0)) / 10**9
            yield Leftover(
                kind="log group",
                id=one["logGroupName"],
                what=f"{stored:.1f} GB",
                monthly=stored * LOGS_GB_MONTH,
            )


_FINDERS: tuple[Callable[[Client, Place], Iterable[Leftover]], ...] = (
    _load_balancers,
    _classic_load_balancers,
    _endpoints,
    _interfaces,
    _addresses,
    _volumes,
    _volume_snapshots,
    _groups,
    _logs,
    stored.buckets,
    stored.repositories,
    stored.file_systems,
    stored.database_snapshots,
    stored.backups,
)


def _found(client: Client, place: Place, method: str, key: str, id_key: str) -> list[dict[str, Any]]:
    """What has one of the tags, or is in one of the VPCs."""
    found = {one[id_key]: one for one in _tagged(client, place.owner, method, key, id_key)}
    if place.vpcs:
        inside = [{"Name": "vpc-id", "Values": sorted(place.vpcs)}]
        found |= {one[id_key]: one for one in pages(client("ec2"), method, key, Filters=inside)}
    return list(found.values())


def _tagged(client: Client, owner: Owner, method: str, key: str, id_key: str, **arguments: Any) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for mark in owner.marks:
        filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in mark.items()]
        found |= {one[id_key]: one for one in pages(client("ec2"), method, key, Filters=filters, **arguments)}
    return list(found.values())


def _batches(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _TAGS_AT_ONCE):
        yield items[start : start + _TAGS_AT_ONCE]


def _delete_interface(client: Client, id_: str, end: float) -> None:
    """Delete an interface once nothing has it: after its load balancer it comes free, or goes, by itself."""
    ec2, only = client("ec2"), [{"Name": "network-interface-id", "Values": [id_]}]
    while time.monotonic() < end:
        found = ec2.describe_network_interfaces(Filters=only)["NetworkInterfaces"]
        if not found:
            return
        if found[0]["Status"] == "available":
            break
        time.sleep(_POLL_S)
    ec2.delete_network_interface(NetworkInterfaceId=id_)


def _delete_endpoint(client: Client, id_: str, _: float) -> None:
    """Delete an endpoint; ClientError where EC2 refuses, which it says within an answer of 200."""
    for one in client("ec2").delete_vpc_endpoints(VpcEndpointIds=[id_]).get("Unsuccessful", ()):
        raise ClientError({"Error": one["Error"]}, "DeleteVpcEndpoints")


_DELETE: dict[str, Callable[[Client, str, float], object]] = {
    "load balancer": lambda client, id_, _: client("elbv2").delete_load_balancer(LoadBalancerArn=id_),
    "classic load balancer": lambda client, id_, _: client("elb").delete_load_balancer(LoadBalancerName=id_),
    "endpoint": _delete_endpoint,
    "network interface": _delete_interface,
    "elastic IP": lambda client, id_, _: client("ec2").release_address(AllocationId=id_),
    "volume": lambda client, id_, _: client("ec2").delete_volume(VolumeId=id_),
    "volume snapshot": lambda client, id_, _: client("ec2").delete_snapshot(SnapshotId=id_),
    "log group": lambda client, id_, _: client("logs").delete_log_group(logGroupName=id_),
    stored.FETCHED: lambda client, id_, _: client("ecr").delete_repository(repositoryName=id_, force=True),
}


def _is_gone(error: ClientError | BotoCoreError) -> bool:
    if not isinstance(error, ClientError):
        return False
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code.endswith((".NotFound", "NotFoundException")) or code == "LoadBalancerNotFound"
