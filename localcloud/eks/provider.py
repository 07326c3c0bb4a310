"""The eks stand-in as a server: Construct on Pulumi's own component server."""

import asyncio
import importlib.metadata
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pulumi
from pulumi.provider.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from localcloud.eks.cluster import Cluster
from localcloud.eks.nodes import Given, ManagedNodeGroup
from localcloud.providers.schema import checked, resource_schema
from localcloud.providers.server import CHANNEL_OPTIONS, StandIn
from localcloud.providers.values import decode
from ordering.errors import UserError

COMPONENTS: Mapping[str, Any] = {"eks:index:Cluster": Cluster, "eks:index:ManagedNodeGroup": ManagedNodeGroup}


class References(pulumi.runtime.ResourceModule):
    """How references to this package's components are read."""

    def version(self) -> None:
        """Whatever the reference says."""

    def construct(self, name: str, typ: str, urn: str) -> pulumi.Resource:
        return Given(typ, name, pulumi.ResourceOptions(urn=urn))


class EksProvider(Provider):
    """Makes the components."""

    def construct(
        self, name: str, resource_type: str, inputs: Mapping[str, Any], options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        made = COMPONENTS[resource_type](name, inputs, options)
        return ConstructResult(urn=made.urn, state=made.outputs)


class EksStandIn(ProviderServicer, StandIn):  # type: ignore[misc]
    """The component server with the rest of the protocol, and errors in one sentence."""

    package = "eks"

    def __init__(self) -> None:
        super().__init__(EksProvider(importlib.metadata.version("pulumi-eks")), [], engine_address="")

    def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:  # noqa: N802
        super().Handshake(request, context)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)

    async def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            if request.type not in COMPONENTS:
                raise UserError(f"the local stand-in for eks does not know the component {request.type}")
            checked(resource_schema(request.type), decode(request.inputs))
            return await self._construct(request, context)
        except UserError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def _attach(self, address: str) -> None:
        super()._attach(address)
        self.engine_address = address or self.engine_address


async def _serve() -> None:
    server = grpc.aio.server(migration_thread_pool=ThreadPoolExecutor(4), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(EksStandIn(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await ended.wait()
    await server.stop(grace=2)


def serve_provider() -> None:
    """Serve until SIGTERM."""
    pulumi.runtime.register_resource_module("eks", "index", References())
    asyncio.run(_serve())
