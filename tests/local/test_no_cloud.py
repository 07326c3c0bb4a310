"""A cluster of somebody else's and no cloud at all: the stack `kind`, by a `kind` of our own that hands out the plane.

No variable of AWS is set, no emulator runs, and the only providers are kubernetes and random. Every name that the
command looks up is noted, and all of them must be this machine.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from localcloud import emulator, plane, plugin
from ops import kind
from tests.local.cluster import Cluster, Manifest, namespace
from tests.local.stack import SAMPLE, Checkout, changes, checked_out, objects, unavailable

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

CONFIG: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "theirs", "namespace": "theirs"},
    "data": {"a": "b"},
}


@dataclass(frozen=True)
class Person:
    """Somebody with a checkout, a `kind` on PATH, and nothing of AWS."""

    checkout: Checkout
    folder: Path

    @property
    def calls(self) -> list[list[str]]:
        """What the `kind` was asked."""
        return [json.loads(line)[0] for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    folder = tmp_path_factory.mktemp("none")
    with checked_out(folder, SAMPLE) as made, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        started = plane.start(made.root)
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
                yield Person(Checkout(made.root, SAMPLE, environment), bin_)
            finally:
                server.terminate()


def test_the_whole_way_on_a_cluster_of_somebody_elses_without_a_cloud(person: Person) -> None:
    checkout, cluster = person.checkout, Cluster(plane.start(person.checkout.root))
    cluster.apply(namespace("theirs"), CONFIG)
    before = objects(cluster)

    checkout.must("password", "--stack=kind")
    cluster.apply(broken_webhook())
    refused = checkout.ops("up", "--stack=kind", "--yes")
    assert refused.returncode == 1, refused.stdout
    assert "refuses while nobody answers (failurePolicy Fail), and its Service theirs/gone has no" in refused.stderr
    cluster.delete("validatingwebhookconfiguration", "theirs")
    assert objects(cluster) == before
    created = [call for call in person.calls if call[:2] == ["create", "cluster"]]
    assert created == [["create", "cluster", "--name", "kubeflow", "--config", "-", "--wait", "5m"]]

    up = checkout.must("up", "--stack=kind", "--yes")
    assert "Cost: 0.00 USD a month after" in up
    assert "Dashboard: none: the manifests have neither" in up
    assert not unavailable(cluster)
    assert objects(cluster) > before
    assert {one["type"] for one in state(checkout) if one["type"].startswith("pulumi:providers:")} == {
        "pulumi:providers:kubernetes",
        "pulumi:providers:random",
    }
    assert not [one["type"] for one in state(checkout) if one["type"].startswith(("aws:", "eks:"))]
    assert set(changes(checkout.must("preview", "--stack=kind"))) == {"unchanged"}

    assert "Deleted the kind cluster" in checkout.must("destroy", "--stack=kind", "--yes")
    assert person.calls[-1] == ["delete", "cluster", "--name", kind.CLUSTER]
    assert objects(cluster) == before
    assert not emulator.alive(checkout.root)
    looked_up = set((person.folder.parent / "looked-up").read_text().split())
    assert looked_up <= {"127.0.0.1", "localhost", "0.0.0.0", "None"}


def broken_webhook() -> Manifest:
    """A webhook that is asked about every ConfigMap and refuses, since its Service is gone."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "theirs"},
        "webhooks": [
            {
                "name": "gone.theirs.test",
                "clientConfig": {"service": {"namespace": "theirs", "name": "gone"}},
                "rules": [
                    {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def state(checkout: Checkout) -> list[Manifest]:
    path = checkout.state / ".pulumi" / "stacks" / "kubeflow" / "kind.json"
    found: list[Manifest] = json.loads(path.read_text())["checkpoint"]["latest"]["resources"]
    return found
