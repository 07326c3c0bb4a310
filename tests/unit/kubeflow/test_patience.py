"""How long an object waits for a kind that something makes while the platform starts."""

import asyncio
from collections.abc import Awaitable

import pulumi
import pytest

from infra.kubeflow.patience import PATIENCE_S, patient

TYPE, NAME = "kubernetes:constraints.gatekeeper.sh/v1beta1:MustLabel", "teams"
MISSING = (
    'creation of resource "urn" failed because the Kubernetes API server reported that the apiVersion for this '
    "resource does not exist. Verify that any required CRDs have been created"
)
REFUSED = 'Internal error occurred: failed calling webhook "check.gatekeeper.sh": no endpoints available for service'


def failed(error: str, operation: str = "create") -> pulumi.ErrorHookArgs:
    return pulumi.ErrorHookArgs(
        urn="urn", id="", name=NAME, type=TYPE, failed_operation=operation, errors=[error, MISSING]
    )


def answered(answer: Awaitable[bool]) -> bool:
    """What a hook answers; the thread keeps the event loop that it has, which Pulumi's mocks want."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asyncio.wait_for(answer, 5))
    finally:
        loop.close()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    for level in ("info", "error"):
        monkeypatch.setattr(pulumi, level, lines.append)
    return lines


@pytest.mark.parametrize(
    ("error", "again"),
    [(MISSING, True), (REFUSED, True), ("admission denied: no label team", False), ("Unauthorized", False)],
)
def test_what_may_still_come_is_tried_again(said: list[str], error: str, again: bool) -> None:
    hook = patient({(TYPE, NAME): "Deployment policy/engine"}, pause=0)
    assert answered(hook(failed(error))) is again
    assert said == (["MustLabel teams waits for its kind, which is made by Deployment policy/engine."] if again else [])


def test_only_a_create_is_tried_again(said: list[str]) -> None:
    assert answered(patient({}, pause=0)(failed(MISSING, "update"))) is False


def test_patience_ends_with_the_name_of_who_did_not_make_it(said: list[str]) -> None:
    clock = iter([0.0, 0.0, 60.0, 60.0, PATIENCE_S + 1.0, PATIENCE_S + 1.0])
    hook = patient({(TYPE, NAME): "Deployment policy/engine"}, clock=lambda: next(clock), pause=0)
    assert [answered(hook(failed(MISSING))) for _ in range(3)] == [True, True, False]
    assert said[-1] == "MustLabel teams waited 20 minutes for its kind: look at Deployment policy/engine."
