"""EKS Pod Identity associations."""

from localcloud.aws.eks_common import api, retag, tags_of
from localcloud.aws.names import lower_parameters
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

_KEY = "clusterName namespace serviceAccount roleArn"


def _create(call: Call) -> str:
    tags = " tags" if call.inputs.get("tags") else ""
    wanted = lower_parameters(call.inputs, f"{_KEY} disableSessionTags targetRoleArn policy{tags}")
    return str(api(call).create_pod_identity_association(**wanted)["association"]["associationId"])


def _key(call: Call) -> dict[str, str]:
    """The provider numbers it as EKS does, without the cluster (its pod_identity_association.go)."""
    cluster = call.inputs.get("clusterName") or call.state["clusterName"]
    return {"clusterName": cluster, "associationId": call.id}


def _setup(call: Call) -> None:
    if call.old and call.changed("roleArn", "disableSessionTags", "targetRoleArn", "policy"):
        wanted = lower_parameters(call.inputs, "roleArn disableSessionTags targetRoleArn policy")
        api(call).update_pod_identity_association(**_key(call), **wanted)


def _read(call: Call) -> Properties | None:
    found = api(call).describe_pod_identity_association(**_key(call))["association"]
    return {
        **lower_parameters(
            found, f"{_KEY} associationArn associationId disableSessionTags targetRoleArn externalId policy"
        ),
        **tags_of(call, found["associationArn"]),
    }


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    retag(call, removed, tags, arn="associationArn")


KINDS = [
    Kind(
        token="aws:eks/podIdentityAssociation:PodIdentityAssociation",
        create=_create,
        setup=_setup,
        read=_read,
        delete=lambda call: api(call).delete_pod_identity_association(**_key(call)),
        retag=_retag,
        replaces=names("clusterName namespace serviceAccount"),
        defaults={"disableSessionTags": False},
    ),
]
