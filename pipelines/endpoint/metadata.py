"""The metadata store of Kubeflow Pipelines 2.16: executions, artifacts, and which read and made which.

The Pipelines API lists a run's tasks without their artifacts and without their pods (`toApiPipelineTaskDetail` in
backend/src/apiserver/server/api_converter.go fills neither), so its UI asks ML Metadata, as we do: gRPC-web at
`/ml_metadata…`, which the release's VirtualService `metadata-grpc` leads to `metadata-envoy-service`. What an execution
says of itself is in its custom properties (backend/src/v2/metadata/client.go of 2.16.0).
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from ordering.errors import UserError
from pipelines.endpoint.messages import INPUTS, MESSAGE, OUTPUTS, STATES
from pipelines.endpoint.session import Session
from pipelines.record import Artifact, Execution

SERVICE = "/ml_metadata.MetadataStoreService"
RUN_CONTEXT = "system.PipelineRun"
# What a whole pipeline and a group of tasks run as: not a step.
DAG = "system.DAGExecution"
_PAGE = 100
_TRAILER = 0x80
_OK, _NOT_FOUND = 0, 5


class Metadata:
    """The metadata store behind an endpoint."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_run(self, run_id: str) -> tuple[tuple[Execution, ...], dict[str, Artifact]]:
        """The run's executions in the order of their beginning, and every artifact that they are linked with."""
        found = self._executions(run_id)
        return self._linked(found)

    def pod(self, run_id: str, step: str) -> str | None:
        """The pod of a run's step, the last where it was tried again; None where it had none, or there is no such."""
        pods = [_text(one, "pod_name") for one in self._executions(run_id) if _text(one, "task_name") == step]
        return next(filter(None, reversed(pods)), None)

    def upstream(self, artifact_id: str) -> tuple[tuple[Execution, ...], dict[str, Artifact]]:
        """Whatever led to an artifact, in whichever runs; UserError when there is no artifact of this id."""
        if not artifact_id.isdecimal():
            raise UserError(f"Artifact {artifact_id!r} is not a number; take one from `lineage RUN`.")
        executions: dict[int, Any] = {}
        known: set[int] = set()
        new = {int(artifact_id)}
        if not self._artifacts(new):
            raise UserError(f"There is no artifact {artifact_id} at {self._session.url}.")
        while new:
            known |= new
            made = {event.execution_id for event in self._events("Artifact", new) if event.type in OUTPUTS}
            for one in self._call("GetExecutionsByID", execution_ids=sorted(made - executions.keys())).executions:
                executions[one.id] = one
            read = {event.artifact_id for event in self._events("Execution", made) if event.type in INPUTS}
            new = read - known
        return self._linked(sorted(executions.values(), key=lambda one: int(one.id)))

    def _executions(self, run_id: str) -> list[Any]:
        context = self._call("GetContextByTypeAndName", type_name=RUN_CONTEXT, context_name=run_id)
        if context is None or not context.HasField("context"):
            return []
        found: list[Any] = []
        options = {"max_result_size": _PAGE}
        while True:
            page = self._call("GetExecutionsByContext", context_id=context.context.id, options=options)
            found += page.executions
            if not page.next_page_token:
                return sorted(found, key=lambda one: int(one.id))
            options = {"max_result_size": _PAGE, "next_page_token": page.next_page_token}

    def _linked(self, found: Iterable[Any]) -> tuple[tuple[Execution, ...], dict[str, Artifact]]:
        steps = [one for one in found if one.type != DAG]
        events = self._events("Execution", {one.id for one in steps})
        artifacts = self._artifacts({event.artifact_id for event in events})
        return (
            tuple(_execution(one, [event for event in events if event.execution_id == one.id]) for one in steps),
            {str(one.id): _artifact(one) for one in artifacts},
        )

    def _events(self, kind: str, ids: set[int]) -> list[Any]:
        if not ids:
            return []
        return list(self._call(f"GetEventsBy{kind}IDs", **{f"{kind.lower()}_ids": sorted(ids)}).events)

    def _artifacts(self, ids: set[int]) -> list[Any]:
        return list(self._call("GetArtifactsByID", artifact_ids=sorted(ids)).artifacts) if ids else []

    def _call(self, method: str, **fields: Any) -> Any:
        """What a method answers; None for NOT_FOUND. UserError when the store cannot be asked."""
        message = MESSAGE[f"{method}Request"](**fields).SerializeToString()
        headers = {"Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1"}
        framed = struct.pack(">BI", 0, len(message)) + message
        answer = self._session.persist(
            lambda: self._session.request("POST", f"{SERVICE}/{method}", headers=headers, content=framed)
        )
        if answer.status_code != httpx.codes.OK:
            raise UserError(
                f"{self._session.url} has no metadata store ({answer.status_code} at {SERVICE}), "
                "which knows artifacts and pods; is `metadata-envoy-deployment` running?"
            )
        content, trailers = _frames(answer)
        status = int(trailers.get("grpc-status", str(_OK)) or _OK)
        if status == _NOT_FOUND:
            return None
        if status != _OK:
            raise UserError(f"The metadata store refuses {method} ({status}: {trailers.get('grpc-message', '')}).")
        try:
            return MESSAGE[f"{method}Response"].FromString(content)
        except DecodeError:
            raise UserError(f"What {self._session.url} answers at {SERVICE} is no answer of ML Metadata.") from None


