"""What is wrong with a set of manifests, or may be, before any of it is sent."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ordering.check import check, from_a_cluster
from ordering.errors import UserError
from ordering.graph import Graph, Warned, build
from ordering.graph.hooks import hooks_of, part
from ordering.graph.ids import id_of
from ordering.graph.index import Platform
from ordering.graph.rules import Facts
from ordering.manifests.objects import Manifest
from ordering.plan.text import count

VERSION = 1
"""The form of the document; another number means that a program must look again."""


@dataclass(frozen=True)
class Problem:
    """One finding: which check, whether it stops an installation (`error`) or is worth a look (`note`), and on what."""

    check: str
    level: str
    id: str
    message: str


def lint(objects: Sequence[Manifest], overrides: Iterable[tuple[str, str]] = ()) -> list[Problem]:
    """All problems of parsed objects, errors first.

    `refused`: what the API server would refuse in any order, or a circle, with which nothing else can be looked at.
    `unresolved`: named and in no manifest, `secret` where it is a Secret. `live`: what a cluster wrote. `webhook`:
    requests would go to a webhook with nothing behind it. `hook`: a hook of Helm. `made`: what a cluster or a
    controller makes. `dropped`: a need that would have closed a circle. `look`: what the rules warn of.
    """
    try:
        graph = build(objects, overrides=overrides)
    except UserError as error:
        return [Problem("refused", "error", "", str(error))]
    kept, left = part(objects)
    found = [*_refused(objects, graph), *_webhooks(kept), *_hooks(kept, left), *_notes(graph, set(left))]
    return sorted(set(found), key=lambda problem: (problem.level, problem.check, problem.id, problem.message))


def text(problems: Sequence[Problem]) -> str:
    """A line for each problem, and how many there are."""
    errors = sum(problem.level == "error" for problem in problems)
    lines = [f"{problem.level:5}  {problem.check:10}  {problem.message}" for problem in problems]
    return "\n".join([*lines, f"{count(errors, 'error')}, {count(len(problems) - errors, 'note')}"])


def document(problems: Sequence[Problem]) -> str:
    """The problems as JSON: {"version", "problems": [{"check", "level", "id", "message"}]}."""
    return json.dumps({"version": VERSION, "problems": [vars(problem) for problem in problems]}, indent=1)


def _refused(objects: Sequence[Manifest], graph: Graph) -> Iterator[Problem]:
    for found in check(objects, graph):
        absent, refused = found.absent, found.severity == "refused"
        what = "secret" if absent and absent.kind == "Secret" else "refused" if refused and not absent else "unresolved"
        # A grant to an account that does not exist is accepted, and grants nothing.
        level = "error" if refused or not found.object.kind.endswith("Binding") else "note"
        yield Problem(what, level, str(found.object), found.sentence)
    for found in from_a_cluster(objects, left_out=False):
        level = "error" if found.severity == "refused" else "note"
        yield Problem("live", level, str(found.object), found.sentence)


def _webhooks(objects: Sequence[Manifest]) -> Iterator[Problem]:
    facts = Facts(Platform(objects))
    for id_, webhooks in facts.webhooks.of.items():
        for webhook in webhooks:
            if webhook.service and webhook.rules and not facts.backends(webhook):
                namespace, name = webhook.service
                behind = "runs no pods of these manifests"
                message = f"{id_.title} sends requests to Service {namespace}/{name}, which {behind}"
                yield Problem("webhook", "error" if webhook.refuses else "note", str(id_), message)


def _hooks(kept: Sequence[Manifest], left: Sequence[Warned]) -> Iterator[Problem]:
    for warned in left:
        yield Problem("hook", "note", str(warned.subject), warned.message)
    for manifest in kept:
        if hooks := hooks_of(manifest):
            id_ = id_of(manifest)
            message = f"{id_.title} is a Helm hook ({', '.join(sorted(hooks))}): it is sent once, in Helm's order"
            yield Problem("hook", "note", str(id_), message)


def _notes(graph: Graph, said: Collection[Warned]) -> Iterator[Problem]:
    for node in graph.nodes:
        if node.made_by:
            message = f"{node.id.title} is made by {node.made_by}: created, it would be refused or taken over"
            yield Problem("made", "note", str(node.id), message)
    for dropped in graph.dropped:
        edge = dropped.edge
        message = f"{edge.source.title} does not wait for {edge.target.title} ({edge.reason}): {dropped.explanation}"
        yield Problem("dropped", "note", str(edge.source), message)
    for warned in graph.warnings:
        if warned not in said:
            yield Problem("look", "note", str(warned.subject), warned.message)
