"""What `doctor` says of an address."""

from typing import Any

import pytest

from infra import preflight
from ops.doctor.address import check_address
from ops.doctor.finding import attempt
from ordering.errors import UserError
from tests.unit.settings_source import settings

ARN = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
GIVEN: dict[str, Any] = {"addressHost": "kubeflow.example.com", "addressCidrs": ["0.0.0.0/0"]}


def test_it_says_where_and_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check_address", lambda _: None)
    [found] = check_address(settings(**GIVEN, addressZone="Z0123456789ABC"))
    told = "https://kubeflow.example.com for everybody, with its record in Z0123456789ABC"
    assert (found.state, found.found, found.advice) == ("ok", told, "")
    [found] = check_address(settings(**GIVEN, addressCertificate=ARN))
    assert "make the record" in found.advice
    assert list(check_address(settings())) == []


def test_what_the_program_would_refuse_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise UserError(
            "addressZone Z1 is the zone example.org, which does not own kubeflow.example.com; write another."
        )

    monkeypatch.setattr(preflight, "check_address", refused)
    [found] = attempt("address", lambda: check_address(settings(**GIVEN, addressZone="Z0123456789ABC")))
    assert found.state == "broken"
    assert "does not own kubeflow.example.com" in found.found
