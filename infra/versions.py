"""Every version that the AWS half depends on: `pins.json`, which `make versions` writes from what AWS says.

Sources of the first: the release calendar in the Amazon EKS user guide ("Understand the Kubernetes version lifecycle on
EKS"), and the builds that `aws eks describe-addon-versions --kubernetes-version …` listed in autumn 2026.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

PINS = Path(__file__).with_name("pins.json")


@dataclass(frozen=True, kw_only=True)
class Addons:
    """Builds of the managed EKS add-ons."""

    coredns: str
    kube_proxy: str
    vpc_cni: str
    ebs_csi: str
    efs_csi: str
    metrics_server: str
    snapshot_controller: str
    node_monitoring: str
    cloudwatch: str
    pod_identity: str

    @property
    def by_name(self) -> dict[str, str]:
        """The builds by the names that EKS gives the add-ons."""
        return {name: getattr(self, field) for name, field in ADDONS.items()}


ADDONS = {
    "coredns": "coredns",
    "kube-proxy": "kube_proxy",
    "vpc-cni": "vpc_cni",
    "aws-ebs-csi-driver": "ebs_csi",
    "aws-efs-csi-driver": "efs_csi",
    "metrics-server": "metrics_server",
    "snapshot-controller": "snapshot_controller",
    "eks-node-monitoring-agent": "node_monitoring",
    "amazon-cloudwatch-observability": "cloudwatch",
    "eks-pod-identity-agent": "pod_identity",
}
"""EKS's names of the add-ons, and the fields of `Addons`."""


@dataclass(frozen=True, kw_only=True)
class KubernetesVersion:
    """What EKS offers for one minor version of Kubernetes.

    `standard_support_ends` is the first day (UTC) on which extended support is billed, at six times the price. `images`
    are the releases of nodes' images (`1.35.3-20261112`) by EKS's AMI type; without one a group stays at the newest of
    the day it was made.
    """

    standard_support_ends: date
    addons: Addons
    images: Mapping[str, str]

    def pinned(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "standardSupportEnds": self.standard_support_ends.isoformat(),
            "images": dict(sorted(self.images.items())),
            "addons": self.addons.by_name,
        }


def _read(pins: Mapping[str, Any]) -> dict[str, KubernetesVersion]:
    return {
        version: KubernetesVersion(
            standard_support_ends=date.fromisoformat(facts["standardSupportEnds"]),
            addons=Addons(**{field: facts["addons"][name] for name, field in ADDONS.items()}),
            images=facts["images"],
        )
        for version, facts in pins["kubernetes"].items()
    }


KUBERNETES = _read(json.loads(PINS.read_text(encoding="utf-8")))

# The cluster autoscaler goes with Kubernetes' minor version (registry.k8s.io/autoscaling/cluster-autoscaler).
AUTOSCALER: dict[str, str] = {"1.34": "v1.34.3", "1.35": "v1.35.1", "1.36": "v1.36.1"}

# The oldest Kubernetes that a Kubeflow release supports, from the release notes of kubeflow/manifests.
KUBEFLOW_MINIMUM_KUBERNETES: dict[str, str] = {"26.03": "1.34"}


PIPELINES_ALONE = frozenset({"pipelines-2.16.0"})
"""Releases that are Kubeflow Pipelines and nothing else: they have no profiles and no login."""


def release_title(name: str) -> str:
    """How people call a release: `Kubeflow 26.03`, `Kubeflow Pipelines 2.16.0`."""
    return f"Kubeflow {name.capitalize().replace('-', ' ', 1)}" if name in PIPELINES_ALONE else f"Kubeflow {name}"


def written(table: Mapping[str, KubernetesVersion]) -> str:
    """A table as the file's text, oldest version first."""
    ordered = {version: table[version].pinned() for version in sorted(table, key=minor)}
    return json.dumps({"kubernetes": ordered}, indent=2) + "\n"


def minor(version: str) -> tuple[int, int]:
    """`1.35` or `v1.35.4-eks-abc` as `(1, 35)`, so that versions compare; ValueError for anything else."""
    major, _, rest = version.removeprefix("v").partition(".")
    return int(major), int(rest.partition(".")[0].partition("+")[0].partition("-")[0])


def in_standard_support(today: date) -> list[str]:
    """The Kubernetes versions that EKS supports at the standard price on that day, oldest first."""
    return [version for version, facts in KUBERNETES.items() if today < facts.standard_support_ends]
