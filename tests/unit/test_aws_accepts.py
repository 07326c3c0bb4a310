"""What the settings accept, AWS's stand-in accepts: the whole program with settings at the edge of what is allowed."""

import re
from typing import Any

import pytest

from infra.program import program
from localcloud.providers.values import UNKNOWN
from tests.unit.inputs import inputs
from tests.unit.mocks import record
from tests.unit.test_aws_refusals import aws  # noqa: F401 (a fixture)
from tests.unit.test_aws_standin_protocol import Engine

FULL = {f"{number:02}{'k' * 126}": "ü" * 256 for number in range(45)}
EDGES: dict[str, tuple[str, dict[str, Any]]] = {
    "defaults": ("dev", {}),
    "longest names": (
        "d" * 30,
        {
            "clusterName": "k" * 100,
            "clusterAdministratorRole": "r" * 33,
            "clusterAdministrators": [f"arn:aws:iam::123456789012:role/team/{'x' * 64}"],
            "kubeflowProfileNamespaces": ["n" * 63, "m" * 63],
            "registryRepository": "r" * 256,
            "files": "efs",
            "addressHost": f"{'h' * 52}.example.com",
            "addressZone": f"Z{'0' * 31}",
            "monitoring": "cloudwatch",
            "monitoringEmail": "platform@example.com",
            "addressCidrs": ["0.0.0.0/0"],
            "tags": FULL,
        },
    ),
    "shortest names": ("d", {"clusterName": "k", "clusterAdministratorRole": "r", "registryRepository": "rr"}),
    "capitals and dots": (
        # So short that a load balancer's name has the dot in it, too.
        "Fix.1",
        {
            "clusterName": "Feature-1_x",
            "files": "efs",
            "database": "rds",
            "backupDays": 7,
            "sagemaker": True,
            "login": "cognito",
            "loginGroups": ["ml.team"],
            "dashboardUser": "ada@example.com",
            "addressHost": "kubeflow.example.com",
            "addressZone": "Z0123456789ABCDEFGHIJ",
            "addressCidrs": ["203.0.113.0/24"],
            "addressWaf": True,
            "monitoring": "cloudwatch",
            "monitoringEmail": "platform@example.com",
            "budgetMonthly": 900,
            "budgetEmail": "platform@example.com",
            "nodesAutoscaling": "cluster-autoscaler",
        },
    ),
    "largest sizes": (
        "dev",
        {
            "nodesMin": 450,
            "nodesDesired": 450,
            "nodesMax": 450,
            "nodesDiskGiB": 16384,
            "networkCidr": "10.0.0.0/16",
            "networkZones": [f"us-west-2{zone}" for zone in "abcdefgh"],
            "networkNat": "per-zone",
            "files": "efs",
            "addressHost": "kubeflow.example.com",
            "addressCertificate": "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012",
            "addressScheme": "internal",
            "addressCidrs": [f"10.0.{number}.0/24" for number in range(25)],
            "clusterLogRetentionDays": 731,
            "clusterPublicAccessCidrs": [f"203.0.{number}.0/24" for number in range(40)],
        },
    ),
    "smallest sizes": (
        "dev",
        {
            "nodesMin": 1,
            "nodesDesired": 1,
            "nodesMax": 1,
            "nodesDiskGiB": 20,
            "networkCidr": "192.168.16.0/20",
            "networkZones": ["us-west-2a", "us-west-2b"],
            "clusterLogRetentionDays": 1,
            "clusterPublicAccessCidrs": [],
        },
    ),
    "emptied on destroy": ("dev", {"storageOnDestroy": "empty", "kubeflowArtifacts": "s3"}),
}


@pytest.mark.parametrize("edge", EDGES)
def test_the_stand_in_takes_what_the_settings_take(aws: Engine, edge: str) -> None:  # noqa: F811
    stack, changes = EDGES[edge]
    found = record(lambda: program(inputs(stack, **changes)), stack=stack)
    resources = [one for one in found.resources if one.type.startswith("aws:")]
    assert len(resources) > 30
    made_up = {one.name for one in resources if "name" not in one.inputs}
    for one in resources:
        named = {"name": one.inputs["name"]} if "name" in one.inputs else {}
        answer = aws.check(one.type, _as_in_a_plan(one.inputs, made_up) | named, name=one.name)
        assert not answer.failures, answer.failures[0].reason


def _as_in_a_plan(value: Any, made_up: set[str]) -> Any:
    """Inputs in which the ids, ARNs and names that the recording engine makes up are not known yet."""
    if isinstance(value, dict):
        return {name: _as_in_a_plan(one, made_up) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_as_in_a_plan(one, made_up) for one in value]
    if not isinstance(value, str):
        return value
    # In a policy they stand for the bucket, which has a name there.
    value = re.sub(r"(?<!^)arn:aws:mock:us-west-2:\d+:[\w.-]+", "arn:aws:s3:::bucket-1234567", value)
    return UNKNOWN if value.endswith("-id") or value.startswith("arn:aws:mock:") or value in made_up else value
