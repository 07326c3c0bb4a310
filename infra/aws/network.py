"""The VPC that a new cluster lives in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Literal

import pulumi
from pulumi_aws import ec2

from infra.aws import cidr
from infra.aws.endpoints import Endpoints, EndpointsArgs
from infra.settings import NetworkSettings


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What the network is made of; `cluster_name` is for the tags that load balancers look for.

    With `protect` the VPC stays; all else may change with the settings. `services` are the APIs that are asked in a
    network without a way out (`infra.aws.apis.services`).
    """

    network: NetworkSettings
    region: str
    cluster_name: str
    services: Sequence[str] = ()
    protect: bool = False
    tags: Mapping[str, str]


class Network(pulumi.ComponentResource):
    """A VPC with a public and a private subnet in each zone.

    A subnet's id is known only once its route is there, or AWS's endpoints are where it has none, so nothing that is
    given one starts without a way to what it asks, and on destroy the routes go last.
    """

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    private_subnet_ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Network", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=str(args.network.cidr),
            # EKS nodes find the private API endpoint by name.
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=self._tags("vpc"),
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(protect=args.protect)),
        )
        # Named without rules, the group that AWS makes lets nothing in or out.
        ec2.DefaultSecurityGroup(
            f"{name}-default", vpc_id=self._vpc.id, tags=self._tags("default-closed"), opts=self._child
        )
        plans = cidr.plan(args.network.cidr, args.network.zones)
        public = {plan.zone: self._subnet("public", plan.zone, plan.public) for plan in plans}
        private = {plan.zone: self._subnet("private", plan.zone, plan.private) for plan in plans}

        gateway = ec2.InternetGateway(
            f"{name}-internet", vpc_id=self._vpc.id, tags=self._tags("internet"), opts=self._child
        )
        public_table = self._route_table("public")
        public_route = self._default_route("public", public_table, gateway_id=gateway.id)
        nats = self._nat_gateways(public, public_route)
        tables = {zone: self._route_table(f"private-{zone}") for zone in private}
        private_routes = {
            zone: self._default_route(
                f"private-{zone}", table, nat_gateway_id=nats[zone if zone in nats else args.network.zones[0]].id
            )
            for zone, table in tables.items()
            if nats
        }
        endpoints = None if nats else self._endpoints(private)
        # Free, and keeps images and artifacts off the NAT gateway's bill: ECR's layers live in S3.
        ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self._vpc.id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in (public_table, *tables.values())],
            tags=self._tags("s3"),
            opts=self._child,
        )
        self.vpc_id = self._vpc.id
        self.public_subnet_ids = [
            self._routed("public", zone, subnet, public_table, public_route.id) for zone, subnet in public.items()
        ]
        self.private_subnet_ids = [
            self._routed("private", zone, subnet, tables[zone], endpoints.ids if endpoints else private_routes[zone].id)
            for zone, subnet in private.items()
        ]
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )

    def _tags(self, name: str, **more: str) -> dict[str, str]:
        return {**self._args.tags, "Name": f"{self._name}-{name}", **more}

    def _subnet(self, kind: Literal["public", "private"], zone: str, block: IPv4Network) -> ec2.Subnet:
        role = "kubernetes.io/role/elb" if kind == "public" else "kubernetes.io/role/internal-elb"
        return ec2.Subnet(
            f"{self._name}-{kind}-{zone}",
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=str(block),
            # Only load balancers and NAT gateways live in public subnets, and they bring addresses of their own.
            map_public_ip_on_launch=False,
            tags={
                **self._tags(f"{kind}-{zone}"),
                role: "1",
                f"kubernetes.io/cluster/{self._args.cluster_name}": "shared",
            },
            opts=self._child,
        )

    def _nat_gateways(self, public: dict[str, ec2.Subnet], route: ec2.Route) -> dict[str, ec2.NatGateway]:
        # A NAT gateway that starts before its subnet has a way out fails for good.
        child = pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[route]))
        gateways = {}
        for zone in self._args.network.gateway_zones:
            address = ec2.Eip(f"{self._name}-nat-{zone}", domain="vpc", tags=self._tags(f"nat-{zone}"), opts=child)
            gateways[zone] = ec2.NatGateway(
                f"{self._name}-nat-{zone}",
                subnet_id=public[zone].id,
                allocation_id=address.id,
                tags=self._tags(f"nat-{zone}"),
                # An address belongs to one gateway at a time.
                opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(delete_before_replace=True)),
            )
        return gateways

    def _endpoints(self, private: dict[str, ec2.Subnet]) -> Endpoints:
        args = self._args
        return Endpoints(
            self._name,
            EndpointsArgs(
                services=args.services,
                region=args.region,
                vpc_id=self._vpc.id,
                cidr=args.network.cidr,
                subnet_ids=[subnet.id for subnet in private.values()],
                tags=args.tags,
            ),
            self._child,
        )

    def _route_table(self, name: str) -> ec2.RouteTable:
        return ec2.RouteTable(f"{self._name}-{name}", vpc_id=self._vpc.id, tags=self._tags(name), opts=self._child)

    def _default_route(
        self,
        name: str,
        table: ec2.RouteTable,
        *,
        gateway_id: pulumi.Input[str] | None = None,
        nat_gateway_id: pulumi.Input[str] | None = None,
    ) -> ec2.Route:
        return ec2.Route(
            f"{self._name}-{name}-default",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
            opts=self._child,
        )

    def _routed(
        self, kind: str, zone: str, subnet: ec2.Subnet, table: ec2.RouteTable, way_out: pulumi.Output[Any]
    ) -> pulumi.Output[str]:
        association = ec2.RouteTableAssociation(
            f"{self._name}-{kind}-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )
        ids: pulumi.Output[list[str]] = pulumi.Output.all(subnet.id, association.id, way_out)
        return ids.apply(lambda known: known[0])
