"""Settings for tests, from the same defaults as the engine's."""

import json
from datetime import date
from typing import Any

from infra.declared import defaults
from infra.settings import Settings, load
from ops.project import read_project

DEFAULTS = defaults(read_project())
TODAY = date(2026, 11, 1)
PASSWORD = "correct horse battery"
SECRETS = ("kubeflow:dashboardPassword", "kubeflow:loginClientSecret")


def raw(**changes: Any) -> dict[str, str]:
    """The configuration of a stack that sets just `changes`; what is not text becomes JSON, as Pulumi makes it."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in changes.items()}
    return {**DEFAULTS, **{f"kubeflow:{key}": value for key, value in texts.items()}}


def settings(stack: str = "dev", **changes: Any) -> Settings:
    """Checked settings of a stack that sets its password and `changes`."""
    changes = {"dashboardPassword": PASSWORD, **changes}
    return load("kubeflow", stack, raw(**changes), defaults=DEFAULTS, today=TODAY, secret_keys=SECRETS)
