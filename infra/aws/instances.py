"""What an EC2 instance type is: its processor, its image, and what a node of it offers, by EKS' own formulas.

The tables are of November 2026, from `aws ec2 describe-instance-types`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MI = 1024**2
GI = 1024**3

# Size -> vCPUs, network interfaces, IPv4 addresses an interface; within these families, sizes of one name have the
# same limits.
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
# Family -> GiB a vCPU.
_FAMILIES = {
    **dict.fromkeys(("c5a", "c6a", "c6i", "c7a", "c7i", "c6g", "c7g"), 2),
    **dict.fromkeys(("m5", "m5a", "m6a", "m6i", "m7a", "m7i", "m6g", "m7g"), 4),
    **dict.fromkeys(("r5", "r5a", "r6a", "r6i", "r7a", "r7i", "r6g", "r7g"), 8),
}
_LARGEST_ARM = "16xlarge"
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
    "inf2.xlarge": (4, 16, 4, 15),
    "inf2.8xlarge": (32, 128, 8, 30),
    "trn1.2xlarge": (8, 32, 4, 15),
}
# With NVIDIA's GPUs, of which the last number says how many.
_GPUS = {
    "g4dn.xlarge": (4, 16, 3, 10, 1),
    "g4dn.2xlarge": (8, 32, 3, 10, 1),
    "g4dn.4xlarge": (16, 64, 3, 10, 1),
    "g4dn.8xlarge": (32, 128, 4, 15, 1),
    "g4dn.12xlarge": (48, 192, 8, 30, 4),
    "g4dn.16xlarge": (64, 256, 4, 15, 1),
    "g5.xlarge": (4, 16, 4, 15, 1),
    "g5.2xlarge": (8, 32, 4, 15, 1),
    "g5.4xlarge": (16, 64, 8, 30, 1),
    "g5.8xlarge": (32, 128, 8, 30, 1),
    "g5.12xlarge": (48, 192, 15, 50, 4),
    "g5.16xlarge": (64, 256, 8, 30, 1),
    "g5.24xlarge": (96, 384, 15, 50, 4),
    "g5.48xlarge": (192, 768, 7, 50, 8),
    "g5g.xlarge": (4, 8, 4, 15, 1),
    "g5g.2xlarge": (8, 16, 4, 15, 1),
    "g6.xlarge": (4, 16, 4, 15, 1),
    "g6.2xlarge": (8, 32, 4, 15, 1),
    "g6.4xlarge": (16, 64, 8, 30, 1),
    "g6.8xlarge": (32, 128, 8, 30, 1),
    "g6.12xlarge": (48, 192, 8, 30, 4),
    "g6.16xlarge": (64, 256, 15, 50, 1),
    "g6.24xlarge": (96, 384, 15, 50, 4),
    "g6.48xlarge": (192, 768, 15, 50, 8),
    "g6e.xlarge": (4, 32, 4, 15, 1),
    "g6e.2xlarge": (8, 64, 4, 15, 1),
    "g6e.4xlarge": (16, 128, 8, 30, 1),
    "g6e.8xlarge": (32, 256, 8, 30, 1),
    "p4d.24xlarge": (96, 1152, 60, 50, 8),
    "p5.48xlarge": (192, 2048, 64, 50, 8),
}


# Names of types, as of November 2026 (EC2 user guide, "Amazon EC2 instance type naming conventions"): letters, a
# generation, and letters of which `g` says Graviton, which is ARM. Before that came a1; Grace in p6e and Apple's mac
# are ARM, too.
_ARM = re.compile(r"a1|[a-z]+\d+g[a-z]*|p6e-.*|mac.*")
_NVIDIA, _NEURON = re.compile(r"(g|gr|p)\d.*"), re.compile(r"(inf|trn)\d.*")
_AMD_GPU = "g4ad"

Image = Literal[
    "AL2023_x86_64_STANDARD",
    "AL2023_x86_64_NVIDIA",
    "AL2023_x86_64_NEURON",
    "AL2023_ARM_64_STANDARD",
    "AL2023_ARM_64_NVIDIA",
]
"""EKS's AMI types of Amazon Linux 2023 (EKS API reference, CreateNodegroup, `amiType`)."""

# Codes of Service Quotas that count vCPUs: on demand, and requests for spot. By the letters of a type's family.
_STANDARD = ("L-1216C47A", "L-34B43A08")
_QUOTAS = {
    **dict.fromkeys("acdhimrtz", _STANDARD),
    **dict.fromkeys(("im", "is"), _STANDARD),
    **dict.fromkeys(("g", "gr", "vt"), ("L-DB2E81BA", "L-3819A6DF")),
    "p": ("L-417A185B", "L-7212CCBC"),
    "inf": ("L-1945791B", "L-B5D1601B"),
    "trn": ("L-2C3B7624", "L-6B0D517C"),
    "dl": ("L-6E869C2A", "L-85EED4F7"),
    "f": ("L-74FC7D96", "L-88CF9481"),
    "x": ("L-7295265B", "L-E3A00192"),
}
# Spot requests for the fifth generation of P are counted apart.
_P5_SPOT = "L-C4BD4855"


