"""The report on what the API server was asked: whose requests count, and what counts as refused."""

import json
from datetime import UTC, datetime
from typing import Any

from ops.audit import report


def event(verb: str, code: int, **changes: Any) -> str:
    plain = {
        "verb": verb,
        "user": {"username": "admin"},
        "userAgent": "pulumi-kubernetes/4.34.2",
        "requestURI": "/api/v1/namespaces/apps/configmaps?fieldManager=x",
        "objectRef": {"resource": "configmaps", "namespace": "apps", "name": "settings"},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-11-22T08:26:12.313634Z",
    }
    return json.dumps({**plain, **changes}) + "\n"


def call(status: int, **changes: Any) -> str:
    plain = {
        "time": "2026-11-22T08:26:48.356064295Z",
        "service": "apps/webhook",
        "kind": "Pod",
        "namespace": "apps",
        "name": "web-1",
        "operation": "CREATE",
        "status": status,
    }
    return json.dumps({**plain, **changes}) + "\n"


def test_requests_are_counted_by_verb_and_code() -> None:
    found = report([event("create", 201), event("create", 201), event("get", 404), event("patch", 200)], [])
    assert found.requests == {("create", 201): 2, ("get", 404): 1, ("patch", 200): 1}
    assert found.writes == 3
    assert not found.refused


def test_a_write_answered_with_an_error_is_a_refusal_that_says_what_and_why() -> None:
    failed = {"code": 500, "message": "no endpoints available"}
    found = report([event("create", 500, responseStatus=failed)], [])
    assert [str(one) for one in found.refused] == ["create configmaps/apps/settings: 500 (no endpoints available)"]


def test_a_client_that_was_gone_before_the_answer_was_refused_nothing() -> None:
    timeout = "Timeout: request did not complete within requested timeout - context"
    status = [{"code": 504, "message": f"{timeout} {end}"} for end in ("canceled", "deadline exceeded")]
    found = report([event("update", 504, responseStatus=one) for one in status], [])
    assert [one.why for one in found.refused] == [status[1]["message"]]
    assert found.writes == 2


def test_dry_runs_and_the_clusters_own_users_do_not_count() -> None:
    own = [
        event("create", 500, requestURI="/api/v1/namespaces?dryRun=All"),
        event("update", 409, user={"username": "system:kube-controller-manager"}),
        event("create", 500, user={"username": "system:serviceaccount:kube-system:replicaset-controller"}),
        event("patch", 409, user={"username": "controllers"}),
        event("patch", 409, userAgent="localcloud-controllers"),
        event("patch", 409, user={"username": "kwok"}),
    ]
    found = report(own, [call(503, dryRun=True)])
    assert found == report([], [])


def test_a_webhook_call_that_failed_or_said_no_is_a_refusal_whoever_asked() -> None:
    user = "system:serviceaccount:kube-system:replicaset-controller"
    found = report([], [call(200, allowed=True), call(503, user=user, reason="no endpoint"), call(200, allowed=False)])
    assert found.calls == 3
    assert [one.code for one in found.refused_calls] == [503, 200]
    assert "Pod/apps/web-1 by apps/webhook" in str(found.refused_calls[0])


def test_a_connection_that_failed_counts_when_a_request_failed_by_it() -> None:
    """Then nobody knows what was to be asked: the API server also looks for the APIs that it aggregates."""
    broken = {"operation": None, "kind": None, "namespace": None, "name": None, "reason": "TLS: bad certificate"}
    lines = [call(0, service="apps/webhook", **broken), call(0, service="apps/metrics", **broken)]
    message = 'failed calling webhook "a.b": failed to call webhook: Post "https://webhook.apps.svc:443/x": tls: no'
    asked = event("create", 500, user={"username": "system:x"}, responseStatus={"code": 500, "message": message})
    assert not report([], lines).refused_calls
    assert [one.what for one in report([asked], lines).refused_calls] == ["apps/webhook"]


def test_only_what_came_since_counts_and_a_torn_last_line_does_not_harm() -> None:
    since = datetime(2026, 11, 22, 8, 26, 30, tzinfo=UTC)
    found = report([event("create", 409), '{"verb": "cre'], [call(503)], since=since)
    assert not found.requests
    assert found.calls == 1
