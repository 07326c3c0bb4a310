"""A cluster that EKS upgraded by itself, of which the state knows nothing."""

from collections.abc import Iterable

from infra import versions
from ops.steps import Step

CLUSTER = "aws:eks/cluster:Cluster"


def upgraded(steps: Iterable[Step], live: str) -> list[Step]:
    """The stack's cluster, where it runs a newer Kubernetes (`live`) than the state has for it.

    The provider would ask EKS for that upgrade once more, which is refused (UpdateClusterVersion, "unsupported
    Kubernetes minor version update"): the cluster has to be read into the state first.
    """
    return [step for step in steps if step.type == CLUSTER and live and _known(step) and _older(_known(step), live)]


def notice(step: Step, live: str) -> str:
    """What a preview shows as to come and has happened already."""
    return (
        f"The cluster runs Kubernetes {live} already, and the state has {_known(step)}: EKS upgraded it by itself, and "
        "`make up` reads that into the state first."
    )


def _known(step: Step) -> str:
    return str(step.old.get("version", ""))


def _older(known: str, live: str) -> bool:
    return versions.minor(known) < versions.minor(live)
