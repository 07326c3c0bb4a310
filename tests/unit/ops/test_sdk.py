"""What a run spares the SDK changes nothing about what the engine gets."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import resource, rpc
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2

from infra.kubeflow.install import Known, KubeflowArgs, install
from ops import sdk
from ordering.graph import Graph, ObjectId, build
from ordering.manifests.objects import Manifest
from tests.unit.mocks import record
from tests.unit.ordering.runs import objects_of, real_platforms

# Values of every shape, for the releases hold few of some.
THING: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "labels": {}, "annotations": {"n": "1"}},
    "spec": {"on": True, "ratio": 0.5, "count": 3, "none": None, "list": [{"a": [1, "x", False]}, [], None, {}, ""]},
}
Requests = dict[tuple[str, str], resource_pb2.RegisterResourceRequest]


class _Nothing(Mocks):
    def call(self, args: Any) -> Any:
        raise AssertionError(f"the program called {args.token}")

    def new_resource(self, args: MockResourceArgs) -> Any:
        raise AssertionError("the monitor answers by itself")


class _Monitor(MockMonitor):
    """Keeps every registration as it came, and has all that the engine has."""

    def __init__(self) -> None:
        super().__init__(_Nothing())
        self.requests: Requests = {}

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: N802
        known = resource_pb2.ResourceMonitorFeature.values()
        return resource_pb2.DeploymentInfo(supportedFeatures=[feature for feature in known if feature])

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self.requests[request.type, request.name] = request
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=request.name, object=request.object)


class _Log(logging.Logger):
    """What the engine's log gets, by severity."""

    def __init__(self) -> None:
        super().__init__("engine")
        self.lines: list[tuple[int, object]] = []

    def _log(self, level: int, msg: object, *_: Any, **__: Any) -> None:
        self.lines.append((level, msg))


# Read as the tests are collected: by the time they run, another test in this process may have run the program.
AS_IT_COMES = [
    (module, name, getattr(module, name))
    for module, name in ((pulumi.log, "debug"), (resource, "_get_stack_trace"), (rpc, "serialize_property"))
]


@pytest.fixture(autouse=True, scope="module")
def _as_it_comes() -> Iterator[None]:
    """The SDK as it is installed, for what the whole module compares with."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, original in AS_IT_COMES:
            patch.setattr(module, name, original)
        yield


@pytest.fixture(autouse=True)
def _as_it_was(_as_it_comes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoes after each test what the test replaces."""
    for module, name, original in AS_IT_COMES:
        monkeypatch.setattr(module, name, original)


def registered(graph: Graph, log: logging.Logger | None = None) -> Requests:
    """What the engine gets of a platform; not the stack itself, which the SDK registers once in a process."""
    monitor = _Monitor()
    pulumi.runtime.set_mocks(_Nothing(), project="kubeflow", stack="dev", monitor=monitor, logger=log)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    async def run() -> None:
        provider = pulumi.ProviderResource("kubernetes", "cluster", {})
        install("kubeflow", KubeflowArgs(graph=graph, replacements={}, provider=provider, needs=[]))
        await asyncio.sleep(0)  # as ops/program.py does, and for the same reason

    run()
    assert len(monitor.requests) >= len(graph.nodes)
    return {key: request for key, request in monitor.requests.items() if key[0] != "pulumi:pulumi:Stack"}


def sent(requests: Requests) -> dict[tuple[str, str], bytes]:
    """The requests as bytes, but for who in these tests made them.

    Dependencies are sorted: they are sets to the SDK, whose order means nothing.
    """
    found = {}
    for key, request in requests.items():
        copy = resource_pb2.RegisterResourceRequest()
        copy.CopyFrom(request)
        copy.ClearField("sourcePosition")
        copy.ClearField("stackTrace")
        copy.dependencies.sort()
        for of_property in copy.propertyDependencies.values():
            of_property.urns.sort()
        found[key] = copy.SerializeToString(deterministic=True)
    return found


LARGEST = "26.03" if "26.03" in real_platforms() else "sample"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build([*objects_of(LARGEST), THING])


@pytest.fixture(scope="module")
def log() -> _Log:
    return _Log()


@pytest.fixture(scope="module")
def before(graph: Graph, log: _Log) -> Requests:
    """The registrations of the SDK as it comes; `log` then holds what it said."""
    return registered(graph, log)


def same(one: Requests, other: Requests) -> bool:
    """Compared as a whole: pytest would need minutes to show where 4 MB differ."""
    return sent(one) == sent(other)


def test_an_object_that_is_known_in_full_is_sent_to_the_byte(graph: Graph, before: Requests) -> None:
    sdk.send_known_objects_whole(Known)
    assert same(registered(graph), before)


def test_an_object_that_is_filled_in_is_looked_through() -> None:
    async def later() -> str:
        return "here"

    filled = {**THING, "data": {"output": pulumi.Output.from_input("made"), "future": later()}}

    def run() -> None:
        provider = pulumi.ProviderResource("kubernetes", "cluster", {})
        replacements = {ObjectId("v1", "ConfigMap", "", "a"): filled}
        install("kubeflow", KubeflowArgs(graph=build([THING]), replacements=replacements, provider=provider, needs=[]))

    sdk.send_known_objects_whole(Known)
    assert record(run).one("ConfigMap").inputs["data"] == {"output": "made", "future": "here"}


def test_the_debug_log_alone_falls_silent(graph: Graph, before: Requests, log: _Log) -> None:
    silent = _Log()
    sdk.silence_debug_log()
    assert same(registered(graph, silent), before)
    assert sum(level == logging.DEBUG for level, _ in log.lines) > 2 * len(graph.nodes)
    assert silent.lines == [line for line in log.lines if line[0] > logging.DEBUG]
    pulumi.log.warn("the disk is full")
    assert silent.lines[-1] == (logging.WARNING, "the disk is full")


def test_without_stack_traces_only_positions_in_the_source_are_missing(graph: Graph, before: Requests) -> None:
    sdk.no_stack_traces()
    after = registered(graph)
    assert not any(request.stackTrace.frames or request.HasField("sourcePosition") for request in after.values())
    assert any(request.stackTrace.frames for request in before.values())
    assert same(after, before)


PATCHES = [
    (pulumi.log, "debug", sdk.silence_debug_log),
    (resource, "_get_stack_trace", sdk.no_stack_traces),
    (rpc, "serialize_property", lambda: sdk.send_known_objects_whole(Known)),
]


@pytest.mark.parametrize(("module", "name", "patch"), PATCHES, ids=[name for _, name, _ in PATCHES])
def test_another_sdk_is_told_apart(
    module: Any, name: str, patch: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch()
    patch()  # a second run of the process
    where = rf"^pulumi 3\.\d+\.\d+ has .*{name}.*, and ops/sdk\.py replaces .*docs/upgrading\.md"
    monkeypatch.setattr(module, name, lambda something, else_: None)
    with pytest.raises(AssertionError, match=where):
        patch()
    monkeypatch.delattr(module, name)
    with pytest.raises(AssertionError, match=rf"has no pulumi\.\w+(\.\w+)?\.{name}|has no pulumi\.log\.{name}"):
        patch()
