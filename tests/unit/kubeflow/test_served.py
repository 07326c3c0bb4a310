"""Objects of an API that the cluster's version has dropped are named before anything is sent."""

from pathlib import Path

import pytest

from infra.kubeflow.served import check_served
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import PLATFORMS


def make(api_version: str, kind: str, name: str = "x") -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}


@pytest.mark.parametrize(
    ("api_version", "kind", "last", "advice"),
    [
        ("extensions/v1beta1", "Deployment", "1.15", "apps/v1"),
        ("extensions/v1beta1", "Ingress", "1.21", "networking.k8s.io/v1"),
        ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "1.21", "apiextensions.k8s.io/v1"),
        ("policy/v1beta1", "PodDisruptionBudget", "1.24", "policy/v1"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.25", "autoscaling/v2"),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "1.31", "flowcontrol.apiserver.k8s.io/v1"),
        (
            "admissionregistration.k8s.io/v1beta1",
            "ValidatingAdmissionPolicy",
            "1.33",
            "admissionregistration.k8s.io/v1",
        ),
        ("policy/v1beta1", "PodSecurityPolicy", "1.24", "gone since 1.25"),
    ],
)
def test_the_last_version_that_serves_an_api_takes_it_and_the_next_does_not(
    api_version: str, kind: str, last: str, advice: str
) -> None:
    objects = [make("v1", "ConfigMap"), make(api_version, kind, "old")]
    check_served(objects, last)
    following = f"v1.{int(last.removeprefix('1.')) + 1}.3-eks-abc"
    with pytest.raises(UserError) as caught:
        check_served(objects, following)
    assert f"{kind} old ({api_version}" in str(caught.value)
    assert advice in str(caught.value)
    assert "ConfigMap" not in str(caught.value)


def test_a_long_list_is_cut() -> None:
    with pytest.raises(UserError, match=r"CronJob job-4 .* and 3 more"):
        check_served([make("batch/v1beta1", "CronJob", f"job-{number}") for number in range(8)], "1.35")


@pytest.mark.parametrize("version", ["", "2.0", "latest", "1.x"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(UserError, match="not a version"):
        check_served([], version)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.name)
def test_platforms_pass_on_the_versions_that_are_offered(platform: Path) -> None:
    objects = render(platform)
    for version in ("1.34", "1.35", "1.36"):
        check_served(objects, version)
