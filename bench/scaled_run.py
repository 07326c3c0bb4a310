"""Works for real: a control plane with its scheduler, and the cluster autoscaler over it, an hour in a minute."""

import contextlib
import heapq
import itertools
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kubernetes import client, watch  # type: ignore[import-untyped]

from bench import scaled_objects as objects
from infra.api import client_of
from localcloud import plane
from ops.cluster import Access, ClusterApi, api_of
from ops.costs.week.model import HOUR, NodeGroup, Pod, Work
from ops.costs.week.simulation import NODE_START
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

SCALE = 60.0
"""Seconds of the week in one of ours."""
_PATIENCE = 90.0
_PLACED = 10.0
_LOOKS = "Calculating unneeded nodes"


@dataclass
class Measured:
    """Hours of nodes by group, pods that no node took while their work lasted, moves, and our own latest action."""

    hours: dict[str, float] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)
    moved: int = 0
    late_s: float = 0


@dataclass(eq=False)
class _Job:
    work: Work
    number: int
    stage: int = -1
    left: dict[str, Pod] = field(default_factory=dict)
    ended: bool = False


def run(program: Path, groups: Sequence[NodeGroup], works: Sequence[Work], until: int) -> Measured:
    """Plays works with the autoscaler at a path for so many seconds of the week; UserError where that does not run."""
    root = Path(tempfile.mkdtemp(prefix="scaled-"))
    try:
        made = plane.start(root)
        api = api_of(Access(made.kubeconfig.read_text(), None))
        for node in api.list("v1", "Node"):
            api.delete(node)
        for one in objects.surroundings(groups):
            api.create(one)
        for group in groups:
            for number in range(group.desired):
                api.create(objects.first(group, number))
        _until_ready(api, sum(group.desired for group in groups))
        with ThreadPoolExecutor(16) as hands:
            playing = _Run(made.kubeconfig, api, hands, groups, until)
            playing.place([work for work in works if work.start == 0])
            with _autoscaler(program, made.kubeconfig, root):
                return playing.play([work for work in works if work.start > 0])
    finally:
        plane.stop(root)
        shutil.rmtree(root, ignore_errors=True)


