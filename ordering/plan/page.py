"""The plan as one page for a browser: nothing to install, nothing fetched."""

import html
import json
from pathlib import Path
from string import Template
from typing import Any

from ordering.graph import Graph, takes_time
from ordering.plan.components import components

_HERE = Path(__file__).parent


def plan(graph: Graph, title: str) -> str:
    """A page with levels as columns and one colour a component, which can be searched and followed by clicking."""
    template = Template((_HERE / "page.html").read_text())
    # A script element ends at the first `</`, whatever stands around it.
    data = json.dumps(_data(graph, title), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return template.substitute(
        title=html.escape(title),
        style=(_HERE / "page.css").read_text(),
        script=(_HERE / "page.js").read_text(),
        data=data,
    )


def _data(graph: Graph, title: str) -> dict[str, Any]:
    """Nodes by number; an edge is [from, to, hard, reason]."""
    parts = components(graph)
    number = {node.id: position for position, node in enumerate(graph.nodes)}
    direct = {(node.id, need) for node in graph.nodes for need in node.needs}
    return {
        "title": title,
        "stats": {key: graph.stats[key] for key in ("objects", "gates", "edges", "reducedEdges", "levels")},
        "nodes": [
            {
                "id": str(node.id),
                "kind": node.id.kind,
                "name": node.id.name,
                "namespace": node.id.namespace,
                "level": node.level,
                "part": parts[node.id],
                "wait": str(node.wait),
                "slow": takes_time(node),
                "gate": node.gate is not None,
            }
            for node in graph.nodes
        ],
        "edges": [
            [number[edge.source], number[edge.target], edge.hard, edge.reason]
            for edge in graph.edges
            if (edge.source, edge.target) in direct
        ],
        "critical": [number[id_] for id_ in graph.critical_path],
        "dropped": [f"{d.edge.source} → {d.edge.target}: {d.edge.reason}; {d.explanation}" for d in graph.dropped],
        "unresolved": [f"{u.wanted}, by {u.asker}: {u.reason}" for u in graph.unresolved],
        "warnings": [w.message for w in graph.warnings],
    }
