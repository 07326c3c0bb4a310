"""The official Kubernetes plugin in the laptop's own Pulumi home, where the engine looks for plugins."""

from importlib.metadata import version
from pathlib import Path

import tools

TOOL = "pulumi-resource-kubernetes"
SDK = "pulumi-kubernetes"

FORCE = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""What the program sets on its provider (`enable_patch_force`), for a build from the Go module, which knows only this.

provider/pkg/await/await.go of pulumi-kubernetes at f47bc2d6f199, `patchForce`.
"""

MISMATCH = "resource plugin kubernetes is expected to have version"
"""How the engine's warning begins when a build from the Go module, which is older than the SDK, tells its version."""


def install(home: Path) -> str:
    """Puts the plugin into the home's folder of plugins, under the SDK's version; its own version and its origin.

    The folder is the laptop's own: a build from the Go module must not serve a stack on AWS.
    """
    [found] = tools.find(TOOL)
    plugins = home / "plugins"
    if plugins.is_symlink():
        plugins.unlink()
    # The engine takes folders only, not links to folders.
    folder = plugins / f"resource-kubernetes-v{version(SDK)}"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / TOOL
    if not program.is_symlink() or program.readlink() != found.path:
        program.unlink(missing_ok=True)
        program.symlink_to(found.path)
    return found.origin
