"""Certificates of ACM, and the records of Route 53 by which they are validated and hosts are found."""

from typing import Any

from localcloud.aws.names import parameters, properties, tag_list, tag_map, tagged
from localcloud.aws.session import client
from localcloud.aws.waiting import until
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

# Minutes; terraform-provider-aws (main of late 2025), internal/service/acm/certificate_validation.go.
_ISSUED = 75


def _acm(call: Call) -> Any:
    return client(call, "acm")


def _describe(call: Call, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = _acm(call).describe_certificate(CertificateArn=id_)["Certificate"]
    return found


def _create_certificate(call: Call) -> str:
    wanted = parameters(call.inputs, "domainName validationMethod subjectAlternativeNames keyAlgorithm")
    if call.inputs.get("tags"):
        wanted["Tags"] = tag_list(call.inputs["tags"])
    return str(_acm(call).request_certificate(**wanted)["CertificateArn"])


def _read_certificate(call: Call) -> Properties | None:
    found = _describe(call, call.id)
    tags = _acm(call).list_tags_for_certificate(CertificateArn=call.id)["Tags"]
    options = [
        {"domainName": one["DomainName"], **{f"resourceRecord{key}": text for key, text in asked.items()}}
        for one in found.get("DomainValidationOptions", ())
        if (asked := one.get("ResourceRecord"))
    ]
    return {
        **properties(found, "domainName status type"),
        **tagged(tag_map(tags)),
        "domainValidationOptions": options,
        "arn": call.id,
    }


def _retag_certificate(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    if removed:
        gone = [{"Key": key} for key in removed]
        _acm(call).remove_tags_from_certificate(CertificateArn=call.id, Tags=gone)
    if tags:
        _acm(call).add_tags_to_certificate(CertificateArn=call.id, Tags=tag_list(tags))


def _validate(call: Call) -> str:
    arn = str(call.inputs["certificateArn"])
    until(
        f"the certificate {arn}",
        lambda: str(_describe(call, arn)["Status"]),
        wanted="ISSUED",
        passing=("PENDING_VALIDATION",),
        minutes=_ISSUED,
    )
    return str(_describe(call, arn)["IssuedAt"])


def _read_validation(call: Call) -> Properties | None:
    arn = str((call.inputs or call.state)["certificateArn"])
    return {"certificateArn": arn} if _describe(call, arn)["Status"] == "ISSUED" else None


# -- Route 53 ------------------------------------------------------------------------------------------------------


def _route53(call: Call) -> Any:
    return client(call, "route53")


def _record_set(inputs: Properties) -> dict[str, Any]:
    wanted = {"Name": inputs["name"], "Type": inputs["type"]}
    if inputs.get("aliases"):
        [alias] = inputs["aliases"]
        target = {"DNSName": alias["name"], "HostedZoneId": alias["zoneId"]}
        return {**wanted, "AliasTarget": {**target, "EvaluateTargetHealth": alias["evaluateTargetHealth"]}}
    return {**wanted, "TTL": int(inputs["ttl"]), "ResourceRecords": [{"Value": one} for one in inputs["records"]]}


def _change(call: Call, action: str, wanted: dict[str, Any]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": wanted}]}
    _route53(call).change_resource_record_sets(HostedZoneId=call.inputs["zoneId"], ChangeBatch=batch)


def _create_record(call: Call) -> str:
    inputs = call.inputs
    _change(call, "UPSERT" if inputs.get("allowOverwrite") else "CREATE", _record_set(inputs))
    return "_".join((inputs["zoneId"], inputs["name"].rstrip("."), inputs["type"]))


def _setup_record(call: Call) -> None:
    if call.old:
        _change(call, "UPSERT", _record_set(call.inputs))


def _there(call: Call) -> dict[str, Any] | None:
    # What has no dot at its end may hold underscores, as a name that ACM asks for does.
    zone, _, rest = call.id.partition("_")
    name, _, kind = rest.rpartition("_")
    listed = _route53(call).list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=name, StartRecordType=kind, MaxItems="1"
    )["ResourceRecordSets"]
    return next((one for one in listed if (one["Name"].rstrip("."), one["Type"]) == (name, kind)), None)


def _read_record(call: Call) -> Properties | None:
    found = _there(call)
    if found is None:
        return None
    name = found["Name"].rstrip(".")
    told: Properties = {"type": found["Type"], "fqdn": name, "zoneId": call.id.partition("_")[0]}
    # The provider keeps the name as the program writes it.
    told["name"] = call.inputs.get("name") if str(call.inputs.get("name", "")).rstrip(".") == name else name
    if alias := found.get("AliasTarget"):
        target = {"name": alias["DNSName"].rstrip("."), "zoneId": alias["HostedZoneId"]}
        return {**told, "aliases": [{**target, "evaluateTargetHealth": alias["EvaluateTargetHealth"]}]}
    return {**told, "ttl": int(found["TTL"]), "records": [one["Value"] for one in found["ResourceRecords"]]}


def _delete_record(call: Call) -> None:
    if found := _there(call):
        _change(call, "DELETE", found)


KINDS = [
    Kind(
        token="aws:acm/certificate:Certificate",
        create=_create_certificate,
        read=_read_certificate,
        delete=lambda call: _acm(call).delete_certificate(CertificateArn=call.id),
        retag=_retag_certificate,
        replaces=names("domainName validationMethod subjectAlternativeNames keyAlgorithm"),
        computed=names("subjectAlternativeNames keyAlgorithm validationMethod"),
    ),
    Kind(
        token="aws:acm/certificateValidation:CertificateValidation",
        create=_validate,
        read=_read_validation,
        replaces=names("certificateArn validationRecordFqdns"),
        unordered=names("validationRecordFqdns"),
    ),
]
GLOBAL = [
    Kind(
        token="aws:route53/record:Record",
        create=_create_record,
        setup=_setup_record,
        read=_read_record,
        delete=_delete_record,
        replaces=names("name type zoneId setIdentifier"),
        defaults={"allowOverwrite": False},
        unordered=names("records"),
    ),
]
"""Route 53 is in no region."""
