"""The ways to AWS of a network without a way out: in each private subnet an endpoint of each API that is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi_aws import ec2

from infra.aws import apis

_PORT = 443


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """Which APIs (`services`) are reached from where; whoever is in the VPC, of the block `cidr`, may ask."""

    services: Sequence[str]
    region: str
    vpc_id: pulumi.Input[str]
    cidr: IPv4Network
    subnet_ids: Sequence[pulumi.Input[str]]
    tags: Mapping[str, str]


class Endpoints(pulumi.ComponentResource):
    """Interface endpoints behind one security group; `ids` are known once all of them answer."""

    ids: pulumi.Output[list[str]]

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Endpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = ec2.SecurityGroup(
            f"{name}-endpoints",
            description=f"APIs of AWS for whoever is in the VPC of {name}",
            vpc_id=args.vpc_id,
            ingress=[
                ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=_PORT, to_port=_PORT, cidr_blocks=[str(args.cidr)]
                )
            ],
            tags={**args.tags, "Name": f"{name}-endpoints"},
            opts=child,
        )
        made = [
            ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=args.vpc_id,
                service_name=apis.endpoint_service(args.region, service),
                vpc_endpoint_type="Interface",
                # So the API's own name leads there.
                private_dns_enabled=True,
                subnet_ids=list(args.subnet_ids),
                security_group_ids=[group.id],
                tags={**args.tags, "Name": f"{name}-{service}"},
                opts=child,
            )
            for service in args.services
        ]
        self.ids = pulumi.Output.all(*(one.id for one in made))
        self.register_outputs({"ids": self.ids})
