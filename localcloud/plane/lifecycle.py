"""Starting, stopping and looking at a control plane."""

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tools
from localcloud.plane import certificates, processes, snapshots
from localcloud.plane.api import ApiServer, synced
from localcloud.plane.components import COMPONENTS, PORTS, Component, components, kubeconfig
from localcloud.plane.endpoints import behind, served
from localcloud.plane.layout import Layout, Pods, Record, State, read_state, write_state
from localcloud.plane.stages import nodes, pace
from ordering.errors import UserError
from tools.catalog import KUBERNETES
from tools.claim import claim
from tools.progress import Event, Reminder, Report, silent

_PATIENCE = 120.0  # seconds to get ready; a machine that also builds something is slow
_POLL = 0.05  # seconds
_CATCHES_UP = 30.0  # seconds for Services to lead to their pods again; one that never does stops nobody
_CLIENTS_END = 4.0  # seconds until what does not end when asked is killed
_ETCD_ENDS = 3.0
_LAST_LINE = 200  # characters of a log's last line that an error shows
_WATCHERS = tuple(name for name in COMPONENTS if name not in ("etcd", "kube-apiserver"))
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A running control plane."""

    root: Path
    server: str
    """The API server's URL."""
    kubeconfig: Path
    """The administrator's kubeconfig, with its keys in it."""
    pods: Pods
    seed: int
    audit_log: Path
    """A JSON line (audit.k8s.io/v1 Event, level Metadata) for every request."""
    webhook_calls: Path
    """A JSON line for every admission or conversion call."""
    logs: Path
    pids: Path

    @property
    def environment(self) -> dict[str, str]:
        """What kubectl and other clients need: the kubeconfig, and a discovery cache of this plane's own."""
        return {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(Layout(self.root).kubectl_cache)}


@dataclass(frozen=True, kw_only=True)
class Status:
    """What of a control plane is there. `components` says "running", "died" or "stopped" for each by name."""

    plane: Plane | None
    """The plane, when all of it runs and answers."""
    components: dict[str, str]
    pids: dict[str, int]
    problem: str | None
    """One sentence about what is wrong with a plane that was started."""


def start(root: Path, *, pods: Pods = "instant", seed: int = 0, report: Report = silent) -> Plane:
    """Start the control plane under `root`, or what of it does not run, and wait until it can be worked with.

    On a plane that runs as wanted nothing is done. Where settings or programs differ, only the components that they
    concern are started again; data is kept. `seed` decides the times at which pods of mode `realistic` are ready.
    Raises UserError when a component does not come up; everything is ended then, and the data is kept.
    """
    layout = Layout(root)
    try:
        layout.logs.mkdir(parents=True, exist_ok=True)
        layout.home.chmod(0o700)
    except OSError as error:
        raise UserError(f"the control plane cannot keep its files in {layout.home}: {error.strerror}") from error
    programs = tools.ensure(*COMPONENTS, report=report)
    with _lock(layout):
        return _Starter(layout, read_state(layout), report).run(programs, pods, seed)


def stop(root: Path, *, wipe: bool = False) -> bool:
    """End all processes of the plane, and with `wipe` remove its data too. Returns whether anything was running."""
    layout = Layout(root)
    if not layout.home.exists():
        return False
    with _lock(layout):
        try:
            state = read_state(layout)
        except UserError:
            if not wipe:
                raise
            state = _found(layout)
        running = [name for name in COMPONENTS if _alive(state, name)]
        _end(state, COMPONENTS)
        layout.egress_socket.unlink(missing_ok=True)
        if wipe:
            shutil.rmtree(layout.home)
        else:
            write_state(layout, state)
    return bool(running)


def status(root: Path) -> Status:
    """Look at the plane without changing anything."""
    layout = Layout(root)
    state = read_state(layout)
    shown = {
        name: "stopped" if name not in state.processes else "running" if _alive(state, name) else "died"
        for name in COMPONENTS
    }
    missing = [name for name, how in shown.items() if how != "running"]
    pids = {name: record.pid for name, record in state.processes.items() if shown[name] == "running"}
    problem = None
    if state.processes and missing:
        problem = (
            f"the control plane is incomplete, {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not running "
            f"(see {layout.logs}): start it again to repair it, or stop it"
        )
    elif state.processes and not ApiServer(state.ports["kube-apiserver"], layout.certificates).ready():
        log = layout.log("kube-apiserver")
        problem = f"the API server runs but is not ready (see {log}): wait, or stop the plane and start it"
    whole = bool(state.processes) and problem is None
    return Status(plane=_plane(layout, state) if whole else None, components=shown, pids=pids, problem=problem)


