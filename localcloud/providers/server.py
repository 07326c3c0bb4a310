"""What every stand-in answers alike, and the gRPC server around it."""

import importlib.metadata
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, descriptor_pool, empty_pb2, message_factory
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from ordering.errors import UserError

THREADS = 32
# The engine's own limit (pulumi/sdk, `rpcutil.MaxMessageSize`): 400 MB.
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def plain_errors(method: _Method) -> _Method:
    """A gRPC method whose UserErrors reach the person as one sentence, without a traceback."""

    @wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except UserError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return answer  # type: ignore[return-value]


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """The part of the protocol that has nothing to do with any one package."""

    package: str

    def __init__(self) -> None:
        self.version = importlib.metadata.version(f"pulumi-{self.package}")
        self._engine: engine_pb2_grpc.EngineStub | None = None

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.version)

    def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:  # noqa: N802
        self._attach(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self._attach(request.address)
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: N802
        same = request.olds == request.news
        changes = provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=changes)

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:  # noqa: N802
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def log(self, message: str, urn: str = "") -> None:
        """Tell the person at the engine; silently nothing when no engine is attached any more."""
        if self._engine is None:
            return
        try:
            self._engine.Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn), timeout=5)
        except grpc.RpcError:
            self._engine = None

    def _attach(self, address: str) -> None:
        if address:
            channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
            self._engine = engine_pb2_grpc.EngineStub(channel)


def abort_with_detail(context: grpc.ServicerContext, message: str, detail: Any) -> None:
    """End a call with an error that carries a message of the protocol (a half-made resource, a bad property)."""
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = _status()(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)


def _status() -> Any:
    """The class of google.rpc.Status. Two packages bring that message, and one process can hold only one of them."""
    try:
        known = descriptor_pool.Default().FindMessageTypeByName("google.rpc.Status")
    except KeyError:
        return importlib.import_module("pulumi.runtime.proto.status_pb2").Status
    return message_factory.GetMessageClass(known)


def start(servicer: StandIn) -> tuple[grpc.Server, int]:
    """A running server on a free loopback port, and the port."""
    server = grpc.server(ThreadPoolExecutor(max_workers=THREADS), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve(servicer: StandIn) -> None:
    """Serve until SIGTERM or SIGINT; the port is the first line of stdout."""
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    server, port = start(servicer)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended.wait()
    server.stop(grace=2).wait()
