"""What a stack may set, read once and checked before any resource is touched."""

from infra.settings.load import WELL_KNOWN_PASSWORD, load, password_fault
from infra.settings.model import (
    AccessSettings,
    ClusterSettings,
    DashboardSettings,
    DatabaseSettings,
    Edge,
    KubeflowSettings,
    NetworkSettings,
    NodeSettings,
    PipelinesSettings,
    Pool,
    RegistrySettings,
    Secret,
    Settings,
    StorageSettings,
    Taint,
)
from infra.settings.raw import SettingsError
from infra.settings.stack import read

__all__ = [
    "WELL_KNOWN_PASSWORD",
    "AccessSettings",
    "ClusterSettings",
    "DashboardSettings",
    "DatabaseSettings",
    "Edge",
    "KubeflowSettings",
    "NetworkSettings",
    "NodeSettings",
    "PipelinesSettings",
    "Pool",
    "RegistrySettings",
    "Secret",
    "Settings",
    "SettingsError",
    "StorageSettings",
    "Taint",
    "load",
    "password_fault",
    "read",
]
