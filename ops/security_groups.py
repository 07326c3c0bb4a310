"""Security groups on their way out: what still uses them, and the rules by which they hold each other."""

import time
from collections.abc import Callable, Sequence
from typing import Any

_POLL_S = 2.0


def in_use(client: Callable[[str], Any], groups: Sequence[str], end: float) -> dict[str, str]:
    """For each of these groups that is in use at the `end`, one interface; a load balancer's goes a while after it."""
    while groups:
        filters = [{"Name": "group-id", "Values": list(groups)}]
        used = {
            group["GroupId"]: str(one["NetworkInterfaceId"])
            for page in client("ec2").get_paginator("describe_network_interfaces").paginate(Filters=filters)
            for one in page["NetworkInterfaces"]
            for group in one["Groups"]
        }
        if not used or time.monotonic() > end:
            return used
        time.sleep(_POLL_S)
    return {}


def unlink(client: Callable[[str], Any], groups: Sequence[str]) -> None:
    """Take the rules off security groups: two that name each other can be deleted in no order."""
    if not groups:
        return
    ec2 = client("ec2")
    for group in ec2.describe_security_groups(GroupIds=list(groups))["SecurityGroups"]:
        if group["IpPermissions"]:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        if group["IpPermissionsEgress"]:
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
