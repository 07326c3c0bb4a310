"""The setting of what holds volumes that many pods write to."""

from typing import Literal, cast

from infra.settings.model import ClusterSettings
from infra.settings.raw import RawSettings


def read_files(raw: RawSettings, cluster: ClusterSettings) -> Literal["none", "efs"]:
    """Which of the two; EFS wants a network of the stack's own."""
    files = cast("Literal['none', 'efs']", raw.text("files", ("none", "efs")))
    if files == "efs" and cluster.mode == "existing":
        raw.problem("files", "'efs' needs the VPC of a cluster to create; set it to none, or clusterMode to create.")
    return files
