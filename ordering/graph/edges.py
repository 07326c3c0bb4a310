"""What rules say: one object needs another, how firmly, and why."""

from dataclasses import dataclass
from enum import IntEnum

from ordering.graph.ids import ObjectId


class Strength(IntEnum):
    """How firmly an edge holds; stronger edges are placed first.

    REQUIRED: must hold; a cycle among these is an error.
    INTERCEPTED: the object's own CREATE goes through a webhook or a policy. Hard as well, with one exception that
    follows from logic: what the webhook's backend, or the policy, itself needs is sent before that exists, so nothing
    intercepts it.
    UNDECIDED: a webhook or a policy may intercept the object, which its manifest alone cannot tell. Soft.
    OPTIONAL: the object uses the other one if it is there. Soft.
    """

    OPTIONAL = 1
    UNDECIDED = 2
    INTERCEPTED = 3
    REQUIRED = 4


@dataclass(frozen=True)
class Need:
    """`source` needs `target`: it is sent after the target is ready, and deleted before it.

    `readiness` marks what the source needs only to become ready, not to be sent: a gate takes over such needs.
    """

    source: ObjectId
    target: ObjectId
    reason: str
    strength: Strength = Strength.REQUIRED
    readiness: bool = False


@dataclass(frozen=True)
class Gate:
    """`target` is sent before what makes it ready, and some wait for that at the gate.

    Held are the objects in `held` or, where that is None, all that need the target except those in `early`.
    """

    target: ObjectId
    reason: str
    early: frozenset[ObjectId] = frozenset()
    held: frozenset[ObjectId] | None = None

    def holds(self, source: ObjectId) -> bool:
        """Whether an object that needs the target waits until it is ready; the others need only its existence."""
        return source not in self.early if self.held is None else source in self.held


@dataclass(frozen=True, order=True)
class Unresolved:
    """`asker` names `wanted`, which no manifest holds: somebody else must bring it."""

    asker: ObjectId
    wanted: str
    reason: str


@dataclass(frozen=True, order=True)
class Warned:
    """Something about `subject` that is probably not meant, and that the API server accepts."""

    subject: ObjectId
    message: str


Finding = Need | Gate | Unresolved | Warned


@dataclass(frozen=True, order=True)
class Edge:
    """A need in the finished graph, with the name of the rule that found it."""

    source: ObjectId
    target: ObjectId
    rule: str
    strength: Strength
    reason: str

    @property
    def hard(self) -> bool:
        """Whether the API server or a controller refuses or stalls when the order is not kept."""
        return self.strength >= Strength.INTERCEPTED


@dataclass(frozen=True, order=True)
class Dropped:
    """An edge that was left out because its target already needs its source, and what that means."""

    edge: Edge
    explanation: str
