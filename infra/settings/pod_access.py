"""The setting of how pods get at AWS, and what of it a given cluster can do."""

from typing import Literal, cast

from infra.settings.raw import RawSettings

PodAccess = Literal["irsa", "pod-identity", "node"]


def read_pod_access(raw: RawSettings, *, creates: bool) -> PodAccess:
    """Which of the three; a cluster that is given has to be known by EKS's name for EKS Pod Identity."""
    way = cast("PodAccess", raw.text("podAccess", ("irsa", "pod-identity", "node")))
    if creates:
        return way
    if way == "node":
        raw.problem(
            "podAccess",
            "'node' widens the role of nodes, and those of an existing cluster are not the stack's; set it to irsa or "
            "pod-identity, or clusterMode to create.",
        )
    elif way == "pod-identity" and raw.text("clusterStack"):
        raw.problem(
            "podAccess",
            "'pod-identity' looks for the agent in the cluster, and another stack's is not known by then; set "
            "clusterContext and clusterName in the place of clusterStack, or podAccess to irsa.",
        )
    elif way == "pod-identity" and not raw.text("clusterName"):
        raw.problem(
            "podAccess",
            "'pod-identity' needs EKS's name of the existing cluster; set clusterName, or podAccess to irsa.",
        )
    return way
