"""What nobody answered: a provider's process ended (killed, out of memory, a panic), or its request to the cloud did.

The engine takes such an operation for one that failed, and forgets it: a create may have made something of which the
state then knows nothing. Ctrl-C is one way there: the provider breaks off what it has just sent. The engine's events
tell of it, so it is put into the state as what an interrupted run had under way (`ops.interrupted`), and the next run
looks at it.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata

from ops.interrupted import Deployment, Identify, Resource, note

Operation = dict[str, Any]
"""A pending operation, as the engine's state has it: `type` and `resource`."""

_UNANSWERED = tuple(
    re.compile(pattern)
    for pattern in (
        # As grpc-go 1.83 ends the calls of a connection that breaks (internal/transport/http2_client.go). A provider
        # that could not be reached at all ("error while dialing") was not asked, and a refusal of its own is an answer.
        r"error reading from server|transport is closing|keepalive ping failed|stream terminated by RST_STREAM"
        r"|without sending trailers",
        # The Kubernetes plugin 4.34 says so of a create that was sent and broke off before an answer, or before it
        # could begin to wait (pkg/provider/provider.go, Create; client-go's shared_informer.go, AddEventHandler), or in
        # the middle of one (client-go 0.35, rest/request.go, transformResponse). What the API server says of a webhook
        # that did not answer itself is an answer.
        r"was not successfully created by the Kubernetes API server: "
        r"(?:(?:Get|Post|Put|Patch) \"|context (?:canceled|deadline exceeded)|.* was not added to shared informer"
        r"|(?:stream|unexpected) error when reading response body"
        # The API server's own answer where etcd gave it none (etcd's api/v3rpc/rpctypes/error.go), or none in time.
        r"|etcdserver: (?:request timed out|leader changed)|Timeout: request did not complete"
        r"|the server was unable to return a response in the time allotted)",
        # As aws-sdk-go-v2 and smithy-go end an operation without a response (transport/http/response_error.go).
        r"StatusCode: 0, .*(?:canceled|request send failed|deserialization failed)",
    )
)

_TYPES = {
    OpType.CREATE: "creating",
    OpType.CREATE_REPLACEMENT: "creating",
    OpType.UPDATE: "updating",
    OpType.DELETE: "deleting",
    OpType.DELETE_REPLACED: "deleting",
}

LISTED_AFTER_S = 5.0
"""Seconds until AWS lists what it was asked to make: its own answer would have come before that."""

SECRET = "4dabf18193072939515e22adb298388d"
"""The key by which the engine marks values of a kind of its own, secrets among them."""


@dataclass
class Unanswered:
    """Takes the engine's events; `operations` are those that got no answer."""

    operations: list[Operation] = field(default_factory=list)
    _broken_off: set[str] = field(default_factory=set)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine: it tells why an operation failed before it tells that it did."""
        if (told := event.diagnostic_event) is not None and told.urn and told.severity == "error":
            if any(pattern.search(told.message) for pattern in _UNANSWERED):
                self._broken_off.add(told.urn)
        elif (failed := event.res_op_failed_event) is not None and failed.metadata.urn in self._broken_off:
            self._note(failed.metadata)

    def _note(self, step: StepEventMetadata) -> None:
        kind = _TYPES.get(OpType(step.op))
        about = step.new or step.old
        if kind is None or about is None or not about.custom:
            return
        resource: Resource = {"urn": about.urn, "type": about.type, "custom": True, "inputs": open_values(about.inputs)}
        for key, value in (("parent", about.parent), ("provider", about.provider), ("protect", about.protect)):
            if value:
                resource[key] = value
        self.operations.append({"type": kind, "resource": resource})


def open_values(value: Any) -> Any:
    """Inputs without the secrets among them, which an event does not tell: reading the resource brings them."""
    if isinstance(value, Mapping):
        return {key: open_values(one) for key, one in value.items() if not _is_secret(one)}
    if isinstance(value, list):
        return [open_values(one) for one in value if not _is_secret(one)]
    return value


def open_secret(value: Any) -> Any:
    """A value of an opened state with what is secret in it in plain; a secret is there as JSON."""
    if isinstance(value, Mapping):
        if SECRET in value:
            return json.loads(value["plaintext"])
        return {key: open_secret(one) for key, one in value.items()}
    return [open_secret(one) for one in value] if isinstance(value, list) else value


def _is_secret(value: Any) -> bool:
    return value == "[secret]" or (isinstance(value, Mapping) and SECRET in value and "ciphertext" in value)


def pending(deployment: Deployment, operations: Sequence[Operation]) -> Deployment:
    """A deployment in which these operations are pending.

    An event does not tell what a resource depends on. What was being created needs all that was there by then, and
    nothing needs it: so a destroy takes it down first.
    """
    resources = deployment.get("resources") or ()
    there = [str(one["urn"]) for one in resources if not one.get("delete")]
    noted = [
        {
            **one,
            "resource": {**one["resource"], "dependencies": [urn for urn in there if urn != one["resource"]["urn"]]},
        }
        if one["type"] == "creating"
        else one
        for one in operations
    ]
    return {**deployment, "pending_operations": [*(deployment.get("pending_operations") or ()), *noted]}


def keep(stack: automation.Stack, operations: Sequence[Operation], identify: Identify) -> None:
    """Writes these operations into the stack's state, as what has to be looked at.

    An import drops pending operations, so that each gets its id now. What AWS numbers itself must be listed by then.
    """
    if any(one["type"] == "creating" and one["resource"]["type"].startswith("aws:") for one in operations):
        time.sleep(LISTED_AFTER_S)
    exported = stack.export_stack()
    noted, _ = note(pending(exported.deployment or {}, operations), identify)
    stack.import_stack(automation.Deployment(version=exported.version, deployment=noted))
