"""The load balancer, its certificate, its record, and who reaches what."""

import json
from typing import Any

import pytest

from infra.aws import address as component
from infra.program import program
from tests.unit.inputs import inputs
from tests.unit.mocks import Recording, record

HOST, ZONE, NAME = "kubeflow.example.com", "Z0123456789ABC", "kubeflow-dev"
ARN = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
GIVEN: dict[str, Any] = {"addressHost": HOST, "addressZone": ZONE, "addressCidrs": ["203.0.113.0/24"]}


def run(**changes: Any) -> Recording:
    return record(lambda: program(inputs(**{**GIVEN, **changes})))


@pytest.fixture(scope="module")
def found() -> Recording:
    return run()


def test_people_come_to_two_ports_and_the_load_balancer_reaches_two_of_the_nodes(found: Recording) -> None:
    group = found.one("SecurityGroup", f"{NAME}-address")
    opened = [(rule["fromPort"], rule["toPort"], rule["cidrBlocks"]) for rule in group.inputs["ingress"]]
    assert opened == [(443, 443, ["203.0.113.0/24"]), (80, 80, ["203.0.113.0/24"])]
    out = [(rule["fromPort"], rule["toPort"], rule["securityGroups"]) for rule in group.inputs["egress"]]
    assert out == [(30080, 30080, ["sg-cluster"]), (30021, 30021, ["sg-cluster"])]
    rules = [one.inputs for one in found.all("SecurityGroupRule")]
    assert [(one["fromPort"], one["toPort"], one["type"]) for one in rules] == [
        (30080, 30080, "ingress"),
        (30021, 30021, "ingress"),
    ]
    assert {one["securityGroupId"] for one in rules} == {"sg-cluster"}
    assert {one["sourceSecurityGroupId"] for one in rules} == {f"{NAME}-address-id"}


def test_it_is_in_the_public_subnets_and_keeps_long_connections_and_its_logs(found: Recording) -> None:
    balancer = found.one("LoadBalancer")
    assert balancer.inputs["internal"] is False
    assert all("-public-" in one for one in balancer.inputs["subnets"])
    assert balancer.inputs["idleTimeout"] == 3600
    assert balancer.inputs["accessLogs"] == {"bucket": "bucket-1234567", "prefix": "access-logs", "enabled": True}
    assert f"{NAME}-tls" in balancer.depends_on, "ELB writes to the bucket at once"
    statements = json.loads(found.one("BucketPolicy").inputs["policy"])["Statement"]
    [written] = [one for one in statements if one["Effect"] == "Allow"]
    assert written["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert written["Resource"].endswith("/access-logs/AWSLogs/123456789012/*")
    rules = found.one("BucketLifecycleConfiguration").inputs["rules"]
    assert [one["expiration"] for one in rules if one["id"] == "logs"] == [{"days": 90}]


def test_it_speaks_tls_1_3_and_sends_plain_http_there(found: Recording) -> None:
    https, http = found.one("Listener", f"{NAME}-https").inputs, found.one("Listener", f"{NAME}-http").inputs
    assert (https["port"], https["protocol"], https["sslPolicy"]) == (443, "HTTPS", component.TLS_POLICY)
    assert https["routingHttpResponseStrictTransportSecurityHeaderValue"] == "max-age=31536000"
    assert [one["type"] for one in https["defaultActions"]] == ["forward"]
    [action] = http["defaultActions"]
    assert (http["port"], action["redirect"]) == (
        80,
        {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
    )


def test_nodes_are_asked_for_the_gateway_s_own_readiness(found: Recording) -> None:
    group = found.one("TargetGroup").inputs
    assert (group["port"], group["protocol"], group["targetType"]) == (30080, "HTTP", "instance")
    check = group["healthCheck"]
    assert (check["port"], check["path"], check["matcher"]) == ("30021", "/healthz/ready", "200")
    attached = found.one("Attachment").inputs
    assert attached["autoscalingGroupName"] == "eks-nodes-1234"


def test_a_certificate_is_validated_in_the_zone_before_a_listener_has_it(found: Recording) -> None:
    certificate = found.one("Certificate").inputs
    assert (certificate["domainName"], certificate["validationMethod"]) == (HOST, "DNS")
    proof = found.one("Record", f"{NAME}-address-validation").inputs
    assert (proof["zoneId"], proof["name"], proof["type"]) == (ZONE, f"_x.{HOST}.", "CNAME")
    assert proof["records"] == ["_y.acm-validations.aws."]
    assert f"{NAME}-address" in {one for one in found.one("Listener", f"{NAME}-https").depends_on if "address" in one}


def test_the_host_leads_to_it(found: Recording) -> None:
    alias = found.one("Record", f"{NAME}-address").inputs
    assert (alias["zoneId"], alias["name"], alias["type"]) == (ZONE, HOST, "A")
    assert alias["aliases"][0]["name"] == "balancer.us-west-2.elb.amazonaws.com"
    assert (found.result.address, found.result.address_records) == (f"https://{HOST}", [])


def test_without_a_zone_the_outputs_say_which_record_to_make() -> None:
    found = record(lambda: program(inputs(**{**GIVEN, "addressZone": "", "addressCertificate": ARN})).export())
    assert found.all("Record") == found.all("Certificate") == []
    assert found.one("Listener", f"{NAME}-https").inputs["certificateArn"] == ARN
    assert found.exports["address_records"] == [f"{HOST} CNAME balancer.us-west-2.elb.amazonaws.com"]


def test_an_internal_one_is_in_the_private_subnets() -> None:
    balancer = run(addressScheme="internal").one("LoadBalancer")
    assert balancer.inputs["internal"] is True
    assert all("-private-" in one for one in balancer.inputs["subnets"])


def test_names_fit_whatever_the_stack_is_called() -> None:
    found = record(lambda: program(inputs("d" * 30, **GIVEN)), stack="d" * 30)
    for kind in ("LoadBalancer", "TargetGroup"):
        assert len(found.one(kind).name) <= 24


def test_without_a_host_there_is_none_of_it() -> None:
    found = record(lambda: program(inputs()))
    assert {one.type for one in found.resources if one.type.startswith(("aws:lb", "aws:acm", "aws:route53"))} == set()
    assert len(json.loads(found.one("BucketPolicy").inputs["policy"])["Statement"]) == 1
    assert (found.result.address, found.result.address_records) == (None, [])
