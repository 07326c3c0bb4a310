"""RouteTable, Route and RouteTableAssociation."""

from typing import Any
from zlib import crc32

from localcloud.aws.ec2 import api, filters, new_tags, one, retag
from localcloud.aws.names import parameters, properties, tag_map, tagged
from localcloud.aws.session import arn
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

_TARGETS = (
    "carrierGatewayId coreNetworkArn gatewayId localGatewayId natGatewayId networkInterfaceId transitGatewayId "
    "vpcEndpointId vpcPeeringConnectionId"
)
_EGRESS_ONLY = {"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"}
# An inline route names its destination by shorter properties than the Route type does.
_INLINE = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_DESTINATIONS = "destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId"


def _create_table(call: Call) -> str:
    made = api(call).create_route_table(VpcId=call.inputs["vpcId"], **new_tags(call, "route-table"))
    return str(made["RouteTable"]["RouteTableId"])


def _setup_table(call: Call) -> None:
    ec2 = api(call)
    before, after = _by_destination(call.old), _by_destination(call.inputs)
    for destination in before.keys() - after.keys():
        ec2.delete_route(RouteTableId=call.id, **dict([destination]))
    for destination, route in after.items():
        if destination not in before:
            ec2.create_route(RouteTableId=call.id, **route)
        elif before[destination] != route:
            ec2.replace_route(RouteTableId=call.id, **route)


def _by_destination(inputs: Properties) -> dict[tuple[str, str], dict[str, Any]]:
    routes = [parameters(route, _TARGETS, **_INLINE, **_EGRESS_ONLY) for route in inputs.get("routes", [])]
    return {next((name, route[name]) for name in _INLINE.values() if name in route): route for route in routes}


def _read_table(call: Call) -> Properties | None:
    table = one(api(call).describe_route_tables(RouteTableIds=[call.id]), "RouteTables")
    if table is None:
        return None
    live = {
        **properties(table, "vpcId ownerId"),
        **tagged(tag_map(table.get("Tags"))),
        "arn": arn(call, "ec2", f"route-table/{call.id}"),
    }
    # Routes that Route resources made belong to them: the list is this table's only when the program states it.
    if call.inputs.get("routes"):
        added = [
            route
            for route in table["Routes"]
            # A gateway endpoint adds routes of its own.
            if route.get("Origin") == "CreateRoute" and not route.get("GatewayId", "").startswith("vpce-")
        ]
        live["routes"] = [properties(route, _TARGETS, **_INLINE, **_EGRESS_ONLY) for route in added]
    return live


def _create_route(call: Call) -> str:
    wanted = parameters(call.inputs, f"routeTableId {_DESTINATIONS} {_TARGETS}", **_EGRESS_ONLY)
    api(call).create_route(**wanted)
    return _route_id(call.inputs)


def _route_id(inputs: Properties) -> str:
    """The official provider's id: `r-`, the table, and a hash of the destination (Go's String, a CRC-32)."""
    destination = next(inputs[name] for name in _DESTINATIONS.split() if inputs.get(name))
    return f"r-{inputs['routeTableId']}{crc32(destination.encode())}"


def _setup_route(call: Call) -> None:
    if call.old:
        api(call).replace_route(**parameters(call.inputs, f"routeTableId {_DESTINATIONS} {_TARGETS}", **_EGRESS_ONLY))


def _read_route(call: Call) -> Properties | None:
    known = call.inputs or call.state
    if not known and "_" in call.id:  # an import names the route TABLE_DESTINATION
        table_id, _, destination = call.id.partition("_")
    else:
        table_id = known["routeTableId"]
        destination = next(known[name] for name in _DESTINATIONS.split() if known.get(name))
    table = one(api(call).describe_route_tables(RouteTableIds=[table_id]), "RouteTables")
    for route in table["Routes"] if table else []:
        if destination in (route.get(name[0].upper() + name[1:]) for name in _DESTINATIONS.split()):
            live = properties(route, f"{_DESTINATIONS} {_TARGETS} state origin", **_EGRESS_ONLY)
            return {"routeTableId": table_id, **live}
    return None


def _delete_route(call: Call) -> None:
    api(call).delete_route(**parameters(call.inputs, f"routeTableId {_DESTINATIONS}"))


def _create_association(call: Call) -> str:
    made = api(call).associate_route_table(**parameters(call.inputs, "routeTableId subnetId gatewayId"))
    return str(made["AssociationId"])


def _read_association(call: Call) -> Properties | None:
    # The id changes in the cloud when the table does; the subnet or gateway finds it again.
    known = call.inputs or call.state
    if known.get("subnetId"):
        search = filters({"association.subnet-id": known["subnetId"]})
    elif known.get("gatewayId"):
        search = filters({"association.gateway-id": known["gatewayId"]})
    else:
        search = filters({"association.route-table-association-id": call.id})
    for table in api(call).describe_route_tables(Filters=search)["RouteTables"]:
        for association in table["Associations"]:
            mine = association["RouteTableAssociationId"] == call.id
            same = known and all(
                association.get(parameter) == known.get(name)
                for name, parameter in (("subnetId", "SubnetId"), ("gatewayId", "GatewayId"))
            )
            if mine or (same and not association.get("Main")):
                return properties(association, "routeTableId subnetId gatewayId")
    return None


def _setup_association(call: Call) -> None:
    if call.old and call.changed("routeTableId"):
        api(call).replace_route_table_association(
            AssociationId=_current_association(call), RouteTableId=call.inputs["routeTableId"]
        )


def _delete_association(call: Call) -> None:
    api(call).disassociate_route_table(AssociationId=_current_association(call))


def _current_association(call: Call) -> str:
    """The association's id in the cloud: replacing the table gives it a new one, and ids cannot change in a stack."""
    if call.old.get("subnetId"):
        for table in api(call).describe_route_tables(Filters=filters({"association.subnet-id": call.old["subnetId"]}))[
            "RouteTables"
        ]:
            for association in table["Associations"]:
                if association.get("SubnetId") == call.old["subnetId"]:
                    return str(association["RouteTableAssociationId"])
    return call.id


KINDS = [
    Kind(
        token="aws:ec2/routeTable:RouteTable",
        create=_create_table,
        setup=_setup_table,
        read=_read_table,
        retag=retag,
        delete=lambda call: api(call).delete_route_table(RouteTableId=call.id),
        replaces=names("vpcId"),
        computed=names("routes propagatingVgws"),
        unordered=names("routes propagatingVgws"),
    ),
    Kind(
        token="aws:ec2/route:Route",
        create=_create_route,
        setup=_setup_route,
        read=_read_route,
        delete=_delete_route,
        replaces=names(f"routeTableId {_DESTINATIONS}"),
        delete_before_replace=True,
    ),
    Kind(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        create=_create_association,
        setup=_setup_association,
        read=_read_association,
        delete=_delete_association,
        replaces=names("subnetId gatewayId"),
    ),
]
