"""Where people open the platform: a load balancer that speaks HTTPS, its certificate, and the host's record."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_eks
from pulumi_aws import acm, autoscaling, ec2, lb, route53

from infra.aws import hosts
from infra.aws.cluster import Cluster
from infra.aws.network import Network
from infra.aws.storage import Storage
from infra.settings import AddressSettings

# TLS 1.3, and of 1.2 what keeps old recordings closed (Elastic Load Balancing, "Security policies for your ALB").
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

# A year, as browsers' lists of such hosts ask for; of the names below the host nobody here knows.
STRICT_TRANSPORT = "max-age=31536000"

# Seconds that a connection may say nothing, of at most 4,000: a notebook's websocket is quiet while a cell computes.
IDLE_S = 3600

LOGS = "access-logs"
"""The prefix of the load balancer's logs in the stack's bucket."""

HTTP, HTTPS = 80, 443


@dataclass(frozen=True, kw_only=True)
class AddressArgs:
    """What people connect to, and the node ports behind it: of the gateway, and of its readiness at `health_path`."""

    address: AddressSettings
    network: Network
    cluster: Cluster
    storage: Storage
    port: int
    health_port: int
    health_path: str
    tags: Mapping[str, str]


class Address(pulumi.ComponentResource):
    """An ALB before the gateway of the stack's own cluster.

    It takes HTTPS, sends HTTP there, and reaches two ports of the nodes and nothing else.
    """

    arn: pulumi.Output[str]
    """The load balancer's: what a web ACL is associated with."""
    dns_name: pulumi.Output[str]
    """The load balancer's own name, which the host's record leads to."""
    certificate_arn: pulumi.Input[str]
    records: list[pulumi.Output[str]]
    """The records that somebody has to make, in words; none where the stack makes them in its zone."""

    def __init__(self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Address", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = dict(args.tags)
        balancer = self._load_balancer(self._ways_in())
        self.certificate_arn = self._certificate()
        self._listeners(balancer, self._target_group(), self.certificate_arn)
        self.arn, self.dns_name = balancer.arn, balancer.dns_name
        self.records = self._records(balancer)
        self.register_outputs({"arn": self.arn, "dns_name": self.dns_name})

    def _ways_in(self) -> ec2.SecurityGroup:
        """Who reaches the load balancer, and what it reaches."""
        args, nodes = self._args, self._args.cluster.security_group_id
        ports = (("the gateway", args.port), ("its readiness", args.health_port))
        group = ec2.SecurityGroup(
            f"{self._name}-address",
            # What is said here cannot change, and the host may.
            description=f"People who open {self._name}",
            vpc_id=args.network.vpc_id,
            ingress=[
                ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=port, to_port=port, cidr_blocks=list(args.address.cidrs)
                )
                for port in (HTTPS, HTTP)
            ],
            egress=[
                ec2.SecurityGroupEgressArgs(protocol="tcp", from_port=port, to_port=port, security_groups=[nodes])
                for _, port in ports
            ],
            tags={**self._tags, "Name": f"{self._name}-address"},
            opts=self._child,
        )
        for what, port in ports:
            ec2.SecurityGroupRule(
                f"{self._name}-address-{port}",
                type="ingress",
                security_group_id=nodes,
                source_security_group_id=group.id,
                protocol="tcp",
                from_port=port,
                to_port=port,
                description=f"The load balancer to {what}",
                opts=self._child,
            )
        return group

    def _load_balancer(self, group: ec2.SecurityGroup) -> lb.LoadBalancer:
        args = self._args
        internal = args.address.scheme == "internal"
        return lb.LoadBalancer(
            hosts.balancer_name(self._name),
            load_balancer_type="application",
            internal=internal,
            subnets=args.network.private_subnet_ids if internal else args.network.public_subnet_ids,
            security_groups=[group.id],
            idle_timeout=IDLE_S,
            drop_invalid_header_fields=True,
            access_logs=lb.LoadBalancerAccessLogsArgs(bucket=args.storage.bucket, prefix=LOGS, enabled=True),
            tags=self._tags,
            # ELB writes to the bucket at once, to see whether it may.
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[args.storage.policy])),
        )

    def _target_group(self) -> lb.TargetGroup:
        """The base group's nodes: each passes on to a gateway wherever that runs, so all are well while one is.

        Nodes of pools may be gone in two minutes, and a connection with its node.
        """
        args = self._args
        group = lb.TargetGroup(
            hosts.target_group_name(self._name),
            vpc_id=args.network.vpc_id,
            target_type="instance",
            protocol="HTTP",
            port=args.port,
            health_check=lb.TargetGroupHealthCheckArgs(
                protocol="HTTP",
                port=str(args.health_port),
                path=args.health_path,
                matcher="200",
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=2,
            ),
            tags=self._tags,
            opts=self._child,
        )
        autoscaling.Attachment(
            f"{self._name}-address",
            autoscaling_group_name=autoscaling_group(args.cluster.base_nodes),
            lb_target_group_arn=group.arn,
            opts=self._child,
        )
        return group

    def _certificate(self) -> pulumi.Input[str]:
        """The ARN of a certificate that is issued."""
        address, name = self._args.address, f"{self._name}-address"
        if address.certificate is not None:
            return address.certificate
        assert address.zone is not None, "settings without a certificate have a zone"
        made = acm.Certificate(
            name,
            domain_name=address.host,
            validation_method="DNS",
            tags=self._tags,
            opts=self._child,
        )
        asked = made.domain_validation_options.apply(lambda options: options[0])
        record = route53.Record(
            f"{name}-validation",
            zone_id=address.zone,
            name=asked.resource_record_name,
            type=asked.resource_record_type,
            records=[asked.resource_record_value],
            ttl=300,
            # ACM asks for the same record for each certificate of an account for a host.
            allow_overwrite=True,
            opts=self._child,
        )
        issued = acm.CertificateValidation(
            name, certificate_arn=made.arn, validation_record_fqdns=[record.fqdn], opts=self._child
        )
        arn: pulumi.Output[str] = issued.certificate_arn
        return arn

    def _listeners(self, balancer: lb.LoadBalancer, group: lb.TargetGroup, certificate: pulumi.Input[str]) -> None:
        lb.Listener(
            f"{self._name}-https",
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate,
            default_actions=[lb.ListenerDefaultActionArgs(type="forward", target_group_arn=group.arn)],
            routing_http_response_strict_transport_security_header_value=STRICT_TRANSPORT,
            routing_http_response_server_enabled=False,
            tags=self._tags,
            # A target group belongs to one load balancer at a time, also while that is replaced (addressScheme).
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(delete_before_replace=True)),
        )
        lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[
                lb.ListenerDefaultActionArgs(
                    type="redirect",
                    redirect=lb.ListenerDefaultActionRedirectArgs(
                        protocol="HTTPS", port=str(HTTPS), status_code="HTTP_301"
                    ),
                )
            ],
            tags=self._tags,
            opts=self._child,
        )

    def _records(self, balancer: lb.LoadBalancer) -> list[pulumi.Output[str]]:
        address = self._args.address
        if address.zone is None:
            return [balancer.dns_name.apply(lambda target: f"{address.host} CNAME {target}")]
        route53.Record(
            f"{self._name}-address",
            zone_id=address.zone,
            name=address.host,
            type="A",
            aliases=[
                route53.RecordAliasArgs(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False)
            ],
            opts=self._child,
        )
        return []


def autoscaling_group(nodes: pulumi_eks.ManagedNodeGroup) -> pulumi.Output[str]:
    """The name of the autoscaling group that EKS makes for a node group."""
    name: pulumi.Output[str] = nodes.node_group.apply(lambda group: group.resources).apply(
        lambda found: found[0].autoscaling_groups[0].name
    )
    return name
