"""Whether EKS still offers what is pinned, and how old the image is that nodes run."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import versions
from infra.aws import instances
from infra.aws.patience import PATIENCE
from infra.settings import Settings
from ops import offered, peaks
from ops.doctor.finding import Finding, broken, ok, warning

IMAGE_DAYS = 60
"""Days between the image that nodes run and the one that AWS recommends: by then it lacks a month's fixes."""

STANDARD: instances.Image = "AL2023_x86_64_STANDARD"

_PIN = "`make versions` pins what EKS offers now"


def check_offers(settings: Settings) -> list[Finding]:
    """All of it; a warning where AWS does not let it look."""
    eks, ssm = (boto3.client(name, region_name=settings.region, config=PATIENCE) for name in ("eks", "ssm"))
    try:
        return [
            check_support(eks, settings.cluster.version),
            *check_addons(eks, settings.cluster.version),
            *check_images(eks, ssm, settings),
            *check_insights(eks, settings.cluster.name),
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


def check_images(eks: Any, ssm: Any, settings: Settings) -> Iterator[Finding]:
    """How old the images are that nodes run, or would: one finding for each kind."""
    version = settings.cluster.version
    running = _running(eks, settings.cluster.name)
    for kind in dict.fromkeys(instances.image(one.instance_types[0]) for one in peaks.asked(settings)):
        recommended = offered.image(ssm, version, kind)
        pinned = versions.KUBERNETES[version].images.get(kind)
        releases = running.get(kind) or ([pinned] if pinned else [])
        oldest = min(releases, key=offered.build_number, default=recommended)
        days = (_day(recommended) - _day(oldest)).days
        check = "nodes' image" if kind == STANDARD else f"nodes' image ({kind})"
        if days > IMAGE_DAYS:
            found = f"{oldest}, {days} days older than {recommended}"
            yield warning(check, found, f"`make upgrade-nodes STACK={settings.stack}` pins that, and renews the nodes")
        else:
            yield ok(check, oldest)


def check_insights(eks: Any, cluster: str) -> Iterator[Finding]:
    """What EKS itself found that stands in the way of the cluster's next version; nothing without a cluster."""
    try:
        pages = eks.get_paginator("list_insights").paginate(
            clusterName=cluster, filter={"categories": ["UPGRADE_READINESS"]}
        )
        found = [one for page in pages for one in page["insights"]]
    except eks.exceptions.ResourceNotFoundException:
        return
    for one in found:
        status = one.get("insightStatus", {})
        if status.get("status") not in ("PASSING", None):
            told = f"{one['name']} ({one.get('kubernetesVersion', 'any version')}): {status.get('reason', 'no reason')}"
            advice = f"aws eks describe-insight --cluster-name {cluster} --id {one['id']}"
            yield warning("upgrade insights", told, advice)
    if found and all(one.get("insightStatus", {}).get("status") == "PASSING" for one in found):
        yield ok("upgrade insights", f"{len(found)}, all passing")


def _running(eks: Any, cluster: str) -> dict[str, list[str]]:
    """The releases of the images that a cluster's groups run, by their kind; none without a cluster."""
    try:
        names: Iterable[str] = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    except eks.exceptions.ResourceNotFoundException:
        return {}
    found: dict[str, list[str]] = {}
    for name in names:
        group = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        if group.get("releaseVersion"):
            found.setdefault(str(group.get("amiType", STANDARD)), []).append(str(group["releaseVersion"]))
    return found


def _day(release: str) -> date:
    """The day of an image's release (`1.35.3-20261112`)."""
    return datetime.strptime(release.rpartition("-")[2][:8], "%Y%m%d").date()
