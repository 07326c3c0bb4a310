"""A run that the account has no vCPUs for is refused before it changes anything, and no other is; against moto."""

from typing import Any

import pytest
from moto import mock_aws

from ops import quotas
from ops.quotas import refuse
from ops.steps import Op, Step
from ordering.errors import UserError
from tests.unit.ops.test_doctor_account import run_instances
from tests.unit.ops.test_renewal import inputs, step
from tests.unit.settings_source import settings


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets how many vCPUs the account may run; AWS does not say until then."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def set_to(vcpus: int | None) -> None:
        monkeypatch.setattr(quotas, "limit_of", lambda region, service, code: vcpus)

    set_to(None)
    with mock_aws():
        yield set_to


CREATED = step("create", old={})
LARGER = step("replace", "instanceTypes", new=inputs(5, "m5.2xlarge"))
ROLLED = step("update", "releaseVersion")


@pytest.mark.parametrize(
    ("change", "enough"),
    # 5 m5.xlarge; 10 nodes of the larger type at once; 13 nodes while EKS empties the old ones in turn.
    [(CREATED, 20), (LARGER, 80), (ROLLED, 52), (step("update", "tags.team"), 20)],
)
def test_what_a_run_takes_at_its_peak_must_be_there(limit: Any, change: Step, enough: int) -> None:
    limit(enough)
    refuse(settings(), [change])
    limit(enough - 1)
    with pytest.raises(UserError, match=rf"takes {enough} vCPUs at its peak for nodes, 0 run for others, and the acc"):
        refuse(settings(), [change])


def test_what_others_run_counts_and_what_the_stack_runs_does_not_twice(limit: Any) -> None:
    run_instances("c5.4xlarge", 1)
    run_instances("m5.xlarge", 5, project="kubeflow", stack="dev")
    limit(36)
    refuse(settings(), [CREATED])
    limit(35)
    with pytest.raises(UserError, match=r"16 run for others, .* ask for at least 36 under Service Quotas"):
        refuse(settings(), [CREATED])


def test_groups_that_one_quota_counts_are_added_up_and_spot_is_another(limit: Any) -> None:
    spot = step("create", old={}, new={**inputs(), "capacityType": "SPOT"})
    limit(20)
    refuse(settings(), [CREATED, spot])
    with pytest.raises(UserError, match="takes 40 vCPUs"):
        refuse(settings(), [CREATED, CREATED])


@pytest.mark.parametrize("change", ["same", "delete"])
def test_a_run_that_starts_no_node_is_not_asked_about(limit: Any, change: Op) -> None:
    limit(0)
    refuse(settings(), [step(change)])


def test_where_aws_does_not_say_nothing_is_refused(limit: Any) -> None:
    refuse(settings(), [CREATED])
    limit(0)
    with pytest.raises(UserError):
        refuse(settings(), [CREATED])
