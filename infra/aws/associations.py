"""What EKS says of Pod Identity in a stack's cluster: whether its agent is there, and which associations are."""

from infra.aws import eks_api
from infra.settings import Settings
from ordering.errors import UserError

AGENT = "eks-pod-identity-agent"
"""EKS's name of the add-on that hands pods their roles' credentials."""


def check_agent(settings: Settings) -> None:
    """UserError unless the existing cluster has the agent, as an add-on or by EKS Auto Mode, which has it built in.

    (EKS user guide, "Set up the Amazon EKS Pod Identity Agent".)
    """
    name = settings.cluster.name
    eks = eks_api.client(settings.region)
    try:
        cluster = eks.describe_cluster(name=name)["cluster"]
        if (cluster.get("computeConfig") or {}).get("enabled"):
            return
        pages = eks.get_paginator("list_addons").paginate(clusterName=name)
        addons = {addon for page in pages for addon in page["addons"]}
    except eks.exceptions.ResourceNotFoundException:
        raise UserError(
            f"podAccess is pod-identity, and EKS has no cluster {name} in {settings.region}; set clusterName to the "
            "name that EKS knows the existing cluster by, or podAccess to irsa."
        ) from None
    except Exception as error:
        raise _unsaid(settings, error) from None
    if AGENT not in addons:
        raise UserError(
            f"podAccess is pod-identity, and the cluster {name} lacks the add-on {AGENT}; install it (`aws eks "
            f"create-addon --cluster-name {name} --addon-name {AGENT}`), or set podAccess to irsa."
        )


def has_some(settings: Settings) -> bool:
    """Whether service accounts of the cluster get roles by associations of the stack's; UserError if EKS is silent."""
    name, tags = settings.cluster.name, settings.resource_tags
    own = {key: tags[key] for key in ("pulumi:project", "pulumi:stack")}
    eks = eks_api.client(settings.region)
    try:
        pages = eks.get_paginator("list_pod_identity_associations").paginate(clusterName=name)
        ids = [one["associationId"] for page in pages for one in page["associations"]]
        return any(
            own.items()
            <= (
                eks.describe_pod_identity_association(clusterName=name, associationId=id_)["association"].get("tags")
                or {}
            ).items()
            for id_ in ids
        )
    except eks.exceptions.ResourceNotFoundException:
        return False
    except Exception as error:
        raise _unsaid(settings, error) from None


def _unsaid(settings: Settings, error: Exception) -> Exception:
    """The error for a question that EKS refuses or does not answer; any other error as it is."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not isinstance(error, BotoCoreError | ClientError):
        return error
    return UserError(
        f"EKS does not say what Pod Identity the cluster {settings.cluster.name} has ({error}); allow eks:Describe* "
        "and eks:List*, as docs/iam-policy.json does, and check the network."
    )
