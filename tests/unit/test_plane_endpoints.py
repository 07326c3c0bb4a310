"""Services that do not lead to their ready pods yet."""

from typing import Any

import pytest

from localcloud.plane.endpoints import behind


def service(name: str, *, place: str = "a", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": place, "name": name}, "spec": {"selector": {"app": "web"}, **spec}}


def pod(*, place: str = "a", ready: bool = True, ip: str = "10.0.0.1", **metadata: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    about = {"namespace": place, "name": "web-1", "labels": {"app": "web", "more": "yes"}, **metadata}
    return {"metadata": about, "status": {"conditions": conditions, "podIP": ip}}


def slice_of(name: str, *endpoints: dict[str, Any]) -> dict[str, Any]:
    about = {"namespace": "a", "name": f"{name}-x1", "labels": {"kubernetes.io/service-name": name}}
    return {"metadata": about, "endpoints": list(endpoints) or None}


READY: dict[str, Any] = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}


@pytest.mark.parametrize(
    ("slices", "late"),
    [
        ([], ["a/web"]),
        ([slice_of("web")], ["a/web"]),
        ([slice_of("web", {**READY, "conditions": {"ready": False}})], ["a/web"]),
        ([slice_of("other", READY)], ["a/web"]),
        ([slice_of("web"), slice_of("web", READY)], []),
        ([slice_of("web", {"addresses": ["10.0.0.1"]})], []),
    ],
)
def test_a_ready_pod_has_to_be_an_endpoint(slices: list[dict[str, Any]], late: list[str]) -> None:
    assert behind([service("web")], [pod()], slices) == late


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (service("web"), pod(ready=False)),
        (service("web"), pod(ip="")),
        (service("web"), pod(place="b")),
        (service("web"), pod(labels={"app": "other"})),
        (service("web"), pod(deletionTimestamp="2026-01-01T00:00:00Z")),
        (service("web", selector=None), pod()),
        (service("web", type="ExternalName"), pod()),
    ],
)
def test_what_leads_to_no_ready_pod_waits_for_nothing(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert behind([one], [other], []) == []
