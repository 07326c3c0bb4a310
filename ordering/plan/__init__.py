"""A graph as people and programs read it: text, JSON, Graphviz, and one page for a browser."""

from collections.abc import Callable

from ordering.graph import Graph
from ordering.plan import document, dot, page, text

FORMATS: dict[str, Callable[[Graph, str], str]] = {
    "text": text.plan,
    "json": document.plan,
    "dot": dot.plan,
    "html": page.plan,
}
CHAINS: dict[str, Callable[[Graph, str], str]] = {"text": text.chain, "json": document.chain}

__all__ = ["CHAINS", "FORMATS"]
