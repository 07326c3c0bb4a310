"""EKS add-ons, access entries and policy associations: moto lacks them, so they are on the record.

Each is checked against botocore's model of the operation that would make it, and against the cluster in moto.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from infra.errors import UserError
from localcloud.aws.eks_common import api, record, tagged, written
from localcloud.aws.names import lower_parameters
from localcloud.aws.record import validate
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties


class Row:
    """One recorded type: the operations that would make and change it, and the computed outputs."""

    def __init__(
        self,
        kind: str,
        operation: str,
        key: str,
        parameters: str,
        computed: Callable[[Call, str], Properties],
        *,
        update: str = "",
        update_parameters: str = "",
        separator: str = ":",
        **renamed: str,
    ) -> None:
        self.kind, self.operation, self.key, self.parameters = kind, operation, key, parameters
        self.computed, self.update, self.update_parameters = computed, update, update_parameters
        self.separator, self.renamed = separator, renamed

    def wanted(self, inputs: Properties, allowed: str) -> dict[str, Any]:
        given = lower_parameters(inputs, allowed)
        return {self.renamed.get(name, name): value for name, value in given.items()}

    def create(self, call: Call) -> str:
        validate(api(call), self.operation, self.wanted(call.inputs, self.parameters))
        cluster = call.inputs["clusterName"]
        api(call).describe_cluster(name=cluster)
        computed = self.computed(call, cluster)
        values = {**call.inputs, **computed}
        key = self.separator.join(str(values[name]) for name in self.key.split())
        if record(call).get(self.kind, key) is not None:
            raise UserError(f"{self.operation} failed with ResourceInUseException: {key} exists already")
        record(call).put(self.kind, key, {**values, "tags": call.inputs.get("tags", {})})
        call.log(f"recorded, not served by moto: {self.kind}, {key}")
        return key

    def setup(self, call: Call) -> None:
        if not call.old:
            return
        item = record(call).get(self.kind, call.id)
        if item is None:
            raise UserError(f"{self.update} failed with ResourceNotFoundException: there is no {call.id}")
        if self.update:
            validate(api(call), self.update, self.wanted({**item, **call.inputs}, self.update_parameters))
        kept = {name: value for name, value in item.items() if name not in call.old}
        changed = {"modifiedAt": written(datetime.now(UTC))} if "modifiedAt" in item else {}
        record(call).put(self.kind, call.id, {**kept, **call.inputs, **changed, "tags": call.inputs.get("tags", {})})

    def read(self, call: Call) -> Properties | None:
        item = record(call).get(self.kind, call.id)
        if item is None:
            return None
        live = {name: value for name, value in item.items() if name != "tags"}
        return {**live, **(tagged(item["tags"]) if self.operation != "AssociateAccessPolicy" else {})}

    def delete(self, call: Call) -> None:
        record(call).remove(self.kind, call.id)

    def retag(self, call: Call, removed: list[str], tags: dict[str, str]) -> None:
        item = record(call).get(self.kind, call.id) or {}
        record(call).put(self.kind, call.id, {**item, "tags": tags})


def _arn(call: Call, resource: str) -> str:
    return f"arn:{call.session.partition}:eks:{call.session.region}:{call.session.account}:{resource}"


def _addon(call: Call, cluster: str) -> Properties:
    name = call.inputs["addonName"]
    if not call.inputs.get("addonVersion"):
        raise unpinned_addon(name)
    if call.inputs.get("configurationValues"):
        try:
            json.loads(call.inputs["configurationValues"])
        except ValueError as error:
            raise UserError(f"configurationValues of the EKS add-on {name} is not JSON: {error}") from error
    stamp = written(datetime.now(UTC))
    unique = hashlib.sha256(f"{cluster}/{name}".encode()).hexdigest()[:12]
    arn = _arn(call, f"addon/{cluster}/{name}/{unique}")
    return {"arn": arn, "createdAt": stamp, "modifiedAt": stamp}


def unpinned_addon(name: str, kubernetes: str | None = None) -> UserError:
    """The error for an add-on without a version: AWS alone knows the newest."""
    of = f" for Kubernetes {kubernetes}" if kubernetes else ""
    return UserError(
        f"the newest version of the EKS add-on {name}{of} is known to AWS only, not to this machine; pin a version"
    )


def _access_entry(call: Call, cluster: str) -> Properties:
    principal = call.inputs["principalArn"]
    if ":iam::" not in principal:
        raise UserError(f"an access entry's principal is the ARN of an IAM role or user, not {principal!r}")
    stamp = written(datetime.now(UTC))
    name = principal.rsplit("/", 1)[-1]
    return {
        "type": call.inputs.get("type", "STANDARD"),
        "userName": call.inputs.get("userName")
        or (f"{principal.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{{{{SessionName}}}}"),
        "accessEntryArn": _arn(call, f"access-entry/{cluster}/role/{call.session.account}/{name}"),
        "createdAt": stamp,
        "modifiedAt": stamp,
    }


def _policy_association(call: Call, cluster: str) -> Properties:
    principal = call.inputs["principalArn"]
    if record(call).get(ACCESS_ENTRIES.kind, f"{cluster}:{principal}") is None:
        raise UserError(
            f"AssociateAccessPolicy failed with ResourceNotFoundException: {principal} has no access entry in {cluster}"
        )
    stamp = written(datetime.now(UTC))
    return {"associatedAt": stamp, "modifiedAt": stamp}


ADDONS = Row(
    "EKS add-ons",
    "CreateAddon",
    "clusterName addonName",
    "clusterName addonName addonVersion serviceAccountRoleArn resolveConflictsOnCreate configurationValues tags "
    "podIdentityAssociations namespaceConfig",
    _addon,
    update="UpdateAddon",
    update_parameters="clusterName addonName addonVersion serviceAccountRoleArn configurationValues",
    resolveConflictsOnCreate="resolveConflicts",
)
ACCESS_ENTRIES = Row(
    "EKS access entries",
    "CreateAccessEntry",
    "clusterName principalArn",
    "clusterName principalArn kubernetesGroups tags userName type",
    _access_entry,
    update="UpdateAccessEntry",
    update_parameters="clusterName principalArn kubernetesGroups userName",
    userName="username",
)
POLICY_ASSOCIATIONS = Row(
    "EKS access policy associations",
    "AssociateAccessPolicy",
    "clusterName principalArn policyArn",
    "clusterName principalArn policyArn accessScope",
    _policy_association,
    separator="#",
)
ROWS = (ADDONS, ACCESS_ENTRIES, POLICY_ASSOCIATIONS)


def _recorded(row: Row, token: str, *, taggable: bool = True, **more: Any) -> Kind:
    return Kind(
        token=token,
        create=row.create,
        setup=row.setup,
        read=row.read,
        delete=row.delete,
        retag=row.retag if taggable else None,
        **more,
    )


KINDS = [
    _recorded(
        ADDONS,
        "aws:eks/addon:Addon",
        replaces=names("addonName clusterName"),
        computed=names("addonVersion"),
        documents=names("configurationValues"),
    ),
    _recorded(
        ACCESS_ENTRIES,
        "aws:eks/accessEntry:AccessEntry",
        replaces=names("clusterName principalArn type"),
        defaults={"type": "STANDARD"},
        computed=names("userName kubernetesGroups"),
        unordered=names("kubernetesGroups"),
    ),
    _recorded(
        POLICY_ASSOCIATIONS,
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        taggable=False,
        replaces=names("accessScope clusterName policyArn principalArn"),
    ),
]
