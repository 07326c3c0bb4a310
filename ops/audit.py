"""What a local run asked of the API server and what was refused, from the control plane's audit log and webhook calls.

Pure: lines in, a report out. Dry runs are left out, because a preview may be refused what a run is not, and so are
the cluster's own controllers, which try again by design.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

WRITES = frozenset({"create", "update", "patch"})

# The control plane's own users, and the process that plays the controllers which fake nodes cannot run.
_OWN_USERS = frozenset({"controllers", "kwok"})
_OWN_AGENT = "localcloud-controllers"

_EVER = datetime.min.replace(tzinfo=UTC)

# How the API server says that a webhook could not be asked, with its address: `Post "https://NAME.NAMESPACE.svc:443/…`.
_UNASKED = "failed calling webhook"
_ADDRESS = re.compile(r'"https://([^./"]+)\.([^./"]+)\.svc[:/]')


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One thing refused: a request of a client's, or a call to a webhook (whose `verb` is the operation).

    `code` is the HTTP status, 0 where a webhook's TLS failed; `what` names the object, `why` gives the reason as far as
    it was recorded.
    """

    verb: str
    code: int
    what: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.what}: {self.code}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What clients asked, by verb and response code; the writes among it that were refused; and the webhooks' answers.

    `calls` counts admission and conversion calls, answered or not, whoever's request they were about: a pod is made by
    a controller and refused to it.
    """

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: tuple[Refusal, ...] = ()
    calls: int = 0
    refused_calls: tuple[Refusal, ...] = ()

    @property
    def writes(self) -> int:
        """Requests to create, update or patch."""
        return sum(count for (verb, _), count in self.requests.items() if verb in WRITES)

    def __str__(self) -> str:
        return (
            f"{self.writes} requests to create, update or patch, {len(self.refused)} refused; "
            f"{self.calls} webhook calls, {len(self.refused_calls)} refused"
        )


def report(audit: Iterable[str], calls: Iterable[str], *, since: datetime = _EVER) -> Report:
    """The report on what was received from `since` on (an aware time).

    A request whose client went before the answer is no refused one. `audit` are lines of audit.k8s.io/v1 Events,
    `calls` lines as localcloud/controllers records them.
    """
    requests: Counter[tuple[str, int]] = Counter()
    refused = []
    unasked = set()
    for event in _lines(audit):
        if _time(event["requestReceivedTimestamp"]) < since:
            continue
        if _UNASKED in _reason(event) and (address := _ADDRESS.search(_reason(event))):
            unasked.add(f"{address[2]}/{address[1]}")
        if not _is_clients(event):
            continue
        verb, code = str(event["verb"]), int(event.get("responseStatus", {}).get("code", 0))
        requests[verb, code] += 1
        if verb in WRITES and code >= 400 and not _given_up(event):
            refused.append(Refusal(verb=verb, code=code, what=_object(event), why=_reason(event)))
    answered = [
        call
        for call in _lines(calls)
        # Where TLS fails nobody learns what was asked; it may be the API server looking for an aggregated API.
        if _time(call["time"]) >= since
        and not call.get("dryRun")
        and (call.get("operation") or call["service"] in unasked)
    ]
    return Report(
        requests=requests,
        refused=tuple(refused),
        calls=len(answered),
        refused_calls=tuple(_refused_call(call) for call in answered if _is_refused(call)),
    )


def _lines(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        # The last line of a log that is being written may be half there.
        if line.endswith(("}\n", "}")):
            yield json.loads(line)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")


def _is_clients(event: dict[str, Any]) -> bool:
    user = str(event["user"]["username"])
    own = user.startswith("system:") or user in _OWN_USERS or str(event.get("userAgent", "")).startswith(_OWN_AGENT)
    return not own and "dryRun=" not in event.get("requestURI", "")


def _object(event: dict[str, Any]) -> str:
    about = event.get("objectRef", {})
    parts = [about.get(key) for key in ("apiGroup", "resource", "subresource", "namespace", "name")]
    return "/".join(str(part) for part in parts if part) or str(event.get("requestURI"))


def _reason(event: dict[str, Any]) -> str:
    status = event.get("responseStatus", {})
    return str(status.get("message") or status.get("reason") or "")


def _given_up(event: dict[str, Any]) -> bool:
    """Whether the client was gone before the answer, as one that is killed (apiserver, handlers/finisher/finisher.go).

    Of a request that takes too long the server says "context deadline exceeded".
    """
    return _reason(event).endswith("context canceled")


def _is_refused(call: dict[str, Any]) -> bool:
    return call.get("status") != 200 or call.get("allowed") is False


def _refused_call(call: dict[str, Any]) -> Refusal:
    about = "/".join(str(call[key]) for key in ("group", "kind", "namespace", "name") if call.get(key))
    return Refusal(
        verb=str(call.get("operation") or "call"),
        code=int(call.get("status") or 0),
        what=f"{about} by {call.get('service')}" if about else str(call.get("service")),
        why=str(call.get("reason") or ""),
    )
