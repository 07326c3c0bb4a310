"""`up`, `preview` and `destroy` of one stack: set up what the stack runs on, drive the engine, say what happened."""

import os
import time
import warnings
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pulumi
from botocore.exceptions import BotoCoreError, ClientError
from pulumi import automation
from pulumi.automation.events import EngineEvent
from rich.console import Console

import tools
from infra.declared import full_key
from infra.scratch import scratch
from ops import audit, interrupted, unanswered, underway
from ops.backend import Backend, backend, kept_in_files
from ops.claims import Claims, cluster_of, free_named
from ops.engine import journals, left_behind, told
from ops.identify import Account, identify, written_by
from ops.interrupting import breakable, interruptible
from ops.program import Program
from ops.progress import Tracker
from ops.project import is_local, local_root, project_name
from ops.relocated import at_its_address
from ops.settings import read_config
from ops.stack import Missing, selected
from ops.unanswered import Operation, Unanswered
from ops.watching import watched
from ordering.errors import UserError
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
    summary tells better. `forgot` says that the cloud may have lost what the state knows of, until `refreshed` is
    called; `recorded` counts, by kind, what is only on record because nothing here serves it. `asked` reports on the
    requests since the start, where a log of them is at hand. `lost` is a sentence about a part that died, None where
    all live. `kubeconfig` leads to the cluster, where that is one of our own whose address may change.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    stand_ins: tuple[str, ...] = ()
    plugin: str | None = None
    left_out: tuple[str, ...] = ()
    forgot: bool = False
    refreshed: Callable[[], None] = lambda: None
    recorded: Callable[[], Mapping[str, int]] = dict
    asked: Callable[[], audit.Report | None] = lambda: None
    lost: Callable[[], str | None] = lambda: None
    kubeconfig: Path | None = None


@dataclass
class Session:
    """One command's work on one stack: the engine's handle and what the summary tells.

    `resources` are the state's, secrets opened, from when it was settled. `changes` are settings that are otherwise
    than in the stack's file. `clients` are those of `ops.reaching`.
    """

    stack: automation.Stack
    program: Program
    tracker: Tracker
    ground: Ground
    state: serving.Served = field(default_factory=serving.Served)
    seconds: dict[str, float] = field(default_factory=dict)
    settled: bool = False
    resources: Sequence[Mapping[str, Any]] = ()
    unanswered: Unanswered = field(default_factory=Unanswered)
    listeners: list[Callable[[EngineEvent], None]] = field(default_factory=list)
    changes: Mapping[str, Any] = field(default_factory=dict)
    clients: dict[Hashable, Any] = field(default_factory=dict)

    def hear(self, event: EngineEvent) -> None:
        """One event of the engine."""
        self.tracker(event)
        self.unanswered(event)
        for listener in self.listeners:
            listener(event)

    def lost(self) -> str | None:
        """A sentence on what the run stands on and has died; None where all of it lives."""
        return self.state.lost() or self.ground.lost()

    def say(self, line: str) -> None:
        """Tells a person something."""
        self.tracker.console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = time.monotonic() - start