class _Run:
    """What happens, by one thread; `hands` ask the API server."""

    def __init__(
        self, kubeconfig: Path, api: ClusterApi, hands: ThreadPoolExecutor, groups: Sequence[NodeGroup], until: int
    ) -> None:
        self._api, self._hands, self._until = api, hands, until
        self._core = client.CoreV1Api(client_of(kubeconfig.read_text()))
        self._events: queue.Queue[tuple[Callable[..., None], Any]] = queue.Queue()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._asked: list[Future[None]] = []
        self._born: dict[str, tuple[str, float]] = {}
        self._hours = {group.name: 0.0 for group in groups}
        self._waits: dict[str, _Job] = {}
        self._started: set[str] = set()
        self._seen: set[str] = set()
        self._measured = Measured()
        self._numbers = itertools.count()
        self._begun: float | None = None

    def place(self, works: Sequence[Work]) -> None:
        """Begins what is there from the start, and waits until all that fits has its node."""
        for kind, heard in ((self._core.list_node, self._node), (self._core.list_pod_for_all_namespaces, self._pod)):
            threading.Thread(target=self._watch, args=(kind, heard), daemon=True).start()
        for work in works:
            self._begin(_Job(work, next(self._numbers)))
        deadline = time.monotonic() + _PLACED
        while self._waits.keys() - self._started and time.monotonic() < deadline:
            self._hear(0.1)

    def play(self, works: Sequence[Work]) -> Measured:
        """Begins the others, each at its time."""
        self._begun = time.monotonic()
        for work in works:
            self._at(work.start, partial(self._begin, _Job(work, next(self._numbers))))
        while (now := self._now()) < self._until:
            while self._agenda and self._agenda[0][0] <= now:
                when, _, action = heapq.heappop(self._agenda)
                self._measured.late_s = round(max(self._measured.late_s, now - when), 1)
                action()
            following = self._agenda[0][0] if self._agenda else self._until
            self._hear(max((min(following, self._until) - self._now()) / SCALE, 0.001))
        for group, since in self._born.values():
            self._hours[group] += (self._until - since) / HOUR
        self._measured.stuck += [key for key in self._waits if key not in self._started]
        self._measured.hours = {group: round(hours, 2) for group, hours in self._hours.items()}
        return self._measured

    def _now(self) -> float:
        return 0.0 if self._begun is None else (time.monotonic() - self._begun) * SCALE

    def _hear(self, patience: float) -> None:
        with contextlib.suppress(queue.Empty):
            heard, about = self._events.get(timeout=patience)
            heard(about)
        self._fail_early()

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), action))

    def _ask(self, call: Callable[[], None]) -> None:
        self._asked.append(self._hands.submit(call))

    def _fail_early(self) -> None:
        done = [one for one in self._asked if one.done()]
        self._asked = [one for one in self._asked if not one.done()]
        for one in done:
            one.result()

    def _watch(self, listed: Callable[..., Any], heard: Callable[..., None]) -> None:
        try:
            while True:
                for event in watch.Watch().stream(listed, timeout_seconds=3600):
                    self._events.put((heard, event))
        except Exception as error:
            self._events.put((self._broken, error))

    def _broken(self, error: Exception) -> None:
        raise UserError(f"The API server of the comparison stopped answering: {error}") from error

    # Nodes.

    def _node(self, event: Any) -> None:
        node = event["raw_object"]
        name, group = node["metadata"]["name"], node["metadata"]["labels"].get(objects.GROUP)
        if group is None:
            return
        if event["type"] == "DELETED":
            _, since = self._born.pop(name)
            self._hours[group] += (min(self._now(), self._until) - since) / HOUR
        elif name not in self._born:
            self._born[name] = (group, 0.0 if "-first-" in name else self._now())
            if any(taint["key"] == objects.STARTING for taint in node["spec"].get("taints", ())):
                self._at(self._now() + NODE_START, partial(self._ask, partial(self._start_node, name)))

    def _start_node(self, name: str) -> None:
        while True:
            node = self._core.read_node(name)
            node.spec.taints = [one for one in node.spec.taints or () if one.key != objects.STARTING]
            try:
                self._core.replace_node(name, node)
            except client.ApiException as error:
                if error.status != 409:
                    raise
            else:
                return

    # Pods.

    def _begin(self, job: _Job) -> None:
        if job.work.end is not None:
            self._at(job.work.end, partial(self._stop, job))
        self._next_stage(job)

    def _next_stage(self, job: _Job) -> None:
        job.stage += 1
        if job.stage == len(job.work.stages):
            return
        for index, pod in enumerate(job.work.stages[job.stage]):
            key = f"w{job.number}-{job.stage}-{index}"
            job.left[key], self._waits[key] = pod, job
            self._ask(partial(self._api.create, objects.work(pod, key)))

    def _stop(self, job: _Job) -> None:
        job.ended = True
        for key, pod in job.left.items():
            self._take(key, pod)
        job.left.clear()

    def _take(self, key: str, pod: Pod) -> None:
        if key not in self._started:
            self._measured.stuck.append(key)
        self._waits.pop(key)
        self._ask(partial(self._delete, objects.work(pod, key)))

    def _delete(self, manifest: Manifest) -> None:
        self._api.delete(manifest)
        place = manifest["metadata"]["namespace"]
        if manifest["kind"] != "Pod":
            # The controller's own clean-up takes a second, which is a minute here.
            label = f"{objects.WORK}={manifest['metadata']['name']}"
            self._core.delete_collection_namespaced_pod(place, label_selector=label, grace_period_seconds=0)

    def _pod(self, event: Any) -> None:
        pod = event["raw_object"]
        metadata = pod["metadata"]
        key = metadata.get("labels", {}).get(objects.WORK)
        if key is None or event["type"] == "DELETED" or not pod["spec"].get("nodeName"):
            return
        if metadata["uid"] in self._seen or key not in self._waits:
            return
        self._seen.add(metadata["uid"])
        self._measured.moved += key in self._started
        self._started.add(key)
        job = self._waits[key]
        seconds = job.left[key].seconds
        if seconds is not None:
            self._at(self._now() + seconds, partial(self._end, job, key))

    def _end(self, job: _Job, key: str) -> None:
        if job.ended:
            return
        self._take(key, job.left.pop(key))
        if not job.left:
            self._next_stage(job)


def _until_ready(api: ClusterApi, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        nodes = api.list("v1", "Node")
        ready = [
            node
            for node in nodes
            if any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", ()))
            and not any(taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints", ()))
        ]
        if len(ready) == len(nodes) == count:
            return
        time.sleep(0.1)
    raise UserError(f"The {count} first nodes of the comparison were not ready within {_PATIENCE:.0f} s.")


@contextmanager
def _autoscaler(program: Path, kubeconfig: Path, root: Path) -> Iterator[None]:
    """The program, from the moment that it looks at nodes, for the length of the block."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    log = root / "autoscaler.log"
    environment = {"KUBECONFIG": str(kubeconfig), "KWOK_PROVIDER_MODE": "local", "POD_NAMESPACE": "kube-system"}
    command = [str(program), *objects.arguments(str(kubeconfig), port, SCALE)]
    with log.open("wb") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + _PATIENCE
            while _LOOKS not in (text := log.read_text(errors="replace")):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise UserError(
                        f"The autoscaler {program} does not look at nodes; its log ends with: {text[-500:]}"
                    )
                time.sleep(0.02)
            yield
            if process.poll() is not None:
                raise UserError(f"The autoscaler {program} ended; its log ends with: {log.read_text()[-500:]}")
        finally:
            process.kill()