def is_arm(name: str) -> bool:
    """Whether a type's processor is no x86, by its name.

    >>> [name for name in ("m5.xlarge", "m7g.large", "g5g.xlarge", "g6e.xlarge", "im4gn.large") if is_arm(name)]
    ['m7g.large', 'g5g.xlarge', 'im4gn.large']
    """
    return bool(_ARM.fullmatch(name.partition(".")[0]))


def has_nvidia(name: str) -> bool:
    """Whether a type has GPUs of NVIDIA's, by its name.

    >>> [name for name in ("m5.xlarge", "g5.xlarge", "g4ad.xlarge", "p6-b200.48xlarge") if has_nvidia(name)]
    ['g5.xlarge', 'p6-b200.48xlarge']
    """
    family = name.partition(".")[0]
    return bool(_NVIDIA.fullmatch(family)) and family != _AMD_GPU


def has_neuron(name: str) -> bool:
    """Whether a type has AWS's own accelerators, by its name."""
    return bool(_NEURON.fullmatch(name.partition(".")[0]))


def image(name: str) -> Image:
    """EKS's AMI type for an instance type: for its processor, with its accelerator's drivers if any, by its name.

    >>> [image(name)[7:] for name in ("m5.xlarge", "g5.xlarge", "trn2.48xlarge", "m7g.large", "g5g.xlarge")]
    ['x86_64_STANDARD', 'x86_64_NVIDIA', 'x86_64_NEURON', 'ARM_64_STANDARD', 'ARM_64_NVIDIA']
    """
    if is_arm(name):
        return "AL2023_ARM_64_NVIDIA" if has_nvidia(name) else "AL2023_ARM_64_STANDARD"
    if has_nvidia(name):
        return "AL2023_x86_64_NVIDIA"
    return "AL2023_x86_64_NEURON" if has_neuron(name) else "AL2023_x86_64_STANDARD"


def vcpu_quota(name: str, *, spot: bool = False) -> str | None:
    """The code of the quota that counts the vCPUs of an instance type, where it is known.

    >>> vcpu_quota("m5.xlarge"), vcpu_quota("g5.xlarge", spot=True), vcpu_quota("hpc7a.96xlarge")
    ('L-1216C47A', 'L-3819A6DF', None)
    """
    match = re.match(r"[a-z]+", name)
    codes = _QUOTAS.get(match[0]) if match else None
    if codes is None:
        return None
    return _P5_SPOT if spot and name.startswith("p5") else codes[spot]


@dataclass(frozen=True)
class Instance:
    """Limits of an instance type; memory in bytes, as AWS states it; GPUs are NVIDIA's."""

    name: str
    vcpus: int
    memory: int
    interfaces: int
    addresses: int
    gpus: int = 0

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
    if name in _OTHERS or name in _GPUS:
        vcpus, gib, interfaces, addresses, *gpus = _OTHERS.get(name) or _GPUS[name]
        return Instance(name, vcpus, gib * GI, interfaces, addresses, *gpus)
    family, _, size = name.partition(".")
    if family not in _FAMILIES or size not in _sizes(family):
        return None
    vcpus, interfaces, addresses = _SIZES[size]
    return Instance(name, vcpus, vcpus * _FAMILIES[family] * GI, interfaces, addresses)


def known_instances() -> list[str]:
    """Every instance type in the table."""
    return [*_OTHERS, *_GPUS, *(f"{family}.{size}" for family in _FAMILIES for size in _sizes(family))]


def _sizes(family: str) -> list[str]:
    sizes = list(_SIZES)
    return sizes[: sizes.index(_LARGEST_ARM) + 1] if is_arm(family) else sizes


# What most Nitro instances can attach, network interfaces and disks of every kind (EC2 user guide, "Amazon EBS volume
# limits for Amazon EC2 instances").
ATTACHMENTS = 28
# Types with more interfaces than this count volumes apart from them.
_SHARING = 15


def volume_slots(known: Instance) -> int:
    """How many volumes of pods a node takes beside its root disk and all interfaces that the VPC CNI may attach."""
    return max(ATTACHMENTS - min(known.interfaces, _SHARING) - 1, 0)


def reserved_attachments(types: Iterable[str]) -> int:
    """What the EBS driver has to leave free on nodes of these types, so that Kubernetes sends no more than fit.

    Pods do not reach the metadata service here (hop limit 1), so the driver asks Kubernetes, and then counts one
    interface and no disk (aws-ebs-csi-driver 1.40, pkg/cloud/metadata/k8s.go; pkg/driver/node.go, getVolumesLimit).
    What is missing is the other interfaces and the root disk.
    """
    known = [found.interfaces for name in types if (found := instance(name)) is not None]
    return min(max(known, default=_SHARING), _SHARING)
