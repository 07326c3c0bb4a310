"""The cluster autoscaler: its role, its manifests, and what the program makes of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from infra import versions
from infra.aws.autoscaler import scaling_policy
from infra.inputs import load_release
from infra.kubeflow.autoscaler import COMPONENT, use_cluster
from infra.kubeflow.load import OF_STACK
from infra.present import unknown
from infra.program import program
from ops.doctor.stack import check_scaling
from ordering.errors import UserError
from ordering.graph import build
from ordering.manifests.render import render
from policy.documents import wildcards
from tests.unit.inputs import inputs
from tests.unit.kubeflow.platforms import written
from tests.unit.mocks import ISSUER, record
from tests.unit.rendering import kustomize
from tests.unit.settings_source import settings

__all__ = ["kustomize"]

ROOT = Path(__file__).parents[2]
GROUP = "arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:u:autoScalingGroupName/eks-x"


@pytest.mark.parametrize(
    ("action", "tags", "allowed"),
    [
        ("autoscaling:SetDesiredCapacity", {"k8s.io/cluster-autoscaler/kubeflow-dev": "owned"}, True),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", {"k8s.io/cluster-autoscaler/kubeflow-dev": "owned"}, True),
        ("autoscaling:SetDesiredCapacity", {"k8s.io/cluster-autoscaler/another": "owned"}, False),
        ("autoscaling:SetDesiredCapacity", {}, False),
        ("autoscaling:DescribeAutoScalingGroups", {}, True),
        ("autoscaling:DeleteAutoScalingGroup", {"k8s.io/cluster-autoscaler/kubeflow-dev": "owned"}, False),
        ("ec2:TerminateInstances", {}, False),
    ],
)
def test_the_role_changes_the_size_of_the_clusters_own_groups_alone(
    action: str, tags: dict[str, str], allowed: bool
) -> None:
    document = parse_policy_document(scaling_policy("us-west-2", "123456789012", "kubeflow-dev"))
    context = EvalContext(
        principal_arn="arn:aws:iam::123456789012:role/autoscaler",
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=action,
        resource_arn=GROUP,
        region="us-west-2",
        service_context={f"aws:resourcetag/{key}": value for key, value in tags.items()},
    )
    assert (evaluate(context, [document]).decision == "Allow") is allowed


def test_the_policy_pack_takes_the_role() -> None:
    assert list(wildcards(json.dumps(scaling_policy("us-west-2", "1", "k")))) == []


@pytest.mark.parametrize("version", list(versions.KUBERNETES))
def test_it_is_of_the_clusters_version_and_looks_for_its_groups(tmp_path: Path, version: str) -> None:
    rendered = render(written(tmp_path / "release", []), components=[ROOT / COMPONENT])
    found = use_cluster(rendered, settings(clusterVersion=version, clusterName="lab"))
    [deployment] = [one for one in found if one["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].partition(":v")[2].startswith(version + ".")
    assert container["args"][-1].endswith("k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/lab")
    assert container["env"] == [{"name": "AWS_REGION", "value": "us-west-2"}]


def test_the_program_gives_its_account_a_role_of_its_own(tmp_path: Path) -> None:
    given = inputs(nodesAutoscaling="cluster-autoscaler")
    rendered = use_cluster(render(written(tmp_path / "a", []), components=[ROOT / COMPONENT]), given.settings)
    release = replace(given.release, objects=rendered, graph=build(rendered))
    found = record(lambda: program(replace(given, release=release)).export())
    [account] = found.all("ServiceAccount")
    role = found.one("Role", "kubeflow-dev-autoscaler")
    annotations = account.inputs["metadata"]["annotations"]
    assert annotations["eks.amazonaws.com/role-arn"].endswith(":kubeflow-dev-autoscaler")
    [statement] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    subject = statement["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    assert subject == "system:serviceaccount:kube-system:cluster-autoscaler"
    assert not record(lambda: program(inputs()).export()).all("RolePolicy")[0].name.endswith("autoscaler")


def test_it_and_the_gpu_plugin_are_sent_whichever_parts_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEFLOW_MANIFESTS", str(ROOT / "manifests" / "sample"))
    pool = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 2}
    stack = settings(nodesAutoscaling="cluster-autoscaler", nodePools=[pool], kubeflowParts=["cert-manager"])
    found = load_release(stack, "1.35", ROOT, unknown).objects
    sent = {(one["kind"], one["metadata"]["name"]) for one in found}
    assert {("Deployment", "cluster-autoscaler"), ("DaemonSet", "nvidia-device-plugin")} <= sent
    own = [one for one in found if OF_STACK in one["metadata"].get("labels", {})]
    assert len(own) == 8


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"nodesAutoscaling": "auto-mode"},
            "'auto-mode' makes nodes of its own and never changes a managed node group",
        ),
        ({"nodesAutoscaling": "karpenter"}, "'karpenter' is not one of none, cluster-autoscaler."),
        (
            {"nodesAutoscaling": "cluster-autoscaler", "clusterMode": "existing", "clusterContext": "lab"},
            "nodesAutoscaling is only for a cluster to create; set it to none.",
        ),
    ],
)
def test_what_scales_no_pool_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match="nodesAutoscaling") as caught:
        settings(**changes)
    assert words in str(caught.value)


def test_doctor_names_a_pool_that_nothing_starts() -> None:
    pool = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 2}
    [told] = check_scaling(settings(nodePools=[pool]))
    assert (told.state, "pools without nodes (gpu) stay so" in told.found) == ("warning", True)
    assert list(check_scaling(settings(nodePools=[pool], nodesAutoscaling="cluster-autoscaler"))) == []
    assert list(check_scaling(settings(nodePools=[{**pool, "desired": 1}]))) == []