@contextmanager
def session(
    name: str,
    *,
    console: Console,
    pods: Pods,
    missing: Missing,
    keeping: Callable[[Backend], AbstractContextManager[serving.Served]] = kept_in_files,
    changes: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """Everything that a command on a stack needs, for the length of the block.

    `missing` says what becomes of a stack that the backend does not have. `keeping` serves the state for as long.
    `changes` are settings that are otherwise than in the stack's file. Bad settings and a release that is not available
    are the program's own to refuse, before it registers a resource.
    """
    begun = time.monotonic()
    # An engine that is killed breaks off its stream of events; `_engine` says so in words for people.
    warnings.filterwarnings("ignore", message="Error in event stream", category=UserWarning)
    chosen = backend(name)
    console.print(chosen.note, highlight=False)
    program = Program()
    tracker = Tracker(console=console, expected=program.expected)
    _bring_tools(name, chosen)
    if chosen.folder is not None and chosen.folder.is_dir():
        serving.check(chosen.folder, project_name(), name)
    with scratch() as folder, keeping(chosen) as state, _ground(name, console, pods) as ground:
        kustomize = str(tools.ensure("kustomize")["kustomize"])
        served = {**chosen.environment, **state.environment}
        env = {"GOGC": GARBAGE_COLLECTION, "KUSTOMIZE": kustomize, **served, **ground.environment}
        # The program runs in this process, beside the engine's: it sees the same environment.
        os.environ.update(env)
        kept_here = left_behind(folder, own_state=chosen.folder is not None)
        with selected(
            name, program=program, chosen=chosen, env=env | kept_here, missing=missing, changes=changes
        ) as stack:
            tracker.left_out = ground.left_out
            seconds = {"start what it runs on": time.monotonic() - begun}
            yield Session(
                stack=stack,
                program=program,
                tracker=tracker,
                ground=ground,
                state=state,
                seconds=seconds,
                changes=changes or {},
            )


def up(run: Session) -> dict[str, automation.OutputValue]:
    """Brings the stack up; returns its outputs."""
    settle(run, until_gone=True)
    claims = Claims(lambda: cluster_of(run.stack), run.say)
    run.listeners.append(claims)
    with run.timed("engine"), run.tracker.showing(), claims.freed():
        run.program.preload()
        result = _change(
            run,
            lambda: run.stack.up(
                parallel=PARALLEL, on_event=run.hear, suppress_progress=True, refresh=run.ground.forgot
            ),
        )
    run.ground.refreshed()
    return dict(result.outputs)


def preview(run: Session) -> dict[str, int]:
    """What `up` would change, as counts by operation."""
    if run.ground.forgot and not run.settled:
        _engine(run, lambda: at_its_address(run.stack, run.ground.kubeconfig))
    with run.timed("engine"), run.tracker.showing():
        run.program.preload()
        _engine(
            run,
            lambda: run.stack.preview(
                parallel=PARALLEL, on_event=run.tracker, suppress_progress=True, refresh=run.ground.forgot
            ),
        )
    return run.tracker.changes


def look(run: Session, urns: Sequence[str], hear: Callable[[EngineEvent], None]) -> None:
    """Tells `hear` how these resources differ from the state. Changes nothing, and takes no lock."""

    def both(event: EngineEvent) -> None:
        if event.diagnostic_event is not None:
            run.tracker(event)
        hear(event)

    _engine(
        run,
        lambda: run.stack.preview_refresh(target=list(urns), parallel=PARALLEL, on_event=both, suppress_progress=True),
    )


def refresh(run: Session, urns: Sequence[str]) -> None:
    """Reads these resources, and no others, into the state as they are."""
    with run.timed("look at what changed by itself"):
        _engine(run, lambda: run.stack.refresh(target=list(urns), parallel=PARALLEL, suppress_progress=True))


def replace(run: Session, urns: Sequence[str]) -> None:
    """Makes these resources again, and changes no others."""
    with run.timed("make again"):
        _change(run, lambda: run.stack.up(target=[*urns], replace=[*urns], on_event=run.hear, suppress_progress=True))


def destroy(run: Session, first: Callable[[], None] | None = None) -> dict[str, int]:
    """Takes the stack's resources down in reverse order; returns the counts by operation.

    `first` runs once the engine holds the stack and before it deletes anything; what it raises ends the run there. To
    the engine it is the stack's program, which declares nothing that is to stay (`pulumi destroy --run-program`).
    """

    def program() -> None:
        assert first is not None
        run.tracker.waits.before = "what the state says, and whether anything of it is protected"
        try:
            first()
        except UserError as error:
            raise pulumi.RunError(str(error)) from None
        run.tracker.waits.before = "the engine puts in order what it deletes"

    options: dict[str, Any] = {"run_program": True, "program": program} if first else {}
    settle(run, until_gone=False)
    with run.timed("engine"), run.tracker.showing():
        _change(
            run,
            lambda: run.stack.destroy(
                parallel=PARALLEL,
                on_event=run.hear,
                suppress_progress=True,
                refresh=run.ground.forgot,
                **options,
            ),
        )
    # Running that program registers the stack itself, which is deleted like the rest.
    run.tracker.changes.pop("same", None)
    run.seconds["engine"] -= run.seconds.get("drain", 0)
    run.ground.refreshed()
    return run.tracker.changes


def settle(run: Session, *, until_gone: bool) -> None:
    """Finds out, once in a session, what an interrupted run has left, so that the same command brings it to its end."""
    if run.settled:
        return
    run.settled = True

    def ended(resources: Collection[interrupted.Resource]) -> None:
        with breakable():
            found = underway.wait(Account(_region(run), frozenset()).client, resources, run.say)
        if until_gone:  # a destroy deletes what failed
            underway.check(resources, found)

    def look() -> None:
        run.resources = interrupted.settle(
            run.stack,
            at_its_address(run.stack, run.ground.kubeconfig),
            identify=_identify(run),
            ended=ended,
            # What is deleted next may be anybody's.
            managers=(lambda deployment, made: written_by(deployment["resources"], made))
            if until_gone
            else lambda *_: {},
            free=lambda names: free_named(run.stack, names, run.say),
            report=run.say,
            until_gone=until_gone,
        )

    waits = run.tracker.waits.first("what the last run left is looked at", run.say)
    with run.timed("look at what was interrupted"), waits:
        try:
            _engine(run, look)
        except (BotoCoreError, ClientError) as error:
            raise UserError(
                f"AWS does not say what the interrupted run created: {error}. Fix that, and run the same command again."
            ) from None


def _identify(run: Session) -> interrupted.Identify:
    region = _region(run)
    return lambda resource, taken: identify(resource, Account(region, taken))


def _region(run: Session) -> str:
    return read_config(run.stack.name)[0].get("aws:region", "")


def _change(run: Session, call: Callable[[], Any]) -> Any:
    """Runs an operation that changes things; what got no answer is kept for the next run to look at."""
    try:
        return _engine(run, call)
    finally:
        if operations := run.unanswered.operations:
            run.say(_keep(run, operations))


def _keep(run: Session, operations: Sequence[Operation]) -> str:
    """Keeps operations that nobody answered, and says so."""
    try:
        unanswered.keep(run.stack, operations, _identify(run))
    except (automation.CommandError, BotoCoreError, ClientError) as error:
        names = ", ".join(str(one["resource"]["urn"]).rsplit("::", 1)[-1] for one in operations)
        reason = told(error) if isinstance(error, automation.CommandError) else str(error)
        return (
            f"What was asked about {names} was not answered, and the state could not be told ({reason}): "
            "look for these by hand before the next run."
        )
    return (
        f"{len(operations)} of what was asked got no answer, and may have been done; the same command looks at these "
        "first, and goes on from there."
    )


def _engine(run: Session, call: Callable[[], Any]) -> Any:
    """Runs one operation; the engine's failure becomes the errors that it told, without a traceback."""
    try:
        with interruptible(run.say), watched(run.lost, run.say, lambda: run.state.lost() is None) as watch:
            return call()
    except automation.ConcurrentUpdateError:
        raise UserError(
            f"Another run holds stack {run.stack.name!r}: wait for it to end. If it was killed, and the state is not "
            f"in files of this checkout, type `pulumi cancel --stack {run.stack.name}` first."
        ) from None
    except automation.CommandError as error:
        if lost := watch.lost or run.lost():
            raise UserError(lost) from None
        if run.program.failure is not None:
            raise run.program.failure from None
        raise UserError(journals(run.tracker.errors) or "\n".join(run.tracker.errors) or told(error)) from None


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
        from tools import plugins  # its server is slow to import

        with plugins.checked() as environment:
            yield Ground(environment=environment)
        return
    from localcloud import laptop, plugin  # nothing else needs them

    def asked() -> audit.Report:
        with started.plane.audit_log.open() as requests, started.plane.webhook_calls.open() as calls:
            return audit.report(requests, calls, since=begun)

    refuses = read_config(name)[0].get(full_key(project_name(), "kubeflowConflicts")) == "told"
    begun = datetime.now(UTC)
    with laptop.running(local_root(), pods=pods, report=lambda line: console.print(line, highlight=False)) as started:
        yield Ground(
            environment={**started.environment, **plugin.patches(forced=not refuses)},
            stand_ins=laptop.STAND_INS,
            plugin=started.plugin,
            left_out=(plugin.MISMATCH,),
            forgot=started.forgot,
            refreshed=lambda: laptop.refreshed(local_root()),
            recorded=lambda: laptop.recorded(local_root()),
            asked=asked,
            lost=lambda: laptop.lost(local_root()),
            kubeconfig=started.plane.kubeconfig,
        )
