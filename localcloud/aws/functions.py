"""The functions (data sources) of the aws stand-in: those that the eks component asks."""

from localcloud.aws.eks_parts import unpinned_addon
from localcloud.aws.session import Session
from localcloud.providers.resources import Function
from localcloud.providers.values import Properties


def _partition(session: Session, _: Properties) -> Properties:
    suffix = "amazonaws.com.cn" if session.partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": session.partition, "partition": session.partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _addon_version(session: Session, arguments: Properties) -> Properties:
    raise unpinned_addon(arguments["addonName"], arguments.get("kubernetesVersion"))


FUNCTIONS: dict[str, Function] = {
    "aws:index/getPartition:getPartition": _partition,
    "aws:eks/getAddonVersion:getAddonVersion": _addon_version,
}
