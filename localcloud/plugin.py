"""The official Kubernetes plugin in the laptop's own Pulumi home, where the engine looks for plugins."""

import os
import shlex
from importlib.metadata import version
from pathlib import Path

import tools

TOOL = "pulumi-resource-kubernetes"
SDK = "pulumi-kubernetes"

MISMATCH = "resource plugin kubernetes is expected to have version"
"""How the engine's warning begins when a build from the Go module, which is older than the SDK, tells its version."""


# An engine that is killed leaves the plugin running, with all that it was asked for: it looks for its engine every five
# minutes (provider.Main of pulumi/pkg 3.215). The script's input is a pipe that ends with the engine. An engine that
# ends by itself interrupts the script and what runs in it, and waits for five seconds (plugin.go of pulumi/sdk 3.259);
# what a shell runs in the background ignores that, so the script passes it on. The plugin never removes the kubeconfig
# that it writes to a temporary file, with the key of whoever may do everything; the script does.
_SCRIPT = """#!/bin/sh
TMPDIR=$(mktemp -d) || exit
export TMPDIR
end() {{
kill $! $program
wait
rm -rf "$TMPDIR"
exit
}}
trap end INT TERM
{program} "$@" < /dev/null &
program=$!
exec 3<&0 > /dev/null 2>&1
cat <&3 &
wait $!
end
"""


def patches(*, forced: bool) -> dict[str, str]:
    """The program's `enable_patch_force`, for a build from the Go module, which knows only the environment.

    provider/pkg/await/await.go of pulumi-kubernetes at f47bc2d6f199, `patchForce`.
    """
    return {"PULUMI_K8S_ENABLE_PATCH_FORCE": str(forced).lower()}


def install(home: Path) -> str:
    """Puts the plugin into the home's folder of plugins, under the SDK's version; its own version and its origin.

    The folder is the laptop's own: a build from the Go module must not serve a stack on AWS.
    """
    [found] = tools.find(TOOL)
    plugins = home / "plugins"
    if plugins.is_symlink():
        plugins.unlink()
    folder = plugins / f"resource-kubernetes-v{version(SDK)}"
    folder.mkdir(parents=True, exist_ok=True)
    script, text = folder / TOOL, _SCRIPT.format(program=shlex.quote(str(found.path)))
    if not script.exists() or script.read_text() != text:
        new = folder / f".{os.getpid()}"
        new.write_text(text)
        new.chmod(0o755)
        new.replace(script)
    return found.origin
