"""What a check says of an object, how firmly, and what a cluster leaves of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from ordering.errors import UserError
from ordering.graph.ids import ObjectId

Severity = Literal["refused", "unsure", "warned"]
"""Whether the API server refuses the object, refuses it unless the cluster has more than the manifests say, or takes it
and something else does not come to be."""

_SHOWN = 20
"""Sentences that are shown at once."""


class Absent(NamedTuple):
    """An object that no manifest holds and a cluster may; without a name, the kind itself."""

    api_version: str
    kind: str
    namespace: str = ""
    name: str = ""


Has = Callable[[Absent], bool | None]
"""Says whether a cluster has something, None where that is not known."""


class Finding(NamedTuple):
    """One sentence about one object; `absent` is what would make it untrue if the cluster had it already."""

    severity: Severity
    object: ObjectId
    sentence: str
    absent: Absent | None = None

    def __str__(self) -> str:
        if self.severity != "unsure":
            return self.sentence
        return f"{self.sentence.rstrip('.')}; it is not known whether the cluster has it already."


class RefusedError(UserError):
    """All that the API server would refuse; `sentences` holds one for each."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        lines = [*sentences[:_SHOWN], *_rest(sentences)]
        several = f"The manifests have {len(sentences)} faults that the API server would refuse:\n  - "
        super().__init__(sentences[0] if len(sentences) == 1 else several + "\n  - ".join(lines))


def settled(findings: Iterable[Finding], has: Has) -> list[Finding]:
    """The findings that a cluster leaves standing. What is not known does not refuse anything."""
    left = []
    for finding in findings:
        there = has(finding.absent) if finding.absent else False
        if there is None and finding.severity == "refused":
            left.append(finding._replace(severity="unsure"))
        elif there is False and finding.severity == "unsure":
            left.append(finding._replace(severity="refused"))
        elif not there:
            left.append(finding)
    return left


def refuse(findings: Iterable[Finding]) -> None:
    """RefusedError with a sentence for each finding that is refused, if any is."""
    if sentences := [finding.sentence for finding in findings if finding.severity == "refused"]:
        raise RefusedError(sentences)


def told(findings: Sequence[Finding]) -> list[str]:
    """The findings as sentences, of very many the first ones and how many are left."""
    return [*map(str, findings[:_SHOWN]), *_rest(findings)]


def _rest(given: Sequence[object]) -> list[str]:
    return [f"and {len(given) - _SHOWN} more, which `make plan` lists."] if len(given) > _SHOWN else []
