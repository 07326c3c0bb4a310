"""A stack's settings without the engine: its file over the project's defaults, encrypted values left closed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from infra.declared import defaults, full_key
from infra.settings import Settings, SettingsError, load
from ops.project import PROJECT_ROOT, read_project, read_section, stack_file

# Stands for an encrypted value: only the engine, with the stack's passphrase or key, can open it.
SEALED = "(encrypted)"

_SECRETS = ("dashboardPassword", "clusterKubeconfig")


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """What a stack sets.

    `config` has full keys and every default, as the engine hands it to the program; `sealed` are the keys whose value
    is encrypted and reads `(encrypted)` here. `refused` says what the program would refuse about the secrets alone (a
    password that is missing, known or in plain text); all else in `settings` is sound.
    """

    settings: Settings
    config: Mapping[str, str]
    sealed: frozenset[str]
    refused: tuple[str, ...]


def stack_settings(
    stack: str,
    changes: Mapping[str, str] | None = None,
    *,
    root: Path = PROJECT_ROOT,
    today: date | None = None,
) -> StackSettings:
    """The settings of a stack as its file says, with `changes` (key to text, as after `pulumi config set`) on top.

    UserError for a stack without a file, or a file that is no configuration; SettingsError, which says all that is
    wrong, for settings that the program would refuse. `today` decides which Kubernetes versions are supported.
    """
    project = read_project(root)
    name, given = str(project["name"]), defaults(project)
    config, sealed = read_config(stack, root)
    for key, value in (changes or {}).items():
        config[full_key(name, key)] = value
        sealed -= {full_key(name, key)}
    day = today or datetime.now(UTC).date()
    try:
        settings = load(name, stack, config, defaults=given, today=day, secret_keys=sealed)
        return StackSettings(settings=settings, config=config, sealed=sealed, refused=())
    except SettingsError as error:
        refused = error.problems
        secrets = {full_key(name, key) for key in _SECRETS}
        closed = {key: SEALED for key in secrets if config.get(key) or key.endswith(":dashboardPassword")}
        try:
            settings = load(name, stack, {**config, **closed}, defaults=given, today=day, secret_keys=sealed | secrets)
        except SettingsError:
            raise error from None
    return StackSettings(settings=settings, config=config, sealed=sealed, refused=refused)


def sound_settings(stack: str) -> Settings:
    """The settings of a stack that is to be brought up; SettingsError for whatever the program would refuse in them."""
    found = stack_settings(stack)
    if found.refused:
        raise SettingsError(stack, found.refused)
    return found.settings


def read_config(stack: str, root: Path = PROJECT_ROOT) -> tuple[dict[str, str], frozenset[str]]:
    """A stack's configuration as texts under full keys, with the defaults, and the keys that are encrypted."""
    path = stack_file(stack, root)
    project = read_project(root)
    config, sealed = defaults(project), set()
    for key, value in read_section(path).items():
        full = full_key(str(project["name"]), key)
        opened, closed = _open(value)
        config[full] = configured(opened)
        if closed:
            sealed.add(full)
    return config, frozenset(sealed)


def configured(value: Any) -> str:
    """A value as the engine hands it to the program: text as it is, nothing as an empty text, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _open(value: Any) -> tuple[Any, bool]:
    """A value with what is encrypted in it replaced, and whether there was any."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return SEALED, True
        opened = {key: _open(item) for key, item in value.items()}
        return {key: item for key, (item, _) in opened.items()}, any(closed for _, closed in opened.values())
    if isinstance(value, list):
        items = [_open(item) for item in value]
        return [item for item, _ in items], any(closed for _, closed in items)
    return value, False
