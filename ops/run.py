"""`up`, `preview` and `destroy` of one stack: set up what the stack runs on, drive the engine, say what happened."""

import os
import re
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pulumi import automation
from rich.console import Console

import tools
from infra.errors import UserError
from ops import audit, interrupted
from ops.backend import Backend, backend
from ops.engine import pulumi_root
from ops.identify import Account, field_managers, identify
from ops.program import Program
from ops.progress import Tracker
from ops.project import is_local, local_root
from ops.settings import read_config
from ops.stack import select
from state import serving

Pods = Literal["instant", "realistic"]

PARALLEL = 256
"""Operations at once: a wait holds a place among them, and the default of four a core would narrow the graph."""

GARBAGE_COLLECTION = "400"
"""The engine's GOGC: it spends a sixth of its time collecting the state that it has just encoded."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a stack stands on: an environment, and how much of it is not the real thing.

    `stand_ins` are packages that no official plugin serves; `plugin` says which code of the official Kubernetes plugin
    serves, where that need not be the SDK's other half. `left_out` are beginnings of what the engine tells and the
    summary tells better. `forgot` says that the cloud may have lost what the state knows of; `recorded` counts, by
    kind, what is only on record because nothing here serves it. `asked` reports on the requests since the start, where
    a log of them is at hand.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    stand_ins: tuple[str, ...] = ()
    plugin: str | None = None
    left_out: tuple[str, ...] = ()
    forgot: bool = False
    recorded: Callable[[], Mapping[str, int]] = dict
    asked: Callable[[], audit.Report | None] = lambda: None


@dataclass
class Session:
    """One command's work on one stack: the engine's handle and what the summary tells."""

    stack: automation.Stack
    program: Program
    tracker: Tracker
    ground: Ground
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = time.monotonic() - start


def kept_in_files(chosen: Backend) -> AbstractContextManager[Mapping[str, str]]:
    """Serves state that is in files of our own, with a journal; any other backend keeps it by itself."""
    return nullcontext({}) if chosen.folder is None else serving.serving(chosen.folder)


def copied_from_files(chosen: Backend) -> AbstractContextManager[Mapping[str, str]]:
    """What a preview reads: a copy of state that is in files of our own; any other backend as it is."""
    return nullcontext({}) if chosen.folder is None else serving.copied(chosen.folder)


@contextmanager
def session(
    name: str,
    *,
    console: Console,
    pods: Pods,
    create: bool,
    keeping: Callable[[Backend], AbstractContextManager[Mapping[str, str]]] = kept_in_files,
) -> Iterator[Session]:
    """Everything that a command on a stack needs, for the length of the block.

    `keeping` serves the state for as long, and yields what the engine must know of that. Bad settings and a release
    that cannot be had are the program's own to refuse, before it registers a resource.
    """
    begun = time.monotonic()
    # An engine that is killed breaks off its stream of events; `_engine` says so in words for people.
    warnings.filterwarnings("ignore", message="Error in event stream", category=UserWarning)
    chosen = backend(name)
    console.print(chosen.note, highlight=False)
    program = Program()
    tracker = Tracker(console=console, expected=program.expected)
    _bring_tools(name, chosen)
    with keeping(chosen) as state, _ground(name, console, pods) as ground:
        kustomize = str(tools.ensure("kustomize")["kustomize"])
        env = {"GOGC": GARBAGE_COLLECTION, "KUSTOMIZE": kustomize, **chosen.environment, **state, **ground.environment}
        # The program runs in this process, beside the engine's: it sees the same environment.
        os.environ.update(env)
        stack = select(name, program=program, engine_root=pulumi_root(), env=env, create=create)
        tracker.left_out = ground.left_out
        seconds = {"start what it runs on": time.monotonic() - begun}
        yield Session(stack=stack, program=program, tracker=tracker, ground=ground, seconds=seconds)


def up(run: Session) -> dict[str, automation.OutputValue]:
    """Brings the stack up; returns its outputs."""
    _settle(run, until_gone=True)
    with run.timed("engine"), run.tracker.showing():
        run.program.preload()
        result = _engine(
            run,
            lambda: run.stack.up(
                parallel=PARALLEL, on_event=run.tracker, suppress_progress=True, refresh=run.ground.forgot
            ),
        )
    return dict(result.outputs)


def preview(run: Session) -> dict[str, int]:
    """What `up` would change, as counts by operation."""
    with run.timed("engine"), run.tracker.showing():
        run.program.preload()
        _engine(run, lambda: run.stack.preview(parallel=PARALLEL, on_event=run.tracker, suppress_progress=True))
    return run.tracker.changes


def destroy(run: Session) -> dict[str, int]:
    """Takes the stack's resources down in reverse order; returns the counts by operation."""
    _settle(run, until_gone=False)
    with run.timed("engine"), run.tracker.showing():
        _engine(run, lambda: run.stack.destroy(parallel=PARALLEL, on_event=run.tracker, suppress_progress=True))
    return run.tracker.changes


