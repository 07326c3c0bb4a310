"""The plan for Graphviz: `… --format dot | dot -Tsvg > plan.svg`. Direct needs after reduction, level by level."""

import json

from ordering.graph import Graph, takes_time
from ordering.plan.components import components


def plan(graph: Graph, title: str) -> str:
    """A digraph whose arrows point from an object to what it needs; soft needs are dashed, gates are diamonds."""
    parts = components(graph)
    hues = {name: position for position, name in enumerate(sorted(set(parts.values())))}
    lines = [
        "digraph plan {",
        f"  label={_text(title)}; labelloc=t; rankdir=RL; ranksep=2; nodesep=0.1;",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=9, height=0.2];',
    ]
    for number, level in enumerate(graph.levels):
        lines.append(f"  {{ rank=same; // level {number}")
        for node in level:
            # The golden angle keeps neighbours in the list apart on the wheel.
            colour = f"{hues[parts[node.id]] * 0.618 % 1:.3f} 0.25 0.97"
            shape = ", shape=diamond" if node.gate else ""
            heavy = ", penwidth=2" if takes_time(node) else ""
            place = f"{node.id.namespace}/" if node.id.namespace else ""
            label = _text(f"{node.id.kind}\n{place}{node.id.name}")
            lines.append(f"    {_text(str(node.id))} [label={label}, fillcolor={_text(colour)}{shape}{heavy}];")
        lines.append("  }")
    for edge in graph.reduced:
        style = "" if edge.hard else ", style=dashed"
        lines.append(f"  {_text(str(edge.source))} -> {_text(str(edge.target))} [tooltip={_text(edge.reason)}{style}];")
    return "\n".join([*lines, "}"])


def _text(value: str) -> str:
    # JSON's quoting of texts is also that of DOT, newlines as \n included.
    return json.dumps(value, ensure_ascii=False)
