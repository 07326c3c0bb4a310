"""How long people's notebook servers may idle before they are stopped."""

from dataclasses import dataclass

from infra.settings.raw import RawSettings

_YEAR = 525_600
# Shorter than a look at a paper; the notebook controller itself asks once a minute.
_SHORTEST = 10


@dataclass(frozen=True, kw_only=True)
class NotebookSettings:
    """Minutes without activity after which a server is stopped, and one that holds an accelerator; 0 for never."""

    idle_minutes: int
    gpu_idle_minutes: int


def read_notebooks(raw: RawSettings) -> NotebookSettings:
    """The limits; the one for accelerators counts only where it is the shorter one."""
    keys = ("notebooksIdleMinutes", "notebooksGpuIdleMinutes")
    found = NotebookSettings(
        idle_minutes=raw.integer(keys[0], 0, _YEAR), gpu_idle_minutes=raw.integer(keys[1], 0, _YEAR)
    )
    for key, minutes in zip(keys, (found.idle_minutes, found.gpu_idle_minutes), strict=True):
        if 0 < minutes < _SHORTEST:
            raw.problem(key, f"{minutes} would stop people in a pause; choose {_SHORTEST} or more, or 0 for never.")
    if raw.sound(*keys) and 0 < found.idle_minutes <= found.gpu_idle_minutes:
        raw.problem(
            keys[1],
            f"{found.gpu_idle_minutes} says nothing, for notebooksIdleMinutes stops all after {found.idle_minutes}; "
            "choose a smaller number, or 0.",
        )
    return found
