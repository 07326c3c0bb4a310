"""Objects of which the state has got what they are no more: they are read once more.

The Kubernetes plugin answers an update with the object as its watch saw it last. Where it has nothing to wait for, as
with another label of a definition, that may be the one from before; the next preview would show the change again. Of an
object that is taken over, the answer still has what kubectl had set besides.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent, OpType, StepEventStateMetadata

from ops.existing import Place, objects, place
from ops.unanswered import open_values
from ordering.graph import ObjectId

_DEFINITION = ":CustomResourceDefinition"


@dataclass
class Outdated:
    """Takes the engine's events: by place, the URN of what the run made or the state had; `urns` of the objects whose
    update, and `early` of those whose creation, was answered with something else than was sent."""

    urns: set[str] = field(default_factory=set)
    early: set[str] = field(default_factory=set)
    made: dict[Place, str] = field(default_factory=dict)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        if (done := event.res_outputs_event) is None or (new := done.metadata.new) is None:
            return
        if done.metadata.op == OpType.CREATE:
            sent = {"type": new.type, "inputs": open_values(new.inputs or {})}
            self.made |= {at: new.urn for at, _ in objects([sent])}
        elif done.metadata.op != OpType.UPDATE:
            return
        if new.type.startswith("kubernetes:") and _outdated(new):
            (self.early if done.metadata.op == OpType.CREATE else self.urns).add(new.urn)

    def taken_over(self, found: Iterable[ObjectId], changed: Collection[ObjectId]) -> set[str]:
        """Of what was found in the cluster, and so was updated, the URNs of what was answered too early, or changed
        after that."""
        return {urn for id_ in found if (urn := self.made.get(place(id_))) and (urn in self.early or id_ in changed)}


def _outdated(new: StepEventStateMetadata) -> bool:
    sent = open_values(new.inputs or {})
    if new.type.endswith(_DEFINITION):
        # Of a schema the plugin keeps what its types know.
        sent.pop("spec", None)
    return not _within(sent, new.outputs or {})


def _within(sent: Any, answered: Any) -> bool:
    """Whether all that was sent is in an answer, to which the server may have added."""
    if isinstance(sent, Mapping):
        return isinstance(answered, Mapping) and all(
            _within(value, answered.get(key)) for key, value in sent.items() if value is not None
        )
    if isinstance(sent, list) and isinstance(answered, list) and len(sent) == len(answered):
        return all(map(_within, sent, answered))
    return bool(sent == answered)