def lost(root: Path) -> str | None:
    """Which components have died since they were started, with the last line of the first one's log; None if none."""
    layout = Layout(root)
    state = read_state(layout)
    dead = [name for name in COMPONENTS if name in state.processes and not _alive(state, name)]
    if not dead:
        return None
    have = "has" if len(dead) == 1 else "have"
    last = layout.last_lines(dead[0], 1).strip()[:_LAST_LINE]
    return f"{', '.join(dead)} of the control plane {have} died; the log, {layout.log(dead[0])}, ends with: {last}"


class _Starter:
    """One call of `start`, under the lock."""

    def __init__(self, layout: Layout, state: State, report: Report) -> None:
        self._layout, self._state, self._report = layout, state, report

    def run(self, programs: dict[str, Path], pods: Pods, seed: int) -> Plane:
        layout, state = self._layout, self._state
        certificates.ensure(layout.certificates)
        self._forget_the_dead()
        state.ports = self._ports()
        if state.processes and state.pods != pods:
            self._note(f"pods start {pods} from now on, not {state.pods}")
        state.pods, state.seed = pods, seed
        wanted = components(layout, programs, state.ports, pods=pods, seed=seed, pace=pace(os.environ))
        try:
            new = [self._component(one, index, len(wanted)) for index, one in enumerate(wanted, start=1)]
            self._wait_for_work(new=any(new))
        except BaseException:  # also Ctrl-C: nothing may be left half started
            _end(state, COMPONENTS)
            write_state(layout, state)
            raise
        return _plane(layout, state)

    def _forget_the_dead(self) -> None:
        state = self._state
        dead = [name for name in COMPONENTS if name in state.processes and not _alive(state, name)]
        if dead:
            listed = ", ".join(f"{name} (pid {state.processes.pop(name).pid})" for name in dead)
            end = "is not running any more; it is" if len(dead) == 1 else "are not running any more; they are"
            self._note(f"{listed} {end} started again")
        if {"etcd", "kube-apiserver"} & set(dead):
            # What watches the API server asks less and less often while it is away, in the end every 30 s or more:
            # started again it works at once.
            _end(state, _WATCHERS)

    def _component(self, component: Component, index: int, total: int) -> bool:
        """Have a component run. Says whether it is a new one."""
        layout, state, name = self._layout, self._state, component.name
        record = state.processes.get(name)
        if record:
            if record.wanted == component.digest:
                # An API server whose etcd has just come back is not ready; the controller manager bears 10 s of that
                # and ends (`WaitForAPIServer`, Kubernetes 1.35).
                self._wait(name, self._readiness(name))
                return False
            _end(state, [name])
        since = time.monotonic()
        self._report(Event(subject=name, text="starting", index=index, total=total))
        for path, content in component.files:
            _write_private(path, content)
        match name:
            case "controllers":
                layout.egress_socket.unlink(missing_ok=True)
                self._wait("kube-apiserver", self._hand_over_kinds)
            case "kwok":
                # An API server whose etcd has just come back is ready, and not at each request.
                self._wait("kube-apiserver", self._hand_over_nodes)
        log = layout.log(name)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))

        def note(pid: int, started: str) -> None:
            state.processes[name] = Record(pid, started, component.digest)
            write_state(layout, state)

        processes.spawn(component.command, log, _environment(layout, component), note)
        self._wait(name, self._readiness(name))
        if name == "kube-apiserver":
            text = kubeconfig(layout.certificates, "admin", state.ports["kube-apiserver"], embed=True)
            _write_private(layout.kubeconfig, text)
        elapsed = time.monotonic() - since
        self._report(Event(subject=name, text="started", index=index, total=total, elapsed=elapsed))
        return True

    def _readiness(self, name: str) -> Callable[[], bool]:
        ports = self._state.ports
        match name:
            case "etcd":
                return lambda: _answers(ports["etcd"])
            case "kube-apiserver":
                return self._server().ready
            case "controllers":
                return lambda: synced(self._layout.egress_socket)
            case _:
                # What these do shows on the nodes, for which `_wait_for_work` waits.
                return lambda: True

    def _hand_over_kinds(self) -> bool:
        """Create the definitions that are missing. True, or OSError."""
        server = self._server()
        for definition in snapshots.definitions():
            if server.get(f"{snapshots.DEFINITIONS}/{definition['metadata']['name']}") is None:
                server.create(snapshots.DEFINITIONS, definition)
        return True

    def _hand_over_nodes(self) -> bool:
        """Create the nodes that are missing, and free them from the kwok that had them. True, or OSError."""
        server = self._server()
        there = _names(server.get("/api/v1/nodes"))
        for node in nodes(KUBERNETES):
            if node["metadata"]["name"] not in there:
                server.create("/api/v1/nodes", node)
        # A new kwok has a new identity and would wait until the leases of the old one run out, 40 s.
        server.delete(_LEASES)
        return True

    def _wait_for_work(self, *, new: bool) -> None:
        """Wait until kwok has taken the nodes and pods can be made and scheduled, and a new part has caught up."""
        server = self._server()
        wanted = {node["metadata"]["name"] for node in nodes(KUBERNETES)}

        def schedulable() -> bool:
            ready = [node for node in _items(server.get("/api/v1/nodes")) if _schedulable(node)]
            account = server.get("/api/v1/namespaces/default/serviceaccounts/default")
            return len(ready) >= len(wanted) and account is not None

        self._wait("kwok", lambda: wanted <= _names(server.get(_LEASES)))
        self._wait("kube-controller-manager", schedulable)
        late = time.monotonic() + _CATCHES_UP
        if new:
            self._wait("kube-controller-manager", lambda: time.monotonic() > late or not behind(*served(server)))

    def _server(self) -> ApiServer:
        return ApiServer(self._state.ports["kube-apiserver"], self._layout.certificates)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait for a component, while everything that was started lives."""
        deadline = time.monotonic() + _PATIENCE
        remind = Reminder(self._note)
        while True:
            for started, record in self._state.processes.items():
                if not processes.alive(record.pid, record.started):
                    raise UserError(
                        f"{started} ended while the control plane was starting; the end of its log, "
                        f"{self._layout.log(started)}:\n{self._layout.last_lines(started)}"
                    )
            with contextlib.suppress(OSError):
                if ready():
                    return
            if time.monotonic() > deadline:
                raise UserError(
                    f"{name} was not ready within {_PATIENCE:.0f} s; the end of its log, "
                    f"{self._layout.log(name)}:\n{self._layout.last_lines(name)}"
                )
            remind(f"for {name} to be ready; its log is {self._layout.log(name)}")
            time.sleep(_POLL)

    def _ports(self) -> dict[str, int]:
        """The ports of last time where they are ours or free, else new ones."""
        known = self._state.ports
        owners = {"etcd-peer": "etcd"}
        ports: dict[str, int] = {}
        with contextlib.ExitStack() as held:
            for name in PORTS:
                old = known.get(name)
                if old is not None and (_alive(self._state, owners.get(name, name)) or _free(old)):
                    ports[name] = old
                    continue
                # Held until all are chosen, so that no two are the same.
                listener = held.enter_context(socket.socket())
                listener.bind(("127.0.0.1", 0))
                ports[name] = listener.getsockname()[1]
                if old is not None:
                    self._note(f"port {old} of {name} is taken by another program; {ports[name]} is used")
        return ports

    def _note(self, text: str) -> None:
        self._report(Event(subject="control plane", text=text, index=0, total=0, note=True))


def _plane(layout: Layout, state: State) -> Plane:
    return Plane(
        root=layout.root,
        server=f"https://127.0.0.1:{state.ports['kube-apiserver']}",
        kubeconfig=layout.kubeconfig,
        pods=state.pods,
        seed=state.seed,
        audit_log=layout.audit_log,
        webhook_calls=layout.webhook_calls,
        logs=layout.logs,
        pids=layout.pids,
    )


def _found(layout: Layout) -> State:
    """The components of a plane whose state file is damaged: their command lines name its folder."""
    state = State()
    for pid, command in processes.commands().items():
        name = Path(command.split(maxsplit=1)[0]).name
        started = processes.identity(pid)
        if name in COMPONENTS and f"{layout.home}/" in command and started:
            state.processes[name] = Record(pid, started, wanted="")
    return state


def _alive(state: State, name: str) -> bool:
    record = state.processes.get(name)
    return record is not None and processes.alive(record.pid, record.started)


def _end(state: State, names: list[str] | tuple[str, ...]) -> None:
    """End the named components, those that write to etcd before etcd itself."""
    records = {name: state.processes.pop(name) for name in names if name in state.processes}
    store = records.pop("etcd", None)
    processes.end([(record.pid, record.started) for record in records.values()], _CLIENTS_END)
    if store:
        processes.end([(store.pid, store.started)], _ETCD_ENDS)


def _items(answer: dict[str, Any] | None) -> list[dict[str, Any]]:
    return answer["items"] if answer else []


def _names(answer: dict[str, Any] | None) -> set[str]:
    return {item["metadata"]["name"] for item in _items(answer)}


def _schedulable(node: dict[str, Any]) -> bool:
    conditions, taints = node["status"].get("conditions", []), node["spec"].get("taints", [])
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return ready and not any(taint["key"] == "node.kubernetes.io/not-ready" for taint in taints)


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True


def _free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _environment(layout: Layout, component: Component) -> dict[str, str]:
    """The environment of a component: no proxy between them, and none of the user's own kwok configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return dict(component.environment) | kept | {"KWOK_WORKDIR": str(layout.home / "kwok")}


def _write_private(path: Path, content: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content)


def _lock(layout: Layout) -> AbstractContextManager[None]:
    """Only one start or stop at a time."""
    # Beside the folder, not in it, because stopping may remove the folder.
    return claim(layout.home.with_suffix(".lock"))
