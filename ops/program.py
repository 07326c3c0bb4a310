"""The Pulumi program, infra/program.py, as the Automation API runs it: in this process."""

import asyncio
import importlib
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, cast

import pulumi
from pulumi.runtime import resource, rpc, settings
from pulumi.runtime.proto import source_pb2

from infra.errors import UserError
from ops.project import PROJECT_ROOT

if TYPE_CHECKING:  # what needs no program does without its imports
    from infra.inputs import Inputs
    from infra.kubeflow.graph import Graph

# What the program imports, and what it makes the SDKs import at first use.
_IMPORTS = (
    "infra.program",
    "pulumi_aws.cloudwatch",
    "pulumi_aws.s3",
)


class Program:
    """Runs the program when the engine asks for it, and keeps what it started from for the summary."""

    def __init__(self) -> None:
        self.given: Inputs | None = None
        self._refused: UserError | None = None
        self._preloading: Future[None] | None = None

    async def __call__(self) -> None:
        # The SDK reports each resource four times to the engine's debug log, which is not kept here, and registers
        # nothing while it waits for the answers.
        pulumi.log.debug = _unsaid
        # It sends the 20 callers of each registration, and their lines of source, which nothing asks for.
        resource._get_stack_trace = source_pb2.StackTrace
        # It looks through every field for values that are still to come, a third of its time: a release has 100,000.
        rpc.serialize_property = cast("Any", _serialized)
        if self._preloading is not None:
            # The SDKs' modules that load at first use are half there for a second thread that uses them meanwhile.
            wait([self._preloading])
        try:
            self.run()
        except pulumi.RunError as error:
            self._refused = UserError(str(error))
            await _refuse_registrations(error)
            raise
        # Once the registrations have begun, the SDK waits for each in turn. Before, it would find none to wait for and
        # look through all outputs whenever one of them is ready: half of its time, and more with each object.
        await asyncio.sleep(0)

    def preload(self) -> None:
        """Imports in the background what the program will: the engine takes as long to read the state, on another core.

        Whatever fails here fails in the program too, which says so.
        """
        background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="preload")
        self._preloading = background.submit(import_sdks)
        background.shutdown(wait=False)

    def run(self) -> None:
        """Registers all resources."""
        from infra import program

        self.given = program.run(PROJECT_ROOT)

    @property
    def graph(self) -> "Graph":
        """What is installed, in its order, once the program has run."""
        assert self.given is not None
        return self.given.release.graph

    @property
    def failure(self) -> UserError | None:
        """What the program or a team's extension of it refused to go on with: the engine tells it at more length."""
        return self._refused or (self.given.extensions.failure if self.given else None)

    def expected(self) -> dict[str, int]:
        """How many resources each stage will have, as far as the program knows by now."""
        # One more than the objects: the component that holds them.
        return {} if self.given is None else {"kubeflow": len(self.graph.nodes) + 1}


def import_sdks() -> None:
    """Imports what the program will."""
    for module in _IMPORTS:
        # Asking for something of it loads a module that waits for that.
        getattr(importlib.import_module(module), "__all__", None)


async def _refuse_registrations(error: pulumi.RunError) -> None:
    """Has whatever a program registered before it failed fail too; the stack itself is no resource of anybody's.

    Nothing is sent before the program returns control to the event loop, and then the SDK (`run_pulumi_func`) would
    send what there is before it reports the failure.
    """
    monitor: Any = settings.get_monitor()
    register = monitor.RegisterResource

    def refuse(request: Any) -> Any:
        if request.type == "pulumi:pulumi:Stack":
            return register(request)
        raise error

    monitor.RegisterResource = refuse
    await asyncio.gather(*settings._get_rpc_manager().rpcs, return_exceptions=True)


_serialize = rpc.serialize_property


async def _serialized(value: Any, deps: Any, key: Any, of: Any = None, *rest: Any, **options: Any) -> Any:
    """What the SDK sends for a value; that of an object which is known in full is what it would come out as."""
    from infra.kubeflow.install import Known  # only here, so that what needs no program does without its imports

    if isinstance(of, Known):
        return value
    return await _serialize(value, deps, key, of, *rest, **options)


def _unsaid(*_: object, **__: object) -> None:
    pass
