"""A cluster of somebody else's and no cloud at all: the stack `kind`, by a `kind` of our own that hands out the plane.

No variable of AWS is set, no emulator runs, and the only providers are kubernetes and random. Every name that a
command looks up is noted.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import yaml

from localcloud import plane, plugin
from tests.local.cluster import Cluster, default_class
from tests.local.stack import Checkout, checked_out

# What kind v0.31.0 does and says (pkg/cmd/kind), with a control plane that runs already.
_KIND = """#!{python}
import json, os, pathlib, shutil, sys
place = pathlib.Path(__file__).parent
arguments, given = sys.argv[1:], ("" if sys.stdin.isatty() else sys.stdin.read())
with open(place / "calls", "a") as calls:
    calls.write(json.dumps([arguments, given]) + "\\n")
made = place / "made"
if arguments == ["version"]:
    print("kind v0.31.0 go1.25.5 linux/amd64")
elif arguments == ["get", "clusters"]:
    print("\\n".join(["other", "kubeflow"] if made.exists() else ["other"]))
elif arguments[:2] == ["create", "cluster"]:
    made.touch()
    shutil.copy(place / "kubeconfig", os.environ["KUBECONFIG"])
elif arguments[:2] == ["delete", "cluster"]:
    made.unlink(missing_ok=True)
else:
    sys.exit(f"ERROR: unknown command {{arguments}}")
"""

# Read by every Python that starts with it on its path: notes whom a process looks up.
_WATCH = """
import os, socket
_real = socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    with open(os.environ["LOOKED_UP"], "a") as file:
        file.write(f"{host}\\n")
    return _real(host, *rest, **more)
socket.getaddrinfo = getaddrinfo
"""

# Named as kind's own (pkg/build/nodeimage/const_storage.go).
_STANDARD = default_class("standard")
_THIS_MACHINE = {"127.0.0.1", "localhost", "0.0.0.0", "None"}


@dataclass(frozen=True)
class Person:
    """Somebody with a checkout, a `kind` on PATH, and nothing of AWS."""

    checkout: Checkout
    folder: Path

    @property
    def calls(self) -> list[list[str]]:
        """What the `kind` was asked."""
        return [json.loads(line)[0] for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def looked_up(self) -> set[str]:
        """The names that commands have looked up, but for this machine's."""
        return set((self.folder.parent / "looked-up").read_text().split()) - _THIS_MACHINE


@contextmanager
def person(folder: Path, manifests: Path | None) -> Iterator[Person]:
    """The person, with a checkout below `folder`, for the length of the block."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with checked_out(folder) as made, mock.patch.dict(os.environ, without, clear=True):
        started = plane.start(made.root)
        Cluster(started).apply(_STANDARD)
        bin_ = folder / "bin"
        bin_.mkdir()
        content = yaml.safe_load(started.kubeconfig.read_text())
        content["contexts"] = [{"name": "kind-kubeflow", "context": content["contexts"][0]["context"]}]
        (bin_ / "kubeconfig").write_text(yaml.safe_dump({**content, "current-context": "somewhere-else"}))
        (bin_ / "kind").write_text(_KIND.format(python=sys.executable))
        (bin_ / "kind").chmod(0o755)
        (folder / "watch").mkdir()
        (folder / "watch" / "sitecustomize.py").write_text(_WATCH)
        home = made.root / ".local" / "pulumi"
        plugin.install(home)
        with subprocess.Popen(
            [sys.executable, "-m", "localcloud.providers", "random"], cwd=made.root, stdout=subprocess.PIPE
        ) as server:
            assert server.stdout
            environment = {
                "HOME": str(folder),
                "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(folder / "watch"),
                "LOOKED_UP": str(folder / "looked-up"),
                "KUBECONFIG": str(folder / "kubeconfig"),
                "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
                "PULUMI_HOME": str(home),
                "PULUMI_DEBUG_PROVIDERS": f"random:{int(server.stdout.readline())}",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "DASHBOARD_PASSWORD": "correct horse battery",
                **plugin.patches(forced=True),
            }
            try:
                yield Person(Checkout(made.root, manifests, environment, "kind"), bin_)
            finally:
                server.terminate()
