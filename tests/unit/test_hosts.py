"""A host, its zone and its certificate, before anything is made; AWS is a few answers."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws import hosts
from infra.settings import AddressSettings
from ordering.errors import UserError

HOST, ZONE = "kubeflow.example.com", "Z0123456789ABC"
ARN = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
OURS = "kubeflow-dev-address-1a2b3c4-1234567890.us-west-2.elb.amazonaws.com."


def address(**changes: Any) -> AddressSettings:
    given: dict[str, Any] = {"host": HOST, "zone": ZONE, "certificate": None, "scheme": "internet-facing"}
    return AddressSettings(**{**given, "cidrs": ("0.0.0.0/0",), "waf": False, **changes})


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Get")


def check(
    given: AddressSettings,
    *,
    zone: str | None = "example.com.",
    private: bool = False,
    records: list[dict[str, Any]] | None = None,
    certificate: dict[str, Any] | None = None,
    stack: str = "kubeflow-dev",
) -> None:
    def get_hosted_zone(Id: str) -> dict[str, Any]:  # noqa: N803
        if zone is None:
            raise refused("NoSuchHostedZone")
        return {"HostedZone": {"Id": Id, "Name": zone, "Config": {"PrivateZone": private}}}

    def describe_certificate(CertificateArn: str) -> dict[str, Any]:  # noqa: N803
        if certificate is None:
            raise refused("ResourceNotFoundException")
        return {"Certificate": {"CertificateArn": CertificateArn, **certificate}}

    clients = {
        "acm": SimpleNamespace(describe_certificate=describe_certificate),
        "route53": SimpleNamespace(
            get_hosted_zone=get_hosted_zone,
            list_resource_record_sets=lambda **_: {"ResourceRecordSets": records or []},
        ),
    }
    hosts.check(clients.__getitem__, given, stack)


def test_a_zone_that_owns_the_host_is_taken() -> None:
    check(address())
    check(address(), zone=f"{HOST}.")


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        (None, "is no Route 53 zone of this account"),
        ("example.org.", "is the zone example.org, which does not own kubeflow.example.com"),
        ("ow.example.com.", "does not own"),
        ("flow.example.com.", "does not own"),
        ("a.kubeflow.example.com.", "does not own"),
    ],
)
def test_a_zone_that_does_not_own_the_host_is_refused(zone: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check(address(), zone=zone)


def test_a_private_zone_is_for_those_inside_and_validates_nothing() -> None:
    with pytest.raises(UserError, match="is private, so nobody on the internet would find"):
        check(address(), private=True)
    with pytest.raises(UserError, match="ACM validates certificates by public records"):
        check(address(scheme="internal"), private=True)
    issued = {"DomainName": HOST, "Status": "ISSUED"}
    check(address(scheme="internal", certificate=ARN), private=True, certificate=issued)


def test_a_record_of_somebody_else_s_stays() -> None:
    record = {"Name": f"{HOST}.", "Type": "CNAME", "ResourceRecords": [{"Value": "old.example.net"}]}
    with pytest.raises(UserError, match=r"has a record for kubeflow.example.com already \(CNAME to old.example.net\)"):
        check(address(), records=[record])
    theirs = {"Name": f"{HOST}.", "Type": "A", "AliasTarget": {"DNSName": "other-1.us-west-2.elb.amazonaws.com."}}
    with pytest.raises(UserError, match=r"A to other-1\.us-west-2"):
        check(address(), records=[theirs])


@pytest.mark.parametrize("prefix", ["", "internal-", "dualstack."])
def test_the_stack_s_own_record_and_those_of_other_names_and_kinds_are_none_in_the_way(prefix: str) -> None:
    own = {"Name": f"{HOST}.", "Type": "A", "AliasTarget": {"DNSName": f"{prefix}{OURS}"}}
    text = {"Name": f"{HOST}.", "Type": "TXT", "ResourceRecords": [{"Value": '"x"'}]}
    check(address(), records=[own, text, {**own, "Name": "next.example.com.", "AliasTarget": {"DNSName": "x."}}])


@pytest.mark.parametrize("target", [OURS, OURS.replace("dev", "Dev")])
def test_the_record_of_a_stack_with_a_capital_letter_is_its_own(target: str) -> None:
    check(
        address(),
        records=[{"Name": f"{HOST}.", "Type": "A", "AliasTarget": {"DNSName": target}}],
        stack="kubeflow-Dev",
    )


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (None, "is no certificate of this account"),
        ({"DomainName": "other.example.com", "Status": "ISSUED"}, "is for other.example.com, not for kubeflow"),
        ({"DomainName": "*.kubeflow.example.com", "Status": "ISSUED"}, "not for kubeflow.example.com"),
        ({"DomainName": HOST, "Status": "EXPIRED"}, "is EXPIRED"),
    ],
)
def test_a_certificate_that_is_not_for_the_host_is_refused(certificate: dict[str, Any] | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check(address(certificate=ARN, zone=None), certificate=certificate)


@pytest.mark.parametrize("name", [HOST, "*.example.com"])
def test_one_of_its_names_is_enough(name: str) -> None:
    found = {"DomainName": "a.example.net", "SubjectAlternativeNames": ["a.example.net", name], "Status": "ISSUED"}
    check(address(certificate=ARN, zone=None), certificate=found)


def test_what_aws_does_not_say_is_not_taken_for_an_answer() -> None:
    def denied(**_: Any) -> Any:
        raise refused("AccessDenied")

    with pytest.raises(ClientError):
        hosts.check(lambda _: SimpleNamespace(get_hosted_zone=denied), address(), "kubeflow-dev")
