"""What an EC2 instance type is: its processor, its image, and what a node of it offers, by EKS' own formulas."""

import re
from dataclasses import dataclass
from typing import Literal

MI = 1024**2
GI = 1024**3

# Size -> vCPUs, network interfaces, IPv4 addresses an interface. From `aws ec2 describe-instance-types`; within these
# families, sizes of one name have the same limits.
_SIZES = {
    "large": (2, 3, 10),
    "xlarge": (4, 4, 15),
    "2xlarge": (8, 4, 15),
    "4xlarge": (16, 8, 30),
    "8xlarge": (32, 8, 30),
    "12xlarge": (48, 8, 30),
    "16xlarge": (64, 15, 50),
    "24xlarge": (96, 15, 50),
}
# Family -> GiB a vCPU. x86 only: several of Kubeflow's images exist for nothing else.
_FAMILIES = {
    **dict.fromkeys(("c5a", "c6a", "c6i", "c7a", "c7i"), 2),
    **dict.fromkeys(("m5", "m5a", "m6a", "m6i", "m7a", "m7i"), 4),
    **dict.fromkeys(("r5", "r5a", "r6a", "r6i", "r7a", "r7i"), 8),
}
# Burstable types and the c5 family follow rules of their own: vCPUs, GiB, interfaces, addresses.
_OTHERS = {
    "t3.small": (2, 2, 3, 4),
    "t3.medium": (2, 4, 3, 6),
    "t3.large": (2, 8, 3, 12),
    "t3.xlarge": (4, 16, 4, 15),
    "t3.2xlarge": (8, 32, 4, 15),
    "t3a.small": (2, 2, 2, 4),
    "t3a.medium": (2, 4, 3, 6),
    "t3a.large": (2, 8, 3, 12),
    "t3a.xlarge": (4, 16, 4, 15),
    "t3a.2xlarge": (8, 32, 4, 15),
    "c5.large": (2, 4, 3, 10),
    "c5.xlarge": (4, 8, 4, 15),
    "c5.2xlarge": (8, 16, 4, 15),
    "c5.4xlarge": (16, 32, 8, 30),
    "c5.9xlarge": (36, 72, 8, 30),
    "c5.12xlarge": (48, 96, 8, 30),
    "c5.18xlarge": (72, 144, 15, 50),
    "c5.24xlarge": (96, 192, 15, 50),
}


# Names of types, as of November 2026 (EC2 user guide, "Amazon EC2 instance type naming conventions"): letters, a
# generation, and letters of which `g` says Graviton, which is ARM. Before that came a1; Grace in p6e and Apple's mac
# are ARM, too.
_ARM = re.compile(r"a1|[a-z]+\d+g[a-z]*|p6e-.*|mac.*")
_NVIDIA, _NEURON = re.compile(r"(g|gr|p)\d.*"), re.compile(r"(inf|trn)\d.*")
_AMD_GPU = "g4ad"

Image = Literal["AL2023_x86_64_STANDARD", "AL2023_x86_64_NVIDIA", "AL2023_x86_64_NEURON"]


def is_arm(name: str) -> bool:
    """Whether a type's processor is no x86, by its name.

    >>> [name for name in ("m5.xlarge", "m7g.large", "g5g.xlarge", "g6e.xlarge", "im4gn.large") if is_arm(name)]
    ['m7g.large', 'g5g.xlarge', 'im4gn.large']
    """
    return bool(_ARM.fullmatch(name.partition(".")[0]))


def image(name: str) -> Image:
    """EKS's AMI type for an x86 type: the one with the drivers of its accelerator, where it has one, by its name.

    >>> [image(name)[14:] for name in ("m5.xlarge", "g5.xlarge", "p6-b200.48xlarge", "trn2.48xlarge", "g4ad.xlarge")]
    ['STANDARD', 'NVIDIA', 'NVIDIA', 'NEURON', 'STANDARD']
    """
    family = name.partition(".")[0]
    if _NVIDIA.fullmatch(family) and family != _AMD_GPU:
        return "AL2023_x86_64_NVIDIA"
    return "AL2023_x86_64_NEURON" if _NEURON.fullmatch(family) else "AL2023_x86_64_STANDARD"


@dataclass(frozen=True)
class Instance:
    """Limits of an instance type; memory in bytes, as AWS states it."""

    name: str
    vcpus: int
    memory: int
    interfaces: int
    addresses: int

    @property
    def pods(self) -> int:
        """How many pods EKS lets a node run when each has an address of its own (no prefix delegation).

        Interfaces times addresses, less one a interface that is the node's, and two pods that use the host's network;
        at most 110, or 250 from 31 vCPUs on (Amazon EKS user guide, "Choose an optimal EC2 node instance type").
        """
        return min(self.interfaces * (self.addresses - 1) + 2, 110 if self.vcpus <= 30 else 250)

    @property
    def allocatable_cpu(self) -> int:
        """Thousandths of a CPU left after EKS' share: 6% of the first core, 1% of the next, twice 0.5%, then 0.25%."""
        reserved = 60 + 10 * (self.vcpus > 1) + 5 * min(max(self.vcpus - 2, 0), 2) + 2.5 * max(self.vcpus - 4, 0)
        return self.vcpus * 1000 - int(reserved)

    @property
    def allocatable_memory(self) -> int:
        """Bytes left for pods: without 7.5% that never reach the operating system (Karpenter's default for EC2), EKS'
        share of 255 MiB and 11 MiB a pod, and the 100 MiB at which the kubelet evicts."""
        return int(self.memory * 0.925) - (255 + 11 * self.pods + 100) * MI


def instance(name: str) -> Instance | None:
    """The limits of an instance type; None for one that is not in the table."""
    if name in _OTHERS:
        vcpus, gib, interfaces, addresses = _OTHERS[name]
        return Instance(name, vcpus, gib * GI, interfaces, addresses)
    family, _, size = name.partition(".")
    if family not in _FAMILIES or size not in _SIZES:
        return None
    vcpus, interfaces, addresses = _SIZES[size]
    return Instance(name, vcpus, vcpus * _FAMILIES[family] * GI, interfaces, addresses)


def known_instances() -> list[str]:
    """Every instance type in the table."""
    return [*_OTHERS, *(f"{family}.{size}" for family in _FAMILIES for size in _SIZES)]
