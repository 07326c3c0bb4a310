"""Network interfaces that AWS's services keep in a VPC: what holds its subnets and security groups."""

from collections.abc import Sequence

from ministack.services import ec2


def add(subnet: str, description: str, groups: Sequence[str] = ()) -> str:
    """Put an interface into a subnet, and return its id."""
    wanted = {"SubnetId": [subnet], "Description": [description]}
    wanted |= {f"SecurityGroupId.{number}": [group] for number, group in enumerate(groups, 1)}
    before = set(ec2._network_interfaces.keys())
    ec2._create_network_interface(wanted)
    [made] = set(ec2._network_interfaces.keys()) - before
    interface = ec2._network_interfaces[made]
    interface["Status"] = "in-use"
    if not groups:
        interface["Groups"] = []
    return str(made)


def remove(description: str) -> None:
    """Take away all interfaces with this description."""
    for id_ in described(description):
        del ec2._network_interfaces[id_]


def described(description: str) -> list[str]:
    """The ids of all interfaces with this description."""
    return [id_ for id_, one in ec2._network_interfaces.items() if one["Description"] == description]


def in_subnet(subnet: str) -> bool:
    """Whether a subnet has an interface."""
    return any(one["SubnetId"] == subnet for one in ec2._network_interfaces.values())


def in_vpc(vpc: str) -> bool:
    """Whether a VPC has an interface."""
    return any(one["VpcId"] == vpc for one in ec2._network_interfaces.values())


def with_group(group: str) -> bool:
    """Whether an interface has a security group."""
    return any(group in (of["GroupId"] for of in one["Groups"]) for one in ec2._network_interfaces.values())
