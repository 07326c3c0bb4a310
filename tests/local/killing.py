"""Kills of any process at a moment of any command, and whether one repeat puts everything right."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from tests.local.cluster import until
from tests.local.stack import CLAIMS, SAMPLE, Checkout, changes, unavailable, world
from tests.local.test_interrupted import left_running, not_in_state

Operation = Literal["up", "upgrade", "destroy"]
OPERATIONS: tuple[Operation, ...] = ("up", "upgrade", "destroy")
"""In an order in which each finds what it needs: nothing, a platform, the changed platform."""

PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "controllers", "kube-scheduler", "kwok")
PATTERNS = {
    "engine": r"/bin/pulumi ",
    "aws plugin": r"localcloud\.providers aws\b",
    "kubernetes plugin": r"pulumi-resource-kubernetes\b",
    "journal": r"journal serve ",
}
"""Processes that a run starts itself, by what their command lines have."""
VICTIMS = ("program", "terminal", *PATTERNS, *PLANE, "emulator")

LONGEST_S = 8.0
"""Seconds after the first step, at most; a run on an idle machine takes twice that."""
REPEAT_S = 600


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One kill and its repeat. `felt` says whether the run failed by it; `wrong` what was not as it should be then."""

    operation: Operation
    victim: str
    moment_s: float
    felt: bool
    ended_s: float
    said: str
    repeat_s: float
    wrong: str


def changed(folder: Path) -> Path:
    """The sample with changes of every sort: a replaced claim, new rollouts, content, an object more and one less."""
    made = shutil.copytree(SAMPLE, folder / "changed", dirs_exist_ok=True)
    for path in sorted(made.rglob("*.yaml")):
        objects = [one for one in yaml.safe_load_all(path.read_text()) if one]
        if not all(isinstance(one, dict) and "metadata" in one for one in objects):
            continue
        for one in objects:
            _change(one)
        path.write_text(yaml.safe_dump_all(objects, sort_keys=False))
    return made


def _change(one: dict[str, Any]) -> None:
    match one["kind"]:
        case "PersistentVolumeClaim":
            one["spec"]["accessModes"] = ["ReadWriteMany"]
        case "Deployment":
            template = one["spec"]["template"].setdefault("metadata", {})
            template.setdefault("annotations", {})["sample.dev/revision"] = "2"
        case "ConfigMap" if one.get("data"):
            one["data"]["revision"] = "2"
        case "ServiceAccount":
            one["metadata"].setdefault("labels", {})["sample.dev/revision"] = "2"


def descendants(pid: int) -> dict[int, str]:
    """The command lines of all that a process has started, and what these have, by pid."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    found: dict[int, str] = {}
    parents = {pid}
    while parents:
        generation = {int(row[0]): row[2] for row in rows if len(row) == 3 and int(row[1]) in parents}
        found |= generation
        parents = set(generation)
    return found


def kill(checkout: Checkout, run: "subprocess.Popen[str]", victim: str) -> None:
    """Kills what is called so, as far as it runs."""
    if victim == "terminal":
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        return
    server = emulator.status(checkout.root) if victim == "emulator" else None
    if victim == "program":
        pids = [run.pid]
    elif victim == "emulator":
        pids = [server.pid] if server else []
    elif victim in PLANE:
        pids = [pid for name, pid in plane.status(checkout.root).pids.items() if name == victim]
    else:
        pids = [pid for pid, line in descendants(run.pid).items() if re.search(PATTERNS[victim], line)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _begun(journal: Path) -> bool:
    """Whether a provider has been asked for something."""
    try:
        return b'"operation":' in journal.read_bytes()
    except FileNotFoundError:
        return False


def killed(
    checkout: Checkout, manifests: Path, operation: Operation, victim: str, moment_s: float, empty: set[str]
) -> Outcome:
    """Runs an operation, kills a victim that long after its first step, and repeats the operation once."""
    # The upgrade replaces the claims.
    lost = [f"--lose={CLAIMS}"] if operation == "upgrade" else []
    command = ["destroy"] if operation == "destroy" else ["up", *lost]
    acting = Checkout(checkout.root, SAMPLE if operation == "up" else manifests)
    journal = acting.state_file.with_suffix(".journal")
    run = acting.start(*command)
    until(lambda: run.poll() is not None or _begun(journal), "the first operation begins", 300)
    time.sleep(moment_s)
    kill(checkout, run, victim)
    since = time.monotonic()
    _, err = run.communicate(timeout=REPEAT_S)
    ended = time.monotonic() - since
    until(lambda: not left_running(checkout), "what the run had started ends", 120)
    wrong = ["a traceback"] if "Traceback" in err else []
    since = time.monotonic()
    repeat = acting.ops(*command)
    repeat_s = time.monotonic() - since
    if repeat.returncode:
        wrong.append(f"the repeat says {repeat.stderr.strip()[-300:]}")
        # What follows is about other kills.
        acting.ops(*command)
    else:
        wrong += _wrong(acting, operation, empty)
    return Outcome(
        operation=operation,
        victim=victim,
        moment_s=round(moment_s, 2),
        felt=run.returncode != 0,
        ended_s=round(ended, 1),
        # Where something is wrong, what was told before the last words may say why.
        said=err.strip()[-3000 if wrong else -300 :],
        repeat_s=round(repeat_s, 1),
        wrong="; ".join(wrong),
    )


def _wrong(checkout: Checkout, operation: Operation, empty: set[str]) -> list[str]:
    """What is there twice, missing or left."""
    if operation == "destroy":
        left = world(checkout) ^ empty
        found = [f"left: {', '.join(sorted(left)[:5])}"] if left else []
        return (
            found
            + (["a state with resources"] if checkout.resources() else [])
            + (["a record"] if recorded_kinds(emulator.record(checkout.root)) else [])
        )
    twice = not_in_state(checkout, empty)
    found = [f"twice: {', '.join(sorted(twice)[:5])}"] if twice else []
    planned = changes(checkout.must("preview"))
    if planned.keys() != {"unchanged"}:
        found.append(f"a preview says {planned}")
    cluster = checkout.cluster()
    deadline = time.monotonic() + 60
    while (missing := unavailable(cluster)) and time.monotonic() < deadline:
        time.sleep(1)
    return found + ([f"not Available: {', '.join(missing)}"] if missing else [])


def moments(seed: int, times: int) -> list[float]:
    """Seconds after the first step at which to kill."""
    drawn = random.Random(seed)
    return [drawn.uniform(0.0, LONGEST_S) for _ in range(times)]
