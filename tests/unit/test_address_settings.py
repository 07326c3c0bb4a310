"""What an address takes in the settings, and the one sentence for each fault."""

from typing import Any

import pytest

from infra.settings import SettingsError
from tests.unit.settings_source import settings

ARN = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
GIVEN: dict[str, Any] = {
    "addressHost": "kubeflow.example.com",
    "addressZone": "Z0123456789ABC",
    "addressCidrs": ["203.0.113.0/24"],
}


def test_a_host_with_a_zone_or_a_certificate_is_taken() -> None:
    found = settings(**GIVEN).address
    assert found is not None
    assert (found.url, found.zone, found.certificate) == ("https://kubeflow.example.com", "Z0123456789ABC", None)
    assert settings(**{**GIVEN, "addressZone": "", "addressCertificate": ARN}).address is not None
    private: dict[str, Any] = {**GIVEN, "addressScheme": "internal", "addressCidrs": ["10.0.0.0/8"]}
    assert settings(**private).address is not None
    assert settings().address is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"addressHost": "Kubeflow.example.com"},
            "addressHost 'Kubeflow.example.com' is not a host that a certificate",
        ),
        ({"addressHost": "kubeflow"}, "addressHost 'kubeflow' is not a host that a certificate can be for; "),
        ({"addressHost": "10.0.0.1"}, "addressHost '10.0.0.1' is not a host that a certificate can be for; "),
        ({"addressHost": f"{'k' * 61}.com"}, f"addressHost '{'k' * 61}.com' is not a host that a certificate can be"),
        ({"addressHost": ""}, "addressZone is set, and addressHost is not; "),
        (
            {"clusterMode": "existing", "clusterContext": "lab"},
            "addressHost kubeflow.example.com needs the VPC of a cluster to create; ",
        ),
        (
            {"kubeflowRelease": "pipelines-2.16.0"},
            "addressHost kubeflow.example.com would let in all who reach it, for Pipelines alone has no login; ",
        ),
        ({"addressZone": "example.com"}, "addressZone 'example.com' is not the id of a Route 53 zone; "),
        ({"addressZone": ""}, "addressZone is empty, so no certificate for kubeflow.example.com could be validated; "),
        ({"addressCertificate": "kubeflow"}, "addressCertificate 'kubeflow' is not the ARN of a certificate in ACM."),
        (
            {"addressCertificate": ARN.replace("us-west-2", "us-east-1")},
            "addressCertificate is in us-east-1, and a load balancer in us-west-2 takes one of its own region alone; ",
        ),
        ({"addressScheme": "public"}, "addressScheme 'public' is not one of internet-facing, internal."),
        ({"addressCidrs": []}, "addressCidrs is empty, so nobody could connect to kubeflow.example.com; "),
        ({"addressCidrs": ["203.0.113.7"]}, "addressCidrs '203.0.113.7' is not written as AWS takes it; "),
        ({"addressCidrs": ["everybody"]}, "addressCidrs 'everybody' is not an IPv4 block; "),
        ({"addressCidrs": ["10.0.0.0/8"]}, "addressCidrs 10.0.0.0/8 is private, and a load balancer on the internet "),
        ({"addressCidrs": [f"203.0.{n}.0/24" for n in range(26)]}, "addressCidrs has 26 blocks, "),
        ({"addressCidrs": ["203.0.113.0/24"] * 2}, "addressCidrs 203.0.113.0/24, 203.0.113.0/24 names a block twice; "),
    ],
)
def test_a_bad_value_gets_its_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**{**GIVEN, **changes})
    assert refused.value.problems[0].startswith(sentence), refused.value.problems
    # Without a host, each of the others is named.
    assert len(refused.value.problems) == (1 if changes.get("addressHost") != "" else 2)


def test_nothing_of_it_is_read_without_a_cloud() -> None:
    with pytest.raises(SettingsError, match="addressHost is a setting of AWS, and cloud is none"):
        settings(**{**GIVEN, "cloud": "none", "clusterMode": "existing", "clusterContext": "lab"})
