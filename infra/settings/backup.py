"""For how long what a stack holds is backed up."""

from infra.settings.model import ClusterSettings
from infra.settings.raw import RawSettings

LONGEST_DAYS = 3650


def read_backup_days(raw: RawSettings, cluster: ClusterSettings) -> int:
    """Days that a backup is kept, 0 for none; volumes are found by the tags that a cluster of the stack's own gives."""
    days = raw.integer("backupDays", 0, LONGEST_DAYS)
    if days and cluster.mode == "existing":
        raw.problem("backupDays", "needs the volumes of a cluster to create; set it to 0, or clusterMode to create.")
    return days
