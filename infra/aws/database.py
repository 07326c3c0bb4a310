"""The managed database of Pipelines and Katib: RDS for MySQL in the stack's own network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ec2, rds

from infra.aws import kept
from infra.aws.database_size import GROWS
from infra.settings import DatabaseSettings
from infra.settings.database import LARGEST_GIB

PORT = 3306
ENGINE, FAMILY, VERSION = "mysql", "mysql8.4", "8.4"
ADMINISTRATOR = "kubeflow"
STORAGE = "gp3"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the server's. One that counts only from its start is `static`."""

    name: str
    value: str
    static: bool = False


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """Where the database is reached from, and whether its data outlives the stack.

    `group_id` is the security group of the cluster's nodes and pods, `subnet_ids` are one for each zone. `kept` is the
    snapshot that an earlier life left, `last` the name of the one that this life would leave; with less than
    `least_gib` it cannot begin. `parameters` are set beside the one that demands TLS.
    """

    database: DatabaseSettings
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    group_id: pulumi.Input[str]
    password: pulumi.Input[str]
    on_destroy: Literal["keep", "empty"]
    kept: str | None
    last: str
    least_gib: int = 0
    parameters: Sequence[Parameter] = ()
    protect: bool = False
    tags: Mapping[str, str]


_TLS = Parameter(name="require_secure_transport", value="1")


class Database(pulumi.ComponentResource):
    """An encrypted MySQL that takes connections over TLS from the cluster alone.

    Kept on destroy, its data stays as a last snapshot: an instance would hold the network's subnets.
    """

    host: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Database", name, None, opts)
        child, wanted, tags = pulumi.ResourceOptions(parent=self), args.database, dict(args.tags)
        called = kept.database_name(name)
        group = ec2.SecurityGroup(
            f"{name}-database",
            description=f"MySQL for the nodes and pods of {name}",
            vpc_id=args.vpc_id,
            ingress=[
                ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=PORT, to_port=PORT, security_groups=[args.group_id]
                )
            ],
            tags={**tags, "Name": f"{name}-database"},
            opts=child,
        )
        subnets = rds.SubnetGroup(f"{name}-database", name=called, subnet_ids=args.subnet_ids, tags=tags, opts=child)
        parameters = rds.ParameterGroup(
            f"{name}-database",
            name=called,
            family=FAMILY,
            parameters=[
                rds.ParameterGroupParameterArgs(
                    name=one.name, value=one.value, apply_method="pending-reboot" if one.static else "immediate"
                )
                for one in (_TLS, *args.parameters)
            ],
            tags=tags,
            opts=child,
        )
        keep = args.on_destroy == "keep"
        size = max(wanted.storage_gib, args.least_gib)
        instance = rds.Instance(
            f"{name}-database",
            identifier=called,
            engine=ENGINE,
            engine_version=VERSION,
            auto_minor_version_upgrade=True,
            instance_class=wanted.instance_class,
            allocated_storage=size,
            max_allocated_storage=min(size * GROWS, LARGEST_GIB),
            storage_type=STORAGE,
            storage_encrypted=True,
            username=ADMINISTRATOR,
            password=args.password,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            multi_az=wanted.multi_az,
            backup_retention_period=wanted.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=args.protect,
            snapshot_identifier=wanted.snapshot or args.kept,
            skip_final_snapshot=not keep,
            final_snapshot_identifier=args.last if keep else None,
            # A change that waits for the maintenance window would show as none, and come on another day.
            apply_immediately=True,
            tags={**tags, "Name": called},
            opts=pulumi.ResourceOptions.merge(
                child,
                # What it once started from is history: another snapshot there must not make another database.
                pulumi.ResourceOptions(protect=args.protect, ignore_changes=["snapshotIdentifier"]),
            ),
        )
        self.host = instance.address
        self.register_outputs({"host": self.host})
