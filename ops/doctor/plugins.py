"""The official plugins of a stack on AWS: which are on this machine, and which the first run downloads."""

import os
from importlib.metadata import version
from pathlib import Path

from ops.doctor.finding import Finding, ok

# What the component `eks.Cluster` is written against: nodejs/eks/package.json of pulumi-eks, at 4.3.0 and on its main
# branch in August 2026. The engine brings these for what the component itself makes.
INSIDE_EKS = {"aws": "7.25.0", "kubernetes": "4.19.0"}


def check_plugins(*packages: str) -> Finding:
    """The plugins of these packages in Pulumi's home. A stack that creates its cluster has two versions of some."""
    names = [f"{package} {version(f'pulumi-{package}')}" for package in packages]
    names += [f"{package} {number} (of eks)" for package, number in INSIDE_EKS.items()] if "eks" in packages else []
    folder = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    missing = [name for name in names if not _there(folder, name)]
    if not missing:
        return ok("plugins", f"here: {', '.join(names)}")
    return ok("plugins", f"not here yet: {', '.join(missing)}", "the first run downloads them")


def _there(folder: Path, name: str) -> bool:
    package, number = name.split()[:2]
    return (folder / f"resource-{package}-v{number}").is_dir()
