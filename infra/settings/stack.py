"""The settings of the stack that is running: the only place that reads Pulumi's configuration."""

from datetime import UTC, datetime
from pathlib import Path

import pulumi
from pulumi.runtime import config as runtime

from infra.declared import defaults
from infra.settings.load import load
from infra.settings.model import Settings
from ordering.manifests import parse


def read(root: Path) -> Settings:
    """Read and check the running stack's configuration; SettingsError says all that is wrong with it.

    `root` is the folder of Pulumi.yaml, whose defaults the engine has filled in. `pulumi.Config` cannot list keys, so
    what it reads from is taken whole: a misspelt key must be found.
    """
    config = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    return load(
        pulumi.get_project(),
        pulumi.get_stack(),
        config,
        defaults=defaults(parse.single(root / "Pulumi.yaml")),
        today=datetime.now(UTC).date(),
        secret_keys=[key for key in config if runtime.is_config_secret(key)],
    )
