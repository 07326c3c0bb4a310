"""A stack without a cloud: which settings are AWS's alone, so that none of them is read there."""

from collections.abc import Mapping

from infra.settings import address, budget, images, monitoring
from infra.settings.raw import RawSettings

OF_AWS = (
    "emulated",
    "tags",
    "networkCidr",
    "networkZones",
    "networkNat",
    "clusterName",
    "clusterVersion",
    "clusterOidcProviderArn",
    "clusterPublicAccessCidrs",
    "clusterLogRetentionDays",
    "clusterAdministrators",
    "clusterViewers",
    "clusterAdministratorRole",
    "clusterAdministratorPrincipals",
    "clusterNetworkPolicy",
    "podAccess",
    "nodesInstanceType",
    "nodesMin",
    "nodesDesired",
    "nodesMax",
    "nodesDiskGiB",
    "nodesGpuShares",
    "nodesAutoscaling",
    "nodePools",
    "files",
    *address.KEYS,
    monitoring.EMAIL_KEY,
    *budget.KEYS,
    "sagemaker",
    "database",
    "databaseInstanceClass",
    "databaseStorageGiB",
    "databaseMultiAz",
    "databaseBackupDays",
    "databaseSnapshot",
    *images.KEYS,
    "backupDays",
    "registryRepository",
    "storageOnDestroy",
    "kubeflowArtifacts",
    "kubeflowProfileNamespaces",
)
"""Settings that say something about AWS and nothing else."""

_PACKAGES = ("aws:", "eks:")
_FAULT = "is a setting of AWS, and cloud is none; remove it, or set cloud to aws."


def refuse_aws(raw: RawSettings, project: str, config: Mapping[str, str], defaults: Mapping[str, str]) -> None:
    """Names every setting of AWS that says other than its default, and reads on as if none of them did."""
    for key in OF_AWS:
        raw.refuse_given(f"{project}:{key}", key, defaults, _FAULT)
    for full in sorted(config):
        if full.startswith(_PACKAGES):
            raw.refuse_given(full, full, defaults, _FAULT)
