"""Every version that the AWS half depends on, in one table.

Sources: the release calendar in the Amazon EKS user guide ("Understand the Kubernetes version lifecycle on EKS"), and
the builds that `aws eks describe-addon-versions --kubernetes-version …` listed in autumn 2026.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Addons:
    """Builds of the managed EKS add-ons."""

    coredns: str
    kube_proxy: str
    vpc_cni: str
    ebs_csi: str


@dataclass(frozen=True, kw_only=True)
class KubernetesVersion:
    """What EKS offers for one minor version of Kubernetes.

    `standard_support_ends` is the first day (UTC) on which extended support is billed, at six times the price.
    """

    standard_support_ends: date
    addons: Addons


_VPC_CNI = "v1.22.4-eksbuild.3"
_EBS_CSI = "v1.66.0-eksbuild.1"

KUBERNETES: dict[str, KubernetesVersion] = {
    "1.34": KubernetesVersion(
        standard_support_ends=date(2026, 12, 2),
        addons=Addons(
            coredns="v1.12.4-eksbuild.29",
            kube_proxy="v1.34.6-eksbuild.29",
            vpc_cni=_VPC_CNI,
            ebs_csi=_EBS_CSI,
        ),
    ),
    "1.35": KubernetesVersion(
        standard_support_ends=date(2027, 3, 27),
        addons=Addons(
            coredns="v1.13.2-eksbuild.31",
            kube_proxy="v1.35.3-eksbuild.29",
            vpc_cni=_VPC_CNI,
            ebs_csi=_EBS_CSI,
        ),
    ),
    "1.36": KubernetesVersion(
        standard_support_ends=date(2027, 8, 2),
        addons=Addons(
            coredns="v1.14.3-eksbuild.23",
            kube_proxy="v1.36.0-eksbuild.25",
            vpc_cni=_VPC_CNI,
            ebs_csi=_EBS_CSI,
        ),
    ),
}

# The oldest Kubernetes that a Kubeflow release supports, from the release notes of kubeflow/manifests.
KUBEFLOW_MINIMUM_KUBERNETES: dict[str, str] = {"26.03": "1.34"}


def minor(version: str) -> tuple[int, int]:
    """`1.35` or `v1.35.4-eks-abc` as `(1, 35)`, so that versions compare; ValueError for anything else."""
    major, _, rest = version.removeprefix("v").partition(".")
    return int(major), int(rest.partition(".")[0].partition("+")[0].partition("-")[0])


def in_standard_support(today: date) -> list[str]:
    """The Kubernetes versions that EKS supports at the standard price on that day, oldest first."""
    return [version for version, facts in KUBERNETES.items() if today < facts.standard_support_ends]
