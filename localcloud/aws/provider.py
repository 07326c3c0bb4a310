"""The aws stand-in as a server."""

import os
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2

from localcloud.aws.functions import FUNCTIONS
from localcloud.aws.model import rehearse
from localcloud.aws.record import Record
from localcloud.aws.rules import judge
from localcloud.aws.session import Session, configuration, endpoint, not_found, sentence
from localcloud.aws.table import KINDS
from localcloud.providers.kinds import Call, Kind
from localcloud.providers.resources import TableStandIn
from localcloud.providers.server import plain_errors, serve
from localcloud.providers.values import decode
from ordering.errors import UserError


class AwsStandIn(TableStandIn):
    """The table served on the AWS emulator.

    The engine attaches every provider instance of a program (another region, other default tags) to this one
    server, each over a connection of its own: the connection tells which configuration a call means.
    """

    package = "aws"

    def __init__(self, record: Record | None = None) -> None:
        super().__init__(KINDS, FUNCTIONS)
        self._record = record or Record()
        self._sessions: dict[str, Session] = {}
        self._last: Session | None = None

    @plain_errors
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802
        config = configuration(decode(request.news))
        if not (config.keys() & {"region"} or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
            reason = "no AWS region is set; set the configuration key `aws:region` or the variable AWS_REGION"
            return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(property="region", reason=reason)])
        return provider_pb2.CheckResponse(inputs=request.news)

    @plain_errors
    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:  # noqa: N802
        endpoint()
        self._last = Session(configuration(decode(request.args)), self._record)
        self._sessions[context.peer()] = self._last
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def session(self, context: grpc.ServicerContext) -> Session:
        session = self._sessions.get(context.peer(), self._last)
        if session is None:
            raise UserError("the local stand-in for aws was asked before it was configured")
        return session

    def default_tags(self, context: grpc.ServicerContext) -> dict[str, str]:
        return self.session(context).default_tags

    def examine(self, kind: Kind, call: Call) -> None:
        judge(kind, call.name, call.inputs)
        rehearse(kind, call)

    def failure(self, error: Exception) -> str | None:
        return sentence(error) or super().failure(error)

    def gone(self, error: Exception) -> bool:
        return not_found(error)


def serve_provider() -> None:
    """Serve until SIGTERM."""
    serve(AwsStandIn())
