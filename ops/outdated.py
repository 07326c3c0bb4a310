"""Objects of which the state has got what they were a moment before the run changed them: they are read once more.

The Kubernetes plugin answers an update with the object as its watch saw it last. Where it has nothing to wait for, as
with another label of a definition, that may be the one from before; the next preview would show the change again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent, OpType, StepEventStateMetadata

from ops.unanswered import open_values

_DEFINITION = ":CustomResourceDefinition"


@dataclass
class Outdated:
    """Takes the engine's events; `urns` are the objects whose update was answered with something else than was sent."""

    urns: list[str] = field(default_factory=list)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        if (done := event.res_outputs_event) is not None and done.metadata.op == OpType.UPDATE:
            new = done.metadata.new
            if new is not None and new.type.startswith("kubernetes:") and _outdated(new):
                self.urns.append(new.urn)


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
