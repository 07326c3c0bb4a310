"""The one place that reaches inside the Pulumi SDK: what a run spares it, each a function.

Each first makes sure that what it replaces is there and takes what it took in the version that this was written for.
The engine gets the same bytes with and without (`tests/unit/ops/test_sdk.py`), but for the positions in the source that
`no_stack_traces` leaves out. `docs/upgrading.md` lists them beside what else leans on the SDK.

What each saves is CPU time of the program's process as it registers the 675 objects of 26.03 with an engine that
answers at once, the median of five runs: 2.2 s as the SDK is, 1.3 s with all of them.
"""

import asyncio
import inspect
from functools import wraps
from importlib.metadata import version
from typing import Any, cast

import pulumi
from pulumi.runtime import resource, rpc, settings
from pulumi.runtime.proto import source_pb2


def spare(known: type[pulumi.Resource]) -> None:
    """Applies all that is below, for this process; `known` as `send_known_objects_whole` takes it."""
    silence_debug_log()
    no_stack_traces()
    send_known_objects_whole(known)


def silence_debug_log() -> None:
    """Drops what the SDK writes to the engine's debug log.

    It reports each resource four times, and registers nothing while it waits for the answers. Information, warnings and
    errors go on as before, and a run that asks for the engine's debug log gets the engine's part. Saves 0.6 s.
    """
    _expect(pulumi.log, "debug", "msg resource stream_id ephemeral")
    pulumi.log.debug = _unsaid


def no_stack_traces() -> None:
    """Leaves out where in the source each resource was made: the files and lines of its callers.

    The SDK walks its whole stack for each resource. The engine keeps the result in the state, with some 20 callers for
    a resource of a typed class and none for the release's objects, and decides nothing by it. Saves 0.2 s.
    """
    _expect(resource, "_get_stack_trace", "")
    resource._get_stack_trace = _no_frames


def send_known_objects_whole(known: type[pulumi.Resource]) -> None:
    """Sends the properties of resources of the class `known` as they are.

    The SDK looks through every field for values that are still to come, and builds each value again. A release has
    100,000 fields, and no such value in the objects that the program knows in full. Saves 0.4 s.
    """
    _expect(
        rpc,
        "serialize_property",
        "value deps property_key resource_obj input_transformer typ keep_output_values exclude_resource_refs_from_deps "
        "return_protobuf_value",
    )

    original = inspect.unwrap(rpc.serialize_property)

    @wraps(original)
    async def serialized(
        value: Any, deps: Any, property_key: Any, resource_obj: Any = None, *rest: Any, **options: Any
    ) -> Any:
        if isinstance(resource_obj, known):
            return value
        return await original(value, deps, property_key, resource_obj, *rest, **options)

    rpc.serialize_property = cast("Any", serialized)


async def refuse_registrations(error: pulumi.RunError) -> None:
    """Has whatever a program registered before it failed fail too; the stack itself is no resource of anybody's.

    Nothing is sent before the program returns control to the event loop, and then the SDK (`run_pulumi_func`) would
    send what there is before it reports the failure. Saves no time, but a person half a stack.
    """
    monitor: Any = settings.get_monitor()
    register = monitor.RegisterResource

    def refuse(request: Any) -> Any:
        if request.type == "pulumi:pulumi:Stack":
            return register(request)
        raise error

    monitor.RegisterResource = refuse
    await asyncio.gather(*settings._get_rpc_manager().rpcs, return_exceptions=True)


def _unsaid(msg: str, resource: Any = None, stream_id: Any = None, ephemeral: Any = None) -> None:
    pass


def _no_frames() -> source_pb2.StackTrace:
    return source_pb2.StackTrace()


def _expect(module: object, name: str, parameters: str) -> None:
    """AssertionError when the SDK has no such function, or one that takes something else."""
    function = getattr(module, name, None)
    found = " ".join(inspect.signature(function).parameters) if callable(function) else None
    if found != parameters:
        place = f"{getattr(module, '__name__', module)}.{name}"
        has = f"no {place}" if found is None else f"{place}({', '.join(found.split())})"
        raise AssertionError(
            f"pulumi {version('pulumi')} has {has}, and ops/sdk.py replaces {place}({', '.join(parameters.split())}); "
            f"see docs/upgrading.md under 'Pulumi and its providers'"
        )
