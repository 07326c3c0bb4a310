"""What a stack may set, read once and checked before any resource is touched."""

from infra.settings.address import AddressSettings
from infra.settings.also import KEY as ALSO
from infra.settings.also import Also
from infra.settings.budget import BudgetSettings
from infra.settings.load import load
from infra.settings.login import WELL_KNOWN_PASSWORD, password_fault
from infra.settings.model import (
    AccessSettings,
    ClusterSettings,
    DashboardSettings,
    DatabaseSettings,
    Edge,
    KubeflowSettings,
    LoginSettings,
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
from infra.settings.monitoring import MonitoringSettings
from infra.settings.notebooks import NotebookSettings
from infra.settings.raw import SettingsError
from infra.settings.stack import read

__all__ = [
    "ALSO",
    "WELL_KNOWN_PASSWORD",
    "AccessSettings",
    "AddressSettings",
    "Also",
    "BudgetSettings",
    "ClusterSettings",
    "DashboardSettings",
    "DatabaseSettings",
    "Edge",
    "KubeflowSettings",
    "LoginSettings",
    "MonitoringSettings",
    "NetworkSettings",
    "NodeSettings",
    "NotebookSettings",
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
