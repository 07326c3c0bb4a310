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


def shown(graph: Graph, title: str, form: str, why: str = "") -> str:
    """The plan in one of `FORMATS` or, where an object is named, the chain that holds it back in one of `CHAINS`."""
    return CHAINS[form](graph, why) if why else FORMATS[form](graph, title)


__all__ = ["CHAINS", "FORMATS", "shown"]
