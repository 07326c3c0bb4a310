"""The engine's command line tool, as the Automation API wants it."""

from pathlib import Path

import tools
from ops.project import local_dir


def pulumi_root() -> Path:
    """The folder whose `bin/pulumi` is the engine: the one on PATH or the one that `tools` brings."""
    pulumi = tools.ensure("pulumi")["pulumi"]
    if pulumi.parent.name == "bin":
        return pulumi.parent.parent
    link = local_dir() / "engine" / "bin" / "pulumi"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and link.readlink() != pulumi:
        link.unlink()
    if not link.is_symlink():
        link.symlink_to(pulumi)
    return link.parent.parent
