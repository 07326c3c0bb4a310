"""Bad input, by what is bad in it: each case is a command line with settings, files or an environment to go with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STACK = "blue"

SOUND: Mapping[str, Any] = {
    "aws:region": "us-west-2",
    # Encrypted with a passphrase that nobody has: whoever opens it says so.
    "dashboardPassword": {"secure": "v1:aVwJsXeK19E/6RCx:DwLUh9CHqMf9YQ0dbeHgyswmussEn/o9OG9F7n8="},
}
"""What a stack needs at the least."""

NOWHERE: Mapping[str, str] = {"PULUMI_BACKEND_URL": "file:///nope", "PULUMI_CONFIG_PASSPHRASE": "x"}
"""A backend that is not there, so that nothing goes further than to it."""

UP: tuple[str, ...] = ("up", f"--stack={STACK}", "--yes")


@dataclass(frozen=True)
class Case:
    """A command line and what goes with it; `words` are what its sentence must have.

    `settings` are what the stack `blue` sets, or its file's whole text or bytes; `files` are others of the checkout, or
    of the home where a name starts with `~/`. In the environment `@HOME` and `@ROOT` stand for these two.
    """

    name: str
    arguments: tuple[str, ...]
    words: tuple[str, ...] = ()
    program: str = "ops"
    settings: Mapping[str, Any] | str | bytes = field(default_factory=lambda: SOUND)
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: NOWHERE)
