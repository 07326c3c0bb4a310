"""Commands on a stack in which people have something, killed at seeded moments and typed again until they end."""

import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import tools
from bench.people import Manifest, teams, work
from bench.retry import install
from infra.kubeflow.release import resolve
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from ordering.manifests.render import render
from tests.local.cluster import Cluster, until
from tests.local.killing import kill
from tests.local.stack import Checkout
from tests.local.test_interrupted import left_running

VICTIMS = ("program", "terminal", "engine")
LEFT_S = 180.0
"""Seconds for what a killed command had started to end by itself."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Whom to kill (a victim of `tests.local.killing`), and when: so many seconds after the command was typed, and
    once the engine has begun so many steps since."""

    victim: str
    after_s: float = 0.0
    steps: int = 0

    def due(self, checkout: Checkout) -> Callable[[], bool]:
        """Whether it is time, of a command that was typed right now."""
        typed, left = time.monotonic(), _begun(checkout)

        def due() -> bool:
            nonlocal left
            # The journal of a run that was killed is there until this one has settled it.
            begun = _begun(checkout)
            left = left if begun >= left else 0
            return time.monotonic() >= typed + self.after_s and begun - left >= self.steps

        return due


INSTALLERS = ("make up", "kubectl apply --server-side", "kubectl apply", "make up STACK=kind")
"""What brings a release up: the stack, or the loop of kubectl that its readme has, into a cluster of the stack; or a
stack without a cloud, on a cluster of somebody else's."""
KUBECTL = INSTALLERS[1:3]
NO_CLOUD = INSTALLERS[3]


def brought_up(checkout: Checkout, release: str, installer: str = INSTALLERS[0]) -> None:
    """Brings a release up. What kubectl installs is not the stack's own: it has the cluster and one ConfigMap."""
    shared, beside = PROJECT_ROOT.parent / "shared", checkout.root.parent / "shared"
    if shared.is_dir() and not beside.exists():
        beside.symlink_to(shared.resolve())
    checkout.configure({"kubeflowRelease": release})
    if installer not in KUBECTL:
        checkout.must("up", "--yes")
        return
    about = {"name": "nothing-yet", "namespace": "default"}
    empty = checkout.root.parent / "empty"
    empty.mkdir()
    (empty / "kustomization.yaml").write_text("resources: [one.yaml]\n")
    (empty / "one.yaml").write_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about}))
    Checkout(checkout.root, empty).must("up")
    install(checkout.cluster().plane, rendered(release), client_side=installer == INSTALLERS[2])


def rendered(release: str) -> list[Manifest]:
    """A release's objects, as they are published."""
    os.environ["KUSTOMIZE"] = str(tools.ensure("kustomize")["kustomize"])
    return render(resolve(release=release, path=None, sample=False, root=PROJECT_ROOT).path)


def peopled(cluster: Cluster, release: str) -> list[Manifest]:
    """Makes people's objects, and returns them."""
    profiles, objects = teams(), work(release)
    cluster.apply(*profiles)
    names = {one["metadata"]["name"] for one in profiles}
    until(
        lambda: names <= {one["metadata"]["name"] for one in cluster.at("namespaces")["items"]},
        "namespaces of teams",
        120,
    )
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    done = cluster.run("create", "-f", "-", given=json.dumps(listed))
    assert done.returncode == 0, done.stderr
    return [*profiles, *objects]


def kills(seed: int, times: int, longest_s: float) -> list[Kill]:
    """Kills at moments of up to so many seconds, the same at each call."""
    drawn = random.Random(seed)
    return [Kill(victim=drawn.choice(VICTIMS), after_s=round(drawn.uniform(1.0, longest_s), 1)) for _ in range(times)]


class Quiet(NamedTuple):
    """A silence, and the line before it; empty for what has said nothing yet."""

    seconds: float
    after: str


def _begun(checkout: Checkout) -> int:
    """Steps that the journal of a run says have begun."""
    try:
        return checkout.state_file.with_suffix(".journal").read_bytes().count(b'"operation":')
    except FileNotFoundError:
        return 0


@dataclass
class Heard:
    """What a running command says, as it says it."""

    run: "subprocess.Popen[str]"
    lines: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begun = time.monotonic()
        self._listeners = [
            threading.Thread(target=self._listen, args=(stream,), daemon=True)
            for stream in (self.run.stdout, self.run.stderr)
            if stream is not None
        ]
        for one in self._listeners:
            one.start()

    def _listen(self, stream: Iterable[str]) -> None:
        self.lines.extend((time.monotonic(), line) for line in stream)

    def end(self) -> None:
        """Waits until all has been said."""
        self.run.wait()
        for one in self._listeners:
            one.join(timeout=LEFT_S)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(line for _, line in sorted(self.lines))

    @property
    def quiet(self) -> Quiet:
        """Its longest silence."""
        told = [(self._begun, ""), *sorted(self.lines)]
        gaps = [Quiet(later - earlier, line.strip()) for (earlier, line), (later, _) in pairwise(told)]
        return max(gaps, default=Quiet(0.0, ""))


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended that was killed `kills` times before. `quiet` is the longest silence of its runs."""

    kills: int
    seconds: float
    quiet: Quiet
    said: str


def ended(checkout: Checkout, arguments: Sequence[str], wanted: Sequence[Kill]) -> Ended:
    """Types a command, kills it as wanted, and types it again, until it ends by itself.

    UserError for one that fails by itself or leaves something running. Kills that it was too quick for are not done.
    """
    begun = time.monotonic()
    done, quiet = 0, Quiet(0.0, "")
    for one in (*wanted, None):
        run = checkout.start(*arguments)
        heard = Heard(run)
        if one is not None:
            due = one.due(checkout)
            while run.poll() is None and not due():
                time.sleep(0.1)
        if killed := one is not None and run.poll() is None:
            kill(checkout, run, one.victim)
        heard.end()
        quiet = max(quiet, heard.quiet)
        if "Traceback" in heard.text or (run.returncode and not killed):
            raise UserError(f"`{' '.join(arguments)}` ended with {run.returncode}: {heard.text[-3000:]}")
        if not killed or not run.returncode:
            break
        done += 1
        until(lambda: not left_running(checkout), "what the command had started ends", LEFT_S)
    seconds = time.monotonic() - begun
    return Ended(kills=done, seconds=round(seconds, 1), quiet=quiet, said=heard.text)
