"""The plan as text for a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ordering.graph import Graph, Node, takes_time


def plan(graph: Graph, title: str) -> str:
    """Counts, levels, the critical path, and everything that a person may want to look at."""
    return "\n".join(_lines(graph, title))


def _lines(graph: Graph, title: str) -> Iterator[str]:
    stats = graph.stats
    yield title
    counts = [
        count(stats["objects"], "object"),
        count(stats["gates"], "gate") if stats["gates"] else "",
        f"{count(stats['edges'], 'need')} ({stats['reducedEdges']} after reduction)",
        count(stats["levels"], "level"),
    ]
    yield ", ".join(filter(None, counts))
    yield ""
    yield "Levels (what is on one level is sent at once; * is waited for)"
    for number, level in enumerate(graph.levels):
        yield f"{number:>4}  {len(level):>4}  {_kinds(level)}"
    yield ""
    yield f"Critical path ({count(stats['criticalPathLength'], 'step')})"
    for id_ in graph.critical_path:
        node = graph.node(id_)
        waits = f"  (waited for: {_wait(node)})" if takes_time(node) else ""
        yield f"{node.level:>4}  {id_}{waits}"
    yield from _section(
        "Needs dropped, because they would close a cycle",
        (f"{d.edge.source} -> {d.edge.target}: {d.edge.reason}; {d.explanation}" for d in graph.dropped),
        "none",
    )
    yield from _section(
        "Named, but in no manifest",
        (f"{u.wanted}, by {u.asker}: {u.reason}" for u in graph.unresolved),
        "nothing",
    )
    if graph.warnings:
        yield from _section("Worth a look", (w.message for w in graph.warnings), "")


def _section(title: str, lines: Iterable[str], empty: str) -> Iterator[str]:
    lines = list(lines)
    yield ""
    yield f"{title}: {len(lines) or empty}"
    yield from (f"      {line}" for line in lines)


def _kinds(level: Iterable[Node]) -> str:
    counted = Counter((node.id.kind, takes_time(node)) for node in level)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{kind}{'*' if slow else ''} {count}" for (kind, slow), count in ordered)


def _wait(node: Node) -> str:
    text = str(node.wait)
    return ("its kind" if node.kind_made_by else "its rollout") if text == "default" else text


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there are several."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def chain(graph: Graph, wanted: str) -> str:
    """The longest chain of needs that holds an object back, with reasons, and its other direct needs."""
    node = graph.find(wanted)
    edges = graph.chain(node.id)
    if not edges:
        return f"{node.id}\n  needs nothing: it is sent at once."
    lines = [f"{node.id}", f"  is sent in step {node.level}, after {count(len(edges), 'step')}:"]
    for edge in edges:
        target = graph.node(edge.target)
        wait = f" (waited for: {_wait(target)})" if takes_time(target) else ""
        kind = "" if edge.hard else ", if possible"
        lines += [f"{target.level:>4}  {edge.target}{wait}", f"      {edge.reason} [{edge.rule}{kind}]"]
    others = [need for need in node.needs if need != edges[0].target]
    if others:
        lines.append("  It also needs:")
    for need in others:
        lines.append(f"{graph.node(need).level:>4}  {need}: {graph.reasons[node.id, need][0].reason}")
    return "\n".join(lines)
