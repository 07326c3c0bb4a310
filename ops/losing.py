"""What an `up` would lose for good: counted in the cluster, and accepted by its name, or nothing is changed."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from infra.kubeflow import immutable
from infra.kubeflow.holding import HOLDING
from ops.changes import CRD, DATA, NAMESPACE, Change, kind_of
from ops.existing import Place, held, objects, place, placed
from ops.steps import Step
from ordering.errors import UserError
from ordering.graph import Graph
from ordering.manifests.objects import Manifest

_NAMED = 5
"""Losses that the error names."""

# What the cluster itself puts into every namespace, or keeps there for a while: nothing that people made.
_PASSING = frozenset({"Endpoints", "EndpointSlice", "Event", "Lease", "PodMetrics"})

_SESSIONS = frozenset(
    ("dex.coreos.com", kind)
    for kind in (
        "AuthCode",
        "AuthRequest",
        "DeviceRequest",
        "DeviceToken",
        "OfflineSessions",
        "RefreshToken",
        "SigningKey",
    )
)
"""What Dex keeps of sign-ins (dexidp/dex, storage/kubernetes/types.go): whoever it was signs in again. Its passwords,
clients and connectors are people's."""

_MADE_EVERYWHERE = frozenset(
    {
        ("ConfigMap", "istio-ca-root-cert"),
        ("ConfigMap", "kube-root-ca.crt"),
        ("ServiceAccount", "default"),
    }
)


class Api(Protocol):
    """What this needs of a cluster: metadata of all objects of a kind; none of a kind that is not served."""

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]: ...

    def namespaced_kinds(self) -> list[tuple[str, str]]: ...


def look(steps: Sequence[Step], api: Api) -> dict[str, Counter[tuple[str, str]]]:
    """What people have in the cluster that goes with each definition and each namespace that these steps delete.

    What the stack made itself is not counted: it has a step of its own.
    """
    known = held({"type": step.type, "inputs": step.old} for step in steps if step.old)
    return {
        step.urn: _objects(step, api, known) if kind_of(step.type) == CRD else _content(step.name, api, known)
        for step in steps
        if _holds(step)
    }


def asks(steps: Iterable[Step]) -> bool:
    """Whether there is anything to look for."""
    return any(map(_holds, steps))


def possible(state: Iterable[Mapping[str, Any]], graph: Graph) -> bool:
    """Whether a run may lose data, as far as the state and the graph tell: then a preview has to.

    Of AWS they tell nothing of what the program's own components change; what else holds data there may go.
    """
    resources = [one for one in state if not one.get("delete")]
    after = {place(node.id): node.manifest for node in graph.nodes if node.gate is None}
    return any(_doubtful(sent, after.get(at)) for at, sent in objects(resources)) or any(
        str(one["type"]) in DATA and not _ours(str(one["urn"])) for one in resources if one.get("custom")
    )


def lost(changes: Iterable[Change]) -> list[Change]:
    """Those among the changes that lose data."""
    return [one for one in changes if one.kind == "data"]


def refuse(found: Sequence[Change], accepted: Collection[str]) -> None:
    """UserError unless each loss is accepted by its name.

    A name more is no fault: the same command, after a run that was cut short, names what is lost already.
    """
    names = {loss.name for loss in found}
    left = [loss for loss in found if loss.name not in accepted]
    if not left:
        return
    if unknown := sorted(set(accepted) - names):
        known = ", ".join(sorted(names))
        raise UserError(
            f"LOSE names {unknown[0]!r}, which this would not lose: what would be lost is {known}. Nothing was changed."
        )
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    raise UserError(
        f"This would lose for good {', '.join(map(str, left[:_NAMED]))}{more}. Nothing was changed; "
        "have it stay where it is with KEEP, or save the data and accept the loss: "
        f"LOSE={','.join(loss.name for loss in found)}"
    )


def _doubtful(before: Manifest, after: Manifest | None) -> bool:
    kind = immutable.kind_of(before)
    if kind == "apps/StatefulSet":
        policy = (before.get("spec") or {}).get("persistentVolumeClaimRetentionPolicy") or {}
        return "Delete" in policy.values() and before != after
    return kind in HOLDING and (after is None or bool(immutable.changed(before, after)))


def _ours(urn: str) -> bool:
    """Whether one of the program's own components made it."""
    return "kubeflow:infra:" in urn


def _holds(step: Step) -> bool:
    return step.change in ("replace", "delete") and not step.retained and kind_of(step.type) in (CRD, NAMESPACE)


def _objects(step: Step, api: Api, known: Collection[Place]) -> Counter[tuple[str, str]]:
    """The objects of a definition, asked for in any version that the cluster serves."""
    spec = step.old.get("spec") or {}
    group, kind = str(spec.get("group") or ""), str((spec.get("names") or {}).get("kind") or "")
    for version in spec.get("versions") or ():
        if live := api.metadata(f"{group}/{version['name']}", kind):
            made = () if (group, kind) in _SESSIONS else _places(group, kind, live)
            return Counter((kind, place.namespace) for place in made if place not in known)
    return Counter()


def _content(namespace: str, api: Api, known: Collection[Place]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for api_version, kind in api.namespaced_kinds():
        group = api_version.rpartition("/")[0]
        if kind not in _PASSING and (group, kind) not in _SESSIONS:
            live = [one for one in api.metadata(api_version, kind, namespace) if not _owned(one["metadata"])]
            found.update(
                (kind, namespace)
                for place in _places(group, kind, live)
                if place not in known and (kind, place.name) not in _MADE_EVERYWHERE
            )
    return found


def _places(group: str, kind: str, live: Iterable[Manifest]) -> Iterator[Place]:
    for one in live:
        metadata = one["metadata"]
        yield placed(group, kind, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))


def _owned(metadata: Mapping[str, object]) -> bool:
    """Whether a controller makes it again, or it goes with what it belongs to."""
    return bool(metadata.get("ownerReferences"))