def _frames(answer: httpx.Response) -> tuple[bytes, dict[str, str]]:
    """The message and the trailers of an answer: a length and a kind before each (gRPC-web's PROTOCOL-WEB.md)."""
    trailers = {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("grpc-")}
    content, rest = b"", answer.content
    while len(rest) >= 5:
        kind, length = struct.unpack(">BI", rest[:5])
        frame, rest = rest[5 : 5 + length], rest[5 + length :]
        if kind & _TRAILER:
            lines = (line.partition(":") for line in frame.decode().splitlines() if line)
            trailers |= {name.strip().lower(): value.strip() for name, _, value in lines}
        else:
            content += frame
    return content, trailers


def _execution(one: Any, events: Iterable[Any]) -> Execution:
    reads: dict[str, tuple[str, ...]] = {}
    writes: dict[str, tuple[str, ...]] = {}
    for event in events:
        where = reads if event.type in INPUTS else writes
        name = next((step.key for step in event.path.steps if step.key), str(event.artifact_id))
        where[name] = (*where.get(name, ()), str(event.artifact_id))
    ended = one.last_known_state in (3, 4, 5)
    took = (one.last_update_time_since_epoch - one.create_time_since_epoch) / 1000
    return Execution(
        id=str(one.id),
        step=_text(one, "display_name") or _text(one, "task_name") or f"execution {one.id}",
        state=STATES.get(one.last_known_state, "unknown"),
        seconds=took if ended else None,
        inputs=_struct(one, "inputs"),
        outputs=_struct(one, "outputs"),
        reads=reads,
        writes=writes,
        pod=_text(one, "pod_name") or None,
    )


def _artifact(one: Any) -> Artifact:
    known = _properties(one)
    metadata = {name: value for name, value in known.items() if name not in ("display_name", "store_session_info")}
    name = str(known.get("display_name") or one.name or one.id)
    return Artifact(id=str(one.id), name=name, kind=one.type or "system.Artifact", uri=one.uri, metadata=metadata)


def _properties(one: Any) -> dict[str, Any]:
    return {item.key: _value(item.value) for item in one.custom_properties}


def _value(value: Any) -> Any:
    if value.HasField("struct_value"):
        return json_format.MessageToDict(value.struct_value)
    kind = next(
        (name for name in ("int_value", "double_value", "string_value", "bool_value") if value.HasField(name)), None
    )
    return getattr(value, kind) if kind else None


def _text(one: Any, key: str) -> str:
    return str(_properties(one).get(key) or "")


def _struct(one: Any, key: str) -> Mapping[str, Any]:
    found = _properties(one).get(key)
    return found if isinstance(found, dict) else {}
