from typing import Any

import pytest

from infra.aws.apis import services
from ops.doctor import endpoints
from ops.doctor.finding import Finding
from tests.unit.settings_source import settings

CLOSED = settings(networkNat="none", imagesFrom="ecr")
ZONES = list(CLOSED.network.zones)


class Ec2:
    """EC2 as it tells in which zones it has endpoints of which API."""

    def __init__(self, zones: dict[str, list[str]]) -> None:
        self.zones = zones

    def describe_vpc_endpoint_services(self, **asked: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = {one["Name"]: one["Values"] for one in asked["Filters"]}
        assert wanted["service-type"] == ["Interface"]
        named = {name.removeprefix("com.amazonaws.us-west-2."): name for name in wanted["service-name"]}
        return {
            "ServiceDetails": [
                {"ServiceName": named[service], "AvailabilityZones": zones}
                for service, zones in self.zones.items()
                if service in named
            ]
        }


def told(monkeypatch: pytest.MonkeyPatch, **more: list[str]) -> list[Finding]:
    offered = {**dict.fromkeys(services(CLOSED), ZONES), **more}
    monkeypatch.setattr("boto3.client", lambda service, region_name: Ec2(offered))
    return list(endpoints.check_endpoints(CLOSED))


def test_endpoints_that_are_offered_in_each_zone_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = told(monkeypatch)
    assert (found.state, found.found) == ("ok", "7 APIs have them in each zone")


def test_a_zone_without_an_endpoint_and_an_api_without_any_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    [zone] = told(monkeypatch, sts=ZONES[:3], logs=[*ZONES[:3], "us-west-2e"])
    assert (zone.state, zone.found) == ("broken", "us-west-2d has none of logs, sts")
    assert zone.advice == "leave us-west-2d out of networkZones"
    monkeypatch.setattr("boto3.client", lambda service, region_name: Ec2({"ec2": ZONES}))
    [missing] = endpoints.check_endpoints(CLOSED)
    assert missing.found == "us-west-2 has no endpoints of ecr.api, ecr.dkr, eks, elasticloadbalancing, logs, sts"


def test_where_there_is_a_way_out_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.client", None)
    assert list(endpoints.check_endpoints(settings())) == []
