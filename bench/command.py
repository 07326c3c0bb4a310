"""One command on the local stack in a process of its own: `python -m bench.command NAME`, a line of JSON at the end.

What it measures is the process itself: its CPU time counts the program's imports, registration and the reading of the
engine's events, and nothing of what ran before.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import stages
from localcloud import laptop
from ops import run
from ops.backend import Backend, backend, copied_from_files
from ops.project import LOCAL_STACK, local_dir, local_root, project_name
from state import serving
from tools import garbage

OPERATIONS: dict[str, Callable[[run.Session], Any]] = {"up": run.up, "preview": run.preview, "destroy": run.destroy}

# The file backend without its checkpoints: a killed run loses everything, and no run is faster.
UNSAFE = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}


@click.group()
def main() -> None:
    """What the benchmark runs in a process of its own."""


@main.command("run")
@click.argument("operation", type=click.Choice(sorted(OPERATIONS)))
@click.option("--pods", type=click.Choice(["instant", "realistic"]), default="instant")
@click.option("--unsafe", is_flag=True)
def operation_command(operation: str, pods: run.Pods, unsafe: bool) -> None:
    """Run one operation on the stack `local`."""
    written: list[str] = []

    def keeping(chosen: Backend) -> AbstractContextManager[serving.Served]:
        assert chosen.folder is not None
        if operation == "preview":
            return copied_from_files(LOCAL_STACK, chosen)
        chosen.prepare()
        return nullcontext(serving.Served(UNSAFE)) if unsafe else serving.serving(chosen.folder, written.append)

    console = Console(stderr=True)
    with run.session(LOCAL_STACK, console=console, pods=pods, missing="make", keeping=keeping) as session:
        before, started = time.process_time(), time.time()
        OPERATIONS[operation](session)
        ended, after = time.time(), time.process_time()
    epoch = ended - time.monotonic()
    _tell(
        started=started,
        ended=ended,
        engine_s=round(ended - started, 2),
        python_cpu_s=round(after - before, 2),
        changes=session.tracker.changes,
        written=json.loads(written[0]) if written else {"writes": 0, "bytes": 0},
        state_bytes=state_file().stat().st_size,
        done={urn.rpartition("$")[2]: span.ended + epoch for urn, span in session.tracker.spans.items()},
        stages={name: round(stage.seconds, 2) for name, stage in session.tracker.stages.items()},
    )


@main.command("stages")
def stages_command() -> None:
    """Time the program's own stages up to the graph."""
    _tell(**stages.measure())


@main.command("grow")
@click.argument("sizes", type=int, nargs=-1)
def grow_command(sizes: tuple[int, ...]) -> None:
    """Bring up platforms of plain objects, one after the other, on the control plane that runs."""
    from bench import growth  # it imports the core API of Kubernetes, which no other command should be spared

    folder = local_dir() / "growth"
    folder.mkdir(parents=True, exist_ok=True)
    with laptop.running(local_root(), pods="instant", report=_aside) as ground, serving.serving(folder) as state:
        env = {"GOGC": run.GARBAGE_COLLECTION, "PULUMI_CONFIG_PASSPHRASE": "growth", **ground.environment}
        env |= state.environment
        os.environ.update(env)
        timed = {size: growth.bring_up(size, env, ground.plane.kubeconfig) for size in sizes}
    _tell(seconds=timed)


def state_file() -> Path:
    """Where the stack `local` keeps its state."""
    folder = backend(LOCAL_STACK).folder
    assert folder is not None
    return folder / ".pulumi" / "stacks" / project_name() / f"{LOCAL_STACK}.json"


def _aside(line: str) -> None:
    click.echo(line, err=True)


def _tell(**result: Any) -> None:
    json.dump(result, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    garbage.search_rarely()
    main()
