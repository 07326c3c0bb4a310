"""Whether EKS still offers what is pinned, and how old the image is that nodes run."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import versions
from infra.aws import instances
from infra.settings import Settings
from ops import offered
from ops.doctor.finding import Finding, broken, ok, warning

IMAGE_DAYS = 60
"""Days between the image that nodes run and the one that AWS recommends: by then it lacks a month's fixes."""

_PIN = "`make versions` pins what EKS offers now"
_CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"max_attempts": 2})


def check_offers(settings: Settings) -> list[Finding]:
    """All of it; a warning where AWS does not let it look."""
    eks, ssm = (boto3.client(name, region_name=settings.region, config=_CONFIG) for name in ("eks", "ssm"))
    try:
        return [
            check_support(eks, settings.cluster.version),
            *check_addons(eks, settings.cluster.version),
            check_image(eks, ssm, settings),
        ]
    except (ClientError, BotoCoreError) as error:
        return [warning("versions", f"AWS does not say what EKS offers ({error})", "allow it, or look by hand")]


def check_support(eks: Any, version: str) -> Finding:
    """Whether EKS makes clusters of this version at the standard price, until the day that is known here."""
    offer = offered.clusters(eks).get(version)
    known = versions.KUBERNETES[version].standard_support_ends
    if offer is None:
        return broken("EKS", f"it does not offer Kubernetes {version} here", "choose another clusterVersion")
    if not offer.standard:
        return broken("EKS", f"it has Kubernetes {version} in extended support", "choose a newer clusterVersion")
    if offer.standard_support_ends not in (None, known):
        return warning("EKS", f"its standard support of {version} ends on {offer.standard_support_ends}", _PIN)
    return ok("EKS", f"it offers Kubernetes {version} in standard support")


def check_addons(eks: Any, version: str) -> Iterator[Finding]:
    """Whether each pinned build is still there; the newer ones, where there are any."""
    newer = []
    for name, pinned in versions.KUBERNETES[version].addons.by_name.items():
        builds = offered.builds(eks, version, name)
        if pinned not in builds:
            yield broken("add-ons", f"EKS has no {name} {pinned} for Kubernetes {version}", _PIN)
        elif builds[0] != pinned:
            newer.append(f"{name} {builds[0]}")
    if newer:
        yield ok("add-ons", f"newer than pinned: {', '.join(newer)}", _PIN)


def check_image(eks: Any, ssm: Any, settings: Settings) -> Finding:
    """How old the image is that nodes run, or would."""
    version = settings.cluster.version
    kind = instances.image(settings.nodes.instance_type)
    recommended = offered.image(ssm, version, kind)
    pinned = versions.KUBERNETES[version].nodes if kind == "AL2023_x86_64_STANDARD" else None
    running = _running(eks, settings.cluster.name) or ([pinned] if pinned else [])
    oldest = min(running, key=offered.build_number, default=recommended)
    days = (_day(recommended) - _day(oldest)).days
    if days > IMAGE_DAYS:
        found = f"{oldest}, {days} days older than {recommended}"
        return warning("nodes' image", found, f"{_PIN}, and `make up STACK={settings.stack}` renews the nodes")
    return ok("nodes' image", oldest)


def _running(eks: Any, cluster: str) -> list[str]:
    """The releases of the images that a cluster's groups run; none without a cluster."""
    try:
        names: Iterable[str] = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    except eks.exceptions.ResourceNotFoundException:
        return []
    groups = [eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"] for name in names]
    return [str(group["releaseVersion"]) for group in groups if group.get("releaseVersion")]


def _day(release: str) -> date:
    """The day of an image's release (`1.35.3-20261112`)."""
    return datetime.strptime(release.rpartition("-")[2][:8], "%Y%m%d").date()
