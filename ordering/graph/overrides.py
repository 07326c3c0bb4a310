"""What people say about needs beside the manifests: pairs of ids that add one, or leave one out."""

from dataclasses import dataclass

from ordering.errors import UserError
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform

LEFT_OUT = "-"
"""Before the second id of a pair: the first does not need it after all, whatever a rule finds."""

Pair = tuple[ObjectId, ObjectId]


@dataclass(frozen=True)
class Overrides:
    """The pairs that are added, and those that are left out."""

    added: frozenset[Pair]
    left_out: frozenset[Pair]


def overrides(platform: Platform) -> Overrides:
    """The overrides of a platform; UserError for an id that names nothing, and for a pair that is said both ways."""
    added, left_out = set[Pair](), set[Pair]()
    for source, target in platform.overrides:
        asker = f"The override from {source!r} to {target!r}"
        pairs = left_out if target.startswith(LEFT_OUT) else added
        found = platform.names.find(target.removeprefix(LEFT_OUT), asker)
        pairs.add((platform.names.find(source, asker), found))
    for one, other in sorted(added & left_out):
        raise UserError(
            f"The overrides add the need of {one} for {other}, and leave it out: keep one of the two entries."
        )
    return Overrides(frozenset(added), frozenset(left_out))


def line(source: ObjectId, target: ObjectId) -> str:
    """The entry of the list `kubeflowEdges` that leaves a need out, as YAML."""
    return f'- {{"from": "{source}", "to": "{LEFT_OUT}{target}"}}'
