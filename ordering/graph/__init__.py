"""Which object must be sent before which, and what each waits for: pure functions over parsed objects.

`build(objects)` gives a `Graph`; `rules` holds what is known of Kubernetes and of the controllers on it, one function a
rule; docs of each rule are in its docstring.
"""

from ordering.graph.build import Graph, Node, build, takes_time
from ordering.graph.edges import Dropped, Edge, Strength, Unresolved, Warned
from ordering.graph.ids import ObjectId, id_of
from ordering.graph.rules import RULES, Rule
from ordering.graph.solve import CycleError
from ordering.graph.waits import DEFAULT, SKIP, Wait

__all__ = [
    "DEFAULT",
    "RULES",
    "SKIP",
    "CycleError",
    "Dropped",
    "Edge",
    "Graph",
    "Node",
    "ObjectId",
    "Rule",
    "Strength",
    "Unresolved",
    "Wait",
    "Warned",
    "build",
    "id_of",
    "takes_time",
]
