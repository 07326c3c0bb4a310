"""What a preview says of nodes that are renewed."""

from typing import Any

import pytest

from ops.renewal import rolling_peak, sentences
from ops.steps import Op, Step

GROUP, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"


def inputs(desired: int = 5, kind: str = "m5.xlarge", zones: int = 4) -> dict[str, Any]:
    return {
        "scalingConfig": {"desiredSize": float(desired)},
        "instanceTypes": [kind],
        "subnetIds": [f"subnet-{number}" for number in range(zones)],
    }


def step(change: Op, *paths: str, type_: str = GROUP, **more: Any) -> Step:
    sides = {"old": inputs(), "new": inputs(), **more}
    return Step(urn=f"urn:pulumi:dev::kubeflow::{type_}::nodes", type=type_, change=change, paths=paths, **sides)


def test_changed_tags_renew_all_nodes_and_a_preview_says_so() -> None:
    template = step("update", "tagSpecifications[0].tags.team", "tags.team", type_=TEMPLATE, old={}, new={})
    [told] = sentences([template, step("update", "launchTemplate.version", "tags.team")])
    assert told.startswith("All 5 nodes of nodes are renewed because of tagSpecifications, tags: EKS starts up to two ")
    assert "so 13 run at the peak (52 vCPUs of the account's quota)" in told


@pytest.mark.parametrize("path", ["version", "releaseVersion"])
def test_another_version_renews_all_nodes(path: str) -> None:
    [told] = sentences([step("update", path)])
    assert f"because of {path}: EKS starts" in told


def test_another_type_needs_both_groups_at_once() -> None:
    [told] = sentences([step("replace", "instanceTypes", causes=("instanceTypes[0]",), new=inputs(6, "m5.2xlarge"))])
    assert "because of instanceTypes: 6 new ones come first, so 11 run at the peak (88 vCPUs" in told


@pytest.mark.parametrize("paths", [("scalingConfig.maxSize",), ("tags.team",), ()])
def test_what_changes_in_place_renews_nothing(paths: tuple[str, ...]) -> None:
    assert sentences([step("update" if paths else "same", *paths)]) == []


def test_a_type_that_is_not_in_the_table_has_no_vcpus() -> None:
    [told] = sentences([step("update", "version", old=inputs(kind="x9.big"), new=inputs(kind="x9.big"))])
    assert "so 13 run at the peak; every pod moves" in told


def test_a_rolling_update_takes_two_nodes_a_zone() -> None:
    assert rolling_peak(5, 4) == 13
