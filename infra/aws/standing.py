"""How the caller stands to the cluster that the stack creates: whether EKS will let it in, from the access entries.

EKS makes an access entry for whoever creates a cluster and refuses a second one; it has no other word on who that was
(EKS API reference: CreateAccessConfigRequest, CreateAccessEntry, DescribeCluster). Everybody else needs an entry, and
the API server answers 401 without one, for which the Kubernetes plugin goes offline in a preview without a word.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.aws import eks_api
from infra.aws.iam import CLUSTER_ADMIN_POLICY
from infra.preflight import Caller
from infra.settings import AccessSettings, Settings
from ordering.errors import UserError

_NAMED = 3
"""Administrators that a sentence names."""

# A creator makes the cluster, which lets it in; who is `expected` has no entry yet and is to get one by this run.
Standing = Literal["creator", "administrator", "expected", "viewer", "stranger"]


@dataclass(frozen=True, kw_only=True)
class Living:
    """A cluster that is there: its Kubernetes version, whom it lets in, and who among them administers it.

    `others` are those with an entry that the stack did not make: its creator, and who was let in by hand.
    """

    version: str
    entries: frozenset[str]
    administrators: frozenset[str]
    others: frozenset[str]


def look(settings: Settings, caller: Caller) -> Living | None:
    """The stack's cluster as EKS tells of it, or None where there is none yet; UserError when EKS does not say."""
    from botocore.exceptions import BotoCoreError, ClientError

    eks = eks_api.client(settings.region)
    try:
        return _living(eks, settings)
    except eks.exceptions.ResourceNotFoundException:
        return None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown reason")
        raise UserError(
            f"EKS does not tell {caller.arn} whom the cluster {settings.cluster.name} lets in ({error.operation_name}: "
            f"{code}); allow eks:Describe* and eks:List*, as docs/iam-policy.json does."
        ) from None
    except BotoCoreError as error:
        raise UserError(f"EKS does not answer in {settings.region} ({error}); check the network.") from None


def _living(eks: Any, settings: Settings) -> Living | None:
    name = settings.cluster.name
    cluster = eks.describe_cluster(name=name)["cluster"]
    # What is still being made, or goes, lets nobody in, and whoever makes it comes back to it.
    if cluster.get("status", "ACTIVE") not in ("ACTIVE", "UPDATING"):
        return None
    version = cluster.get("version", "")
    pages = eks.get_paginator("list_access_entries").paginate(clusterName=name)
    # Those that are not of people and their roles belong to EKS and the nodes.
    entries = [arn for page in pages for arn in page["accessEntries"] if ":role/aws-service-role/" not in arn]
    own = {key: settings.resource_tags[key] for key in ("pulumi:project", "pulumi:stack")}
    administrators, others = set(), set()
    for arn in entries:
        entry = eks.describe_access_entry(clusterName=name, principalArn=arn)["accessEntry"]
        if entry.get("type", "STANDARD") != "STANDARD":
            continue
        if not own.items() <= _tags(entry.get("tags")).items():
            others.add(arn)
        listed = eks.list_associated_access_policies(clusterName=name, principalArn=arn)["associatedAccessPolicies"]
        policies = {str(one.get("policyArn", "")).rpartition("/")[2] for one in listed}
        # What a group may do is for the cluster's own rules to say: whoever bound it knows.
        if CLUSTER_ADMIN_POLICY in policies or entry.get("kubernetesGroups"):
            administrators.add(arn)
    return Living(
        version=version,
        entries=frozenset(entries),
        administrators=frozenset(administrators),
        others=frozenset(others),
    )


def _tags(tags: Mapping[str, str] | None) -> Mapping[str, str]:
    return tags or {}


def standing(living: Living | None, caller: Caller, access: AccessSettings) -> Standing:
    """How the caller stands to the cluster."""
    if living is None:
        return "creator"
    if any(map(caller.is_principal, living.administrators)):
        return "administrator"
    if any(map(caller.is_principal, access.administrators)):
        return "expected"
    return "viewer" if any(map(caller.is_principal, living.entries)) else "stranger"


def let_in_already(living: Living | None, caller: Caller, access: AccessSettings) -> frozenset[str]:
    """Those named in the settings whom EKS lets in by an entry that is not the stack's to make."""
    named = (*access.administrators, *access.viewers)
    if living is None:
        return frozenset(arn for arn in named if caller.is_principal(arn))
    return frozenset(named) & living.others


def sentence(found: Standing, living: Living | None, caller: Caller, settings: Settings) -> str:
    """What a preview of this caller leaves out, and why it may not go on where it may not; empty where all is well.

    Without the account's number: previews become comments that anybody may read.
    """
    cluster, stack, name = settings.cluster.name, settings.stack, _short(caller.principal)
    if living is None or found in ("creator", "administrator"):
        return ""
    if found == "expected":
        return (
            f"The cluster {cluster} has no access entry for {name} yet, so a preview compares Kubernetes objects with "
            f"the state alone; `make up STACK={stack}` makes it."
        )
    somebody = _some(living.administrators)
    if found == "viewer":
        return (
            f"The cluster {cluster} lets {name} read and no more, so a preview compares Kubernetes objects with the "
            f"state and asks for no dry run; to change things, add its ARN to clusterAdministrators, and have "
            f"{somebody} run `make up STACK={stack}`."
        )
    return (
        f"The cluster {cluster} has no access entry for {name}, so a preview compares Kubernetes objects with the "
        "state alone, and nothing can be changed; add its ARN to clusterAdministrators, or to clusterViewers for "
        f"previews only, and have {somebody} run `make up STACK={stack}`."
    )


def _short(arn: str) -> str:
    return arn.rpartition(":")[2]


def _some(arns: Collection[str]) -> str:
    shown = sorted(map(_short, arns))
    more = f" or {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return f"{' or '.join(shown[:_NAMED])}{more}" if shown else "an administrator"