def _settle(run: Session, *, until_gone: bool) -> None:
    """Finds out what an interrupted run has left, so that the same command brings it to its end."""

    def look() -> None:
        interrupted.settle(
            run.stack,
            identify=lambda resource, taken: identify(resource, Account(region, taken)),
            # What is deleted next may be anybody's.
            managers=_managers if until_gone else lambda *_: {},
            report=lambda line: run.tracker.console.print(line, highlight=False),
            until_gone=until_gone,
        )

    region = read_config(run.stack.name)[0]["aws:region"]
    with run.timed("look at what was interrupted"):
        try:
            _engine(run, look)
        except (BotoCoreError, ClientError) as error:
            raise UserError(
                f"AWS does not tell what the interrupted run made: {error}. "
                "See to that, and type the same command again."
            ) from None


def _managers(deployment: interrupted.Deployment, objects: Collection[interrupted.Resource]) -> Mapping[str, str]:
    """Who owns the fields of objects that an interrupted run made; UserError when the cluster does not answer."""
    if not objects:
        return {}
    from ops.cluster import access_of, connected  # half a second of imports, which no other run needs

    access = access_of(deployment["resources"])
    if access is None:
        return {}
    try:
        with connected(access) as api:
            return field_managers(objects, api)
    except OSError as error:
        raise UserError(
            f"The cluster does not answer ({error}), so what the interrupted run made in it cannot be told: "
            "see that it runs, and type the same command again."
        ) from None


def _engine(run: Session, call: Callable[[], Any]) -> Any:
    """Runs one operation; the engine's failure becomes the errors that it told, without a traceback."""
    try:
        return call()
    except automation.ConcurrentUpdateError:
        raise UserError(
            f"Another run holds stack {run.stack.name!r}: wait for it to end. If it was killed, and the state is not "
            f"in files of this checkout, type `pulumi cancel --stack {run.stack.name}` first."
        ) from None
    except automation.CommandError as error:
        raise UserError("\n".join(run.tracker.errors) or _reason(str(error))) from None


def _reason(output: str) -> str:
    """Why the engine failed, from its output: its own words where it says any."""
    # What it lists below a line of its own is indented.
    told = [one.strip() for one in re.findall(r"error: (.*(?:\n[ \t]+\S.*)*)", output)]
    ended = re.search(r"^ code: -(\d+)$", output, re.MULTILINE)
    if ended and not told:
        return f"The engine was ended by signal {ended[1]}: type the same command again, and it goes on from there."
    return "\n".join(told) or output.strip()


def _bring_tools(name: str, chosen: Backend) -> None:
    """Brings at once what the rest takes to be there: on a fresh machine these are minutes, and a person sees them."""
    needed = ["kustomize", "pulumi"]
    if chosen.folder is not None:
        needed.append("journal")
    if is_local(name):
        from localcloud import laptop  # nothing else needs it

        needed.extend(laptop.TOOLS)
    tools.bring(*needed)


@contextmanager
def _ground(name: str, console: Console, pods: Pods) -> Iterator[Ground]:
    """What the stack stands on: nothing but the person's own credentials on AWS, the whole laptop for `local`."""
    if not is_local(name):
        yield Ground()
        return
    from localcloud import laptop, plugin  # nothing else needs them

    def asked() -> audit.Report:
        with started.plane.audit_log.open() as requests, started.plane.webhook_calls.open() as calls:
            return audit.report(requests, calls, since=begun)

    begun = datetime.now(UTC)
    with laptop.running(local_root(), pods=pods, report=lambda line: console.print(line, highlight=False)) as started:
        yield Ground(
            environment=started.environment,
            stand_ins=laptop.STAND_INS,
            plugin=started.plugin,
            left_out=(plugin.MISMATCH,),
            forgot=started.forgot,
            recorded=lambda: laptop.recorded(local_root()),
            asked=asked,
        )
