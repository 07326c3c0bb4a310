"""What plain `pulumi up` knows of an earlier run: the engine reads the state for it, as `make up` does by itself.

It asks nobody before it deletes, so it refuses to delete what may hold data. What that is in AWS it cannot see, for the
engine finds out what is gone once the program has ended; `protect` covers that.
"""

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.inputs import Inputs
from infra.kubeflow import succession
from infra.kubeflow.earlier import Earlier
from infra.kubeflow.holding import HOLDING
from infra.kubeflow.immutable import kind_of
from infra.kubeflow.oneway import closed
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.graph.ids import id_of
from ordering.manifests.objects import Manifest, title

_NAMED = 5


def before(given: Inputs) -> Earlier:
    """What an earlier run of this stack has sent.

    UserError where this one would bring another product or an older release than the stack has, delete what may hold
    data, or bring a database that cannot open what is there.
    """
    exported = outputs()
    succession.check(given.settings, given.release.source, exported.get(succession.OUTPUT))
    return earlier(given.release.graph, state() if exported else {})


def earlier(graph: Graph, resources: Mapping[str, Any]) -> Earlier:
    """The same, given the state's resources by URN, each with its `type` and `outputs`."""
    sent = {_place(id_of(one)): one for one in map(_sent, resources.values()) if one is not None}
    places = {_place(node.id): node.id for node in graph.nodes if node.gate is None}
    gone = [title(one) for at, one in sent.items() if at not in places and kind_of(one) in HOLDING]
    if gone:
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        raise UserError(
            f"This would delete {', '.join(sorted(gone)[:_NAMED])}{more}, which may hold data. Nothing was changed; "
            f"`make up STACK={pulumi.get_stack()}` says what would be lost, and asks."
        )
    claims = {(at[2], at[3]) for at in sent if at[1] == "PersistentVolumeClaim"}
    for back in closed(sent.values(), graph):
        if (back.store.namespace, back.store.claim) in claims:
            raise back.error
    return Earlier(sent={places[at]: one for at, one in sent.items() if at in places})


def outputs() -> Mapping[str, Any]:
    """What the last update that came to its outputs has exported; nothing before the first.

    This and the next are functions of the engine's own (pkg/resource/deploy/builtins.go at 3.259).
    """
    return _invoke("pulumi:pulumi:readStackOutputs", name=pulumi.get_stack())


def state() -> Mapping[str, Any]:
    """The resources that the last update left.

    It is read from a snapshot, which a stack need not have that was never brought up: one that has no outputs.
    """
    return _invoke("pulumi:pulumi:readStackResourceOutputs", stackName=pulumi.get_stack())


def _invoke(function: str, **arguments: str) -> Mapping[str, Any]:
    value = pulumi.runtime.invoke(function, arguments).value or {}
    outputs: Mapping[str, Any] = value.get("outputs") or {}
    return outputs


def _sent(resource: Mapping[str, Any]) -> Manifest | None:
    """An object as the cluster answered to it: what was sent is an output that the SDK leaves out (`__inputs`)."""
    type_, outputs = str(resource["type"]), dict(resource["outputs"])
    if not type_.startswith("kubernetes:") or type_.endswith("Patch") or "metadata" not in outputs:
        return None
    return outputs


def _place(id_: ObjectId) -> tuple[str, str, str, str]:
    return id_.group, id_.kind, id_.namespace, id_.name
