"""When each object was sent, answered and ready, from the API server's audit log, against the graph. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from infra.kubeflow.install import resource_name, token
from ordering.graph import Graph, ObjectId, takes_time
from ordering.manifests.objects import Manifest

AGENT = "pulumi-kubernetes"
"""How the plugin names itself to the API server (provider/pkg/version/version.go of pulumi-kubernetes 4.32)."""

_Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Span:
    """One object's life; times are seconds since the epoch. What waits for nothing is ready once it is answered."""

    sent: float
    answered: float
    ready: float


@dataclass(frozen=True)
class Parts:
    """Where the time of a run went along the chain of objects that ended last; the parts add up to the whole.

    start: before the first object of the chain. hand_over: from what an object needs being ready to the object being
    sent, in the engine, the program and the journal. create: in the API server. wait: until it was ready. end: after
    the last.
    """

    start: float
    hand_over: float
    create: float
    wait: float
    end: float


def spans(audit: Iterable[str], graph: Graph, done: Mapping[str, float], *, since: float = 0.0) -> dict[ObjectId, Span]:
    """The spans of the graph's nodes, from audit.k8s.io/v1 Events as lines; nodes that were never sent are left out.

    A node is sent by the first request that makes it (a gate by the first that changes its object). One that is waited
    for is ready when the engine was done with it: `done` has seconds since the epoch by TYPE::NAME, a URN's last parts.
    """
    sent: dict[tuple[bool, _Key], tuple[float, float]] = {}
    for line in audit:
        if AGENT not in line:
            continue
        event = json.loads(line)
        received = _seconds(event["requestReceivedTimestamp"])
        if received < since or not str(event.get("userAgent", "")).startswith(AGENT):
            continue
        about = event.get("objectRef", {})
        if event["verb"] in ("create", "patch") and "name" in about:
            # An event about a Namespace that is there or to be applied says that it lies in itself.
            place = about.get("namespace", "") if about["resource"] != "namespaces" else ""
            key = (about.get("apiGroup", ""), about["resource"], place, about["name"])
            made = event["responseStatus"]["code"] == HTTPStatus.CREATED
            sent.setdefault((made, key), (received, _seconds(event["stageTimestamp"])))
    plurals = _plurals(node.manifest for node in graph.nodes if node.gate is None)
    found = {}
    for node in graph.nodes:
        group, kind = node.id.group, node.id.kind if node.gate is None else node.gate.kind
        key = (group, plurals.get((group, kind)) or plural(kind), node.id.namespace, node.id.name)
        times = sent.get((node.gate is None and not node.made_by, key))
        if times is not None:
            ready = done.get(f"{token(node)}::{resource_name(node.id)}", 0.0) if takes_time(node) else 0.0
            found[node.id] = Span(*times, max(times[1], ready))
    return found


def parts(graph: Graph, found: Mapping[ObjectId, Span], started: float, ended: float) -> Parts:
    """The time from `started` to `ended`, taken apart along `chain`."""
    start = hand_over = create = wait = 0.0
    before = started
    for index, id_ in enumerate(chain(graph, found)):
        span = found[id_]
        gap = span.sent - before
        if index:
            hand_over += gap
        else:
            start = gap
        create += span.answered - span.sent
        wait += span.ready - span.answered
        before = span.ready
    return Parts(start, hand_over, create, wait, ended - before)


def chain(graph: Graph, found: Mapping[ObjectId, Span]) -> list[ObjectId]:
    """The objects that held each other up: the one that was ready last, of its needs the one ready last, and so on;
    first object first."""
    if not found:
        return []
    result = [max(found, key=lambda id_: (found[id_].ready, id_))]
    while needs := [need for need in graph.node(result[-1]).needs if need in found]:
        result.append(max(needs, key=lambda id_: (found[id_].ready, id_)))
    return result[::-1]


def critical_path(graph: Graph, found: Mapping[ObjectId, Span]) -> float:
    """Seconds of the longest path when each object takes as long as it took and follows its needs at once: what is
    left if program, engine and journal cost nothing."""
    done: dict[ObjectId, float] = {}
    for node in graph.nodes:
        span = found.get(node.id)
        took = span.ready - span.sent if span else 0.0
        done[node.id] = took + max((done[need] for need in node.needs), default=0.0)
    return max(done.values(), default=0.0)


def plural(kind: str) -> str:
    """The resource of a built-in kind, as the API server's paths spell it.

    >>> plural("NetworkPolicy"), plural("StorageClass"), plural("Gateway"), plural("Deployment")
    ('networkpolicies', 'storageclasses', 'gateways', 'deployments')
    """
    name = kind.lower()
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + ("es" if name.endswith("s") else "s")


def _plurals(objects: Iterable[Manifest]) -> dict[tuple[str, str], str]:
    specs = (manifest["spec"] for manifest in objects if manifest["kind"] == "CustomResourceDefinition")
    return {(spec["group"], spec["names"]["kind"]): spec["names"]["plural"] for spec in specs if "names" in spec}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text[:26].rstrip("Z")).replace(tzinfo=UTC).timestamp()
