"""What EKS offers now: Kubernetes versions, builds of the add-ons, and images for nodes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from infra import versions
from infra.aws.instances import Image
from infra.versions import ADDONS, Addons, KubernetesVersion

# Parameters that AWS keeps ("Retrieve recommended Amazon Linux AMI IDs", EKS user guide).
_IMAGE = "/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{variant}/recommended/release_version"
_VARIANTS: dict[Image, str] = {
    "AL2023_x86_64_STANDARD": "x86_64/standard",
    "AL2023_x86_64_NVIDIA": "x86_64/nvidia",
    "AL2023_x86_64_NEURON": "x86_64/neuron",
    "AL2023_ARM_64_STANDARD": "arm64/standard",
    "AL2023_ARM_64_NVIDIA": "arm64/nvidia",
}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What there is for one version of Kubernetes; builds are newest first."""

    standard_support_ends: date | None
    standard: bool
    builds: dict[str, list[str]] = field(default_factory=dict)


def clusters(eks: Any) -> dict[str, Offer]:
    """The versions that EKS makes clusters of, without their builds; ClientError or BotoCoreError."""
    found = {}
    for page in eks.get_paginator("describe_cluster_versions").paginate():
        for one in page["clusterVersions"]:
            ends = one.get("endOfStandardSupportDate")
            found[str(one["clusterVersion"])] = Offer(
                standard_support_ends=ends.date() if ends else None,
                standard=one.get("versionStatus") == "STANDARD_SUPPORT",
            )
    return found


def builds(eks: Any, version: str, addon: str) -> list[str]:
    """The builds of an add-on for a version of Kubernetes, newest first."""
    pages = eks.get_paginator("describe_addon_versions").paginate(kubernetesVersion=version, addonName=addon)
    found = [one["addonVersion"] for page in pages for entry in page["addons"] for one in entry["addonVersions"]]
    return sorted(found, key=build_number, reverse=True)


def image(ssm: Any, version: str, kind: Image) -> str:
    """The release of the image that AWS recommends for nodes, such as `1.35.3-20261112`."""
    name = _IMAGE.format(version=version, variant=_VARIANTS[kind])
    return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])


def images(ssm: Any, version: str, kinds: Iterable[Image]) -> dict[str, str]:
    """The releases that AWS recommends of several images."""
    return {kind: image(ssm, version, kind) for kind in sorted(kinds)}


def pinned_kinds(version: str) -> list[Image]:
    """The images of which a version's release is pinned."""
    known = versions.KUBERNETES.get(version)
    return [kind for kind in _VARIANTS if known is not None and kind in known.images]


def build_number(build: str) -> tuple[int, ...]:
    """A build (`v1.13.2-eksbuild.31`) or an image's release so that they compare."""
    return tuple(map(int, re.findall(r"\d+", build)))


def table(eks: Any, ssm: Any) -> dict[str, KubernetesVersion]:
    """What the pins would be now: the newest of everything, for each version in standard support.

    A version that has left it keeps what it had: clusters may still run it.
    """
    found = dict(versions.KUBERNETES)
    for version, offer in clusters(eks).items():
        if offer.standard and offer.standard_support_ends is not None:
            newest = {name: builds(eks, version, name)[0] for name in ADDONS}
            found[version] = KubernetesVersion(
                standard_support_ends=offer.standard_support_ends,
                images=images(ssm, version, {"AL2023_x86_64_STANDARD", *pinned_kinds(version)}),
                addons=Addons(**{field_: newest[name] for name, field_ in ADDONS.items()}),
            )
    return found


def differences(
    before: dict[str, KubernetesVersion], after: dict[str, KubernetesVersion]
) -> Iterable[tuple[str, str, str, str]]:
    """Version of Kubernetes, what, its pin before and after, for each that differs."""
    for version in sorted(after, key=versions.minor):
        old, new = (_flat(one[version]) if version in one else {} for one in (before, after))
        for name, value in new.items():
            if old.get(name) != value:
                yield version, name, old.get(name) or "none", value or "none"


def _flat(facts: KubernetesVersion) -> dict[str, str | None]:
    return {
        "standard support ends": facts.standard_support_ends.isoformat(),
        **facts.images,
        **facts.addons.by_name,
    }
