"""The programs that a stack needs on this machine; nothing is downloaded or built to find out."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

from ops.doctor.finding import Finding, broken, ok, warning
from ordering.errors import UserError
from tools import cache, versions
from tools.build import find_go
from tools.catalog import TOOLS, ReleasedTool, SourceTool

# What the person brings, and what it is for.
_AWS = {"aws": "the cluster's kubeconfig asks it for tokens"}
_GIT = {"git": "the release comes from a Git repository"}
_TESTS_ALONE = ("actionlint", "oauth2-proxy")
_SEALED = "crane"
"""What a stack with `imagesFrom: ecr` needs beside the rest."""
_EVERYWHERE = ("pulumi", "kustomize", "kubectl", "journal")

_OLDEST_PYTHON = (3, 11)


def check_tools(*, local: bool, aws: bool, sealed: bool = False) -> Iterator[Finding]:
    """Python, the tools that the project brings itself, and those that it cannot bring."""
    yield check_python(sys.version_info[:2])
    names = [name for name in TOOLS if name not in (*_TESTS_ALONE, _SEALED)] if local else [*_EVERYWHERE]
    yield from check_brought([*names, *([_SEALED] if sealed else ())])
    for name, purpose in {}.items() if local else ({**_AWS, **_GIT} if aws else _GIT).items():
        found = shutil.which(name)
        if found is None:
            yield broken(name, "not on PATH", f"install it: {purpose}")
        elif name == "aws":
            yield check_aws(found)
        else:
            yield ok(name, found)


def check_aws(program: str) -> Finding:
    """Whether the aws CLI is one that Pulumi's EKS package takes, for a preview too (dependencies.ts of 4.3.0)."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return broken("aws", f"{program} does not run ({type(error).__name__})", "install AWS CLI 2.7 or newer")
    told = re.match(r"aws-cli/(\d+)\.(\d+)\S*", done.stdout)
    if told is None:
        return warning("aws", f"{program} does not tell its version", "see that it is AWS CLI 2.7 or newer")
    major, minor = int(told[1]), int(told[2])
    if (major, minor) < ((1, 24) if major == 1 else (2, 7)):
        return broken("aws", f"{told[0]} at {program}", "install 2.7 or newer: Pulumi's EKS package refuses it")
    return ok("aws", f"{told[0]} at {program}")


def check_python(version: tuple[int, int]) -> Finding:
    """Whether this Python is new enough."""
    if version < _OLDEST_PYTHON:
        wanted = ".".join(map(str, _OLDEST_PYTHON))
        return broken("python", ".".join(map(str, version)), f"install Python {wanted} or newer, and remove .venv")
    return ok("python", platform.python_version())


def check_brought(names: Sequence[str]) -> Iterator[Finding]:
    """For each tool that the project brings: the copy that a run would take."""
    missing = []
    for name in names:
        tool = TOOLS[name]
        copy = versions.on_path(tool) if isinstance(tool, ReleasedTool) else None
        if isinstance(tool, ReleasedTool) and copy and versions.acceptable(copy[1], tool.accepts):
            yield ok(name, f"{copy[1]} at {copy[0]}")
        elif cache.slot(tool).present():
            yield ok(name, f"{tool.version if isinstance(tool, ReleasedTool) else 'own build'}, in the cache")
        elif copy:
            yield warning(
                name, f"{copy[0]} is {copy[1] or 'of an unknown version'}", "`make tools` installs a suitable one"
            )
        else:
            missing.append(name)
    if not missing:
        return
    built = [name for name in missing if isinstance(tool := TOOLS[name], SourceTool) or tool.download is None]
    try:
        if built:
            find_go(built[0])
    except UserError as error:
        found, _, advice = str(error).partition(": ")
        yield broken("tools", f"not here: {', '.join(built)}; {found}", advice)
    else:
        yield warning("tools", f"not here yet: {', '.join(missing)}", "`make tools` or the first run installs them")


def is_here(name: str) -> bool:
    """Whether a run finds this tool without downloading or building it."""
    tool = TOOLS[name]
    copy = versions.on_path(tool) if isinstance(tool, ReleasedTool) else None
    if copy and isinstance(tool, ReleasedTool) and versions.acceptable(copy[1], tool.accepts):
        return True
    return cache.slot(tool).present()
