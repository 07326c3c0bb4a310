"""What the program itself registers keeps the rules: its components, run to their end on a recording engine."""

from typing import Any

import pulumi
import pytest

from infra.aws.cluster import Cluster, ClusterArgs
from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.network import Network, NetworkArgs
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.storage import Storage, StorageArgs
from policy import RULES, Resource, Violation, check
from tests.unit.mocks import record
from tests.unit.settings_source import settings


def violations(stack: str, **changes: Any) -> list[Violation]:
    found = settings(stack, **changes)
    tags = found.resource_tags

    def program() -> None:
        kept = pulumi.ResourceOptions(protect=found.protect)
        network = Network(
            found.name,
            NetworkArgs(
                cidr=found.network.cidr,
                zones=found.network.zones,
                nat=found.network.nat,
                region=found.region,
                cluster_name=found.cluster.name,
                tags=tags,
            ),
            kept,
        )
        cluster = Cluster(
            found.name,
            ClusterArgs(
                cluster_name=found.cluster.name,
                version=found.cluster.version,
                region=found.region,
                vpc_id=network.vpc_id,
                private_subnet_ids=network.private_subnet_ids,
                public_access_cidrs=found.cluster.public_access_cidrs,
                log_retention_days=found.cluster.log_retention_days,
                administrators=found.cluster.administrators,
                instance_type=found.nodes.instance_type,
                nodes_min=found.nodes.minimum,
                nodes_desired=found.nodes.desired,
                nodes_max=found.nodes.maximum,
                disk_gib=found.nodes.disk_gib,
                tags=tags,
            ),
            kept,
        )
        storage = Storage(found.name, StorageArgs(on_destroy=found.storage.on_destroy, tags=tags), kept)
        registry = Registry(
            found.name, RegistryArgs(repository=None, on_destroy=found.storage.on_destroy, tags=tags), kept
        )
        Identity(
            found.name,
            IdentityArgs(
                region=found.region,
                account="123456789012",
                administrator=AdministratorArgs(
                    role_name="administrator",
                    cluster_name=cluster.name,
                    principals=("arn:aws:iam::123456789012:root",),
                ),
                issuer=cluster.access.issuer,
                runners=runners(found.kubeflow.profile_namespaces),
                bucket_arn=storage.bucket_arn,
                repository_arn=registry.repository_arn,
                tags=tags,
            ),
        )

    made = record(program, stack=stack).resources
    assert len(made) > 60
    resources = [
        Resource(
            type=one.type,
            urn=f"urn:pulumi:{stack}::kubeflow::{one.type}::{one.name}",
            inputs=one.inputs,
            protect=one.protect,
        )
        for one in made
    ]
    return check(resources, RULES)


@pytest.mark.parametrize(
    ("stack", "changes"),
    [
        ("dev", {}),
        ("dev-blue", {"storageOnDestroy": "empty"}),
        ("prod", {"protect": True, "nodesInstanceType": "m5.4xlarge"}),
    ],
)
def test_the_programs_own_resources_keep_the_rules(stack: str, changes: dict[str, Any]) -> None:
    assert violations(stack, **changes) == []


def test_a_careless_production_stack_is_told() -> None:
    told = {
        (violation.urn.split("::")[2].rpartition(":")[2], violation.rule)
        for violation in violations("prod", storageOnDestroy="empty")
    }
    assert told == {
        ("Bucket", "protected-data"),
        ("Repository", "protected-data"),
    }
