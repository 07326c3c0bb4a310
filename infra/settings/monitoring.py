"""How a stack is seen while it works: what measures it, and whom an alarm reaches."""

import re
from dataclasses import dataclass
from typing import Literal, cast

from infra.settings.raw import RawSettings

EMAIL_KEY = "monitoringEmail"

EMAIL = re.compile(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)

SMALLEST_GIB, LARGEST_GIB = 10, 16384
"""What a volume of measurements may hold: less is full in hours, and more no gp3 volume could."""
LONGEST_DAYS = 3650


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """What measures the cluster; `email` gets alarms, None for nobody but who looks.

    Prometheus keeps measurements for `retention_days`, on each of its volumes of `storage_gib`; `path` is a folder with
    kube-prometheus' manifests, None for the pinned commit.
    """

    kind: Literal["none", "cloudwatch", "prometheus"]
    email: str | None
    retention_days: int
    storage_gib: int
    path: str | None


def read_monitoring(
    raw: RawSettings, *, creates: bool, reaches_aws: bool, release: str, has_gateway: bool
) -> MonitoringSettings:
    """What is wanted.

    `creates` says that the stack makes the cluster, `reaches_aws` that pods of it can get at AWS, and
    `has_gateway` that `release` has what people sign in at.
    """
    kinds = ("none", "cloudwatch", "prometheus")
    kind = cast("Literal['none', 'cloudwatch', 'prometheus']", raw.text("monitoring", kinds))
    email, path = raw.text(EMAIL_KEY), raw.text("monitoringPath")
    if kind == "cloudwatch" and not creates:
        raw.problem(
            "monitoring",
            "'cloudwatch' is an add-on of a cluster to create; set it to prometheus or none, or clusterMode to create.",
        )
    if kind == "prometheus" and not has_gateway:
        raw.problem(
            "monitoring",
            f"'prometheus' shows its dashboards behind Kubeflow's gateway, and {release} has none; set it to none, or "
            "choose another kubeflowRelease.",
        )
    if path and kind != "prometheus" and raw.sound("monitoring"):
        raw.problem("monitoringPath", "is for kube-prometheus; set monitoring to prometheus, or remove it.")
    if email and not EMAIL.fullmatch(email):
        raw.problem(EMAIL_KEY, f"{email!r} is not an e-mail address; write one like platform@example.com.")
    elif email and kind == "none" and raw.sound("monitoring"):
        raw.problem(
            EMAIL_KEY, f"{email} would never get an alarm; set monitoring to cloudwatch or prometheus, or remove it."
        )
    elif email and kind == "prometheus" and not reaches_aws:
        raw.problem(
            EMAIL_KEY,
            "gets Prometheus' alarms by SNS, which takes a role for a service account, so the cluster's IAM OIDC "
            "provider; set clusterOidcProviderArn, or podAccess to pod-identity, or remove it.",
        )
    return MonitoringSettings(
        kind=kind,
        email=email or None,
        retention_days=raw.integer("monitoringRetentionDays", 1, LONGEST_DAYS),
        storage_gib=raw.integer("monitoringStorageGiB", SMALLEST_GIB, LARGEST_GIB),
        path=path or None,
    )
