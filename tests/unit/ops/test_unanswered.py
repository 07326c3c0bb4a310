"""What was asked and not answered, out of the engine's events."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from ops.interrupted import UNKNOWN, note
from ops.unanswered import Unanswered, open_values, pending

STACK = "urn:pulumi:local::kubeflow::pulumi:pulumi:Stack::kubeflow-local"
URN = "urn:pulumi:local::kubeflow::aws:s3/bucket:Bucket::artifacts"
PROVIDER = "urn:pulumi:local::kubeflow::pulumi:providers:aws::default::1"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
# As the engine 3.259 passes on what grpc-go says.
BROKEN = "<{%reset%}>error reading from server: connection reset by peer<{%reset%}>"


def told(message: str, urn: str = URN) -> EngineEvent:
    about = {"urn": urn, "message": message, "severity": "error", "color": "raw"}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": about})


def failed(op: str, **more: Any) -> EngineEvent:
    state = {
        "urn": URN,
        "type": "aws:s3/bucket:Bucket",
        "custom": True,
        "id": "",
        "parent": STACK,
        "provider": PROVIDER,
        "inputs": {"bucket": "artifacts-1a2b3c4", "password": SECRET},
        **more,
    }
    states = {"old": state} if op.startswith("delete") else {"new": state}
    step = {"op": op, "urn": URN, "type": state["type"], "provider": PROVIDER, **states}
    return EngineEvent.from_json({"sequence": 2, "timestamp": 1, "resOpFailedEvent": {"metadata": step}})


def heard(*events: EngineEvent) -> list[dict[str, Any]]:
    unanswered = Unanswered()
    for event in events:
        unanswered(event)
    return unanswered.operations


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("create", "creating"),
        ("create-replacement", "creating"),
        ("update", "updating"),
        ("delete", "deleting"),
        ("delete-replaced", "deleting"),
    ],
)
def test_an_operation_that_broke_off_is_kept_without_its_secrets(op: str, expected: str) -> None:
    resource = {
        "urn": URN,
        "type": "aws:s3/bucket:Bucket",
        "custom": True,
        "parent": STACK,
        "provider": PROVIDER,
        "inputs": {"bucket": "artifacts-1a2b3c4"},
    }
    assert heard(told(BROKEN), failed(op)) == [{"type": expected, "resource": resource}]


@pytest.mark.parametrize(
    "message",
    [
        "error reading from server: EOF",
        "transport is closing",
        "stream terminated by RST_STREAM with error code: CANCEL",
        "keepalive ping failed to receive ACK within timeout",
        "server closed the stream without sending trailers",
        *(
            f'resource "{URN}" was not successfully created by the Kubernetes API server: {cause}'
            for cause in (
                'Patch "https://127.0.0.1:1/api/v1/namespaces/a/services/b?fieldManager=c": context canceled',
                'Patch "https://127.0.0.1:1/api/v1/namespaces/a/services/b?fieldManager=c": unexpected EOF',
                'Patch "https://127.0.0.1:1/api/v1/namespaces/a": dial tcp 127.0.0.1:1: connect: connection refused',
                "context deadline exceeded",
                "handler {0x1 0x2 0x3} was not added to shared informer because it has stopped already",
                "unexpected error when reading response body. Please retry. Original error: context canceled",
                "stream error when reading response body, may be caused by closed connection. Please retry. Original "
                "error: stream error: stream ID 3; INTERNAL_ERROR",
                "etcdserver: request timed out",
                "etcdserver: leader changed",
                "Timeout: request did not complete within requested timeout - context deadline exceeded",
                "the server was unable to return a response in the time allotted, but may still be processing the "
                "request (patch services b)",
            )
        ),
        "creating EC2 VPC: operation error EC2: CreateVpc, https response error StatusCode: 0, RequestID: , canceled, "
        "context canceled",
        "creating EC2 VPC: operation error EC2: CreateVpc, https response error StatusCode: 0, RequestID: , request "
        'send failed, Post "https://ec2.example/": EOF',
    ],
)
def test_every_end_of_a_connection_is_known(message: str) -> None:
    assert len(heard(told(message), failed("create"))) == 1


@pytest.mark.parametrize(
    "message",
    [
        # An answer: something of that name may be anybody's.
        "CreateBucket failed with BucketAlreadyExists: the bucket exists",
        'failed calling webhook "x": dial tcp 10.0.0.1:443: connect: connection refused',
        f'resource "{URN}" was not successfully created by the Kubernetes API server: Internal error occurred: failed '
        'calling webhook "x": failed to call webhook: Post "https://x.y.svc:443/z": context deadline exceeded',
        f'resource "{URN}" was not successfully created by the Kubernetes API server: namespaces "a" not found',
        "operation error EC2: CreateVpc, https response error StatusCode: 400, api error VpcLimitExceeded",
        # Nothing was asked.
        'connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"',
    ],
)
def test_a_refusal_is_no_operation_in_doubt(message: str) -> None:
    assert heard(told(message), failed("create")) == []


def test_only_what_failed_is_in_doubt() -> None:
    assert heard(told(BROKEN, STACK), failed("create")) == []
    assert heard(told(BROKEN)) == []
    assert heard(told(BROKEN), failed("refresh")) == []
    assert heard(told(BROKEN), failed("create", custom=False)) == []


def test_secrets_are_left_out_wherever_they_are() -> None:
    assert open_values({"a": [SECRET, {"b": SECRET, "c": 1}], "d": "[secret]"}) == {"a": [{"c": 1}]}


def test_a_create_in_doubt_goes_before_all_that_was_there() -> None:
    (operation,) = heard(told(BROKEN), failed("create"))
    state = {"resources": [{"urn": "vpc", "id": "vpc-1"}, {"urn": "old", "id": "o", "delete": True}]}
    noted, urns = note(pending(state, [operation]), lambda *_: "artifacts-1a2b3c4")
    assert urns == {URN}
    assert noted["resources"][-1]["dependencies"] == ["vpc"]
    assert noted["resources"][-1]["initErrors"] == [UNKNOWN]
    assert "dependencies" not in operation["resource"]
