"""Sends a graph's nodes to the simulated API server in some order, and takes them away again."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from infra.kubeflow.slim import slim
from ordering.graph import Graph, Node, ObjectId
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.ordering.simulated_api import Event, SimulatedApi

ROOT = Path(__file__).resolve().parents[3]
RELEASES = ROOT.parent / "shared" / "kubeflow"
SAMPLE = ROOT / "manifests" / "sample"

# Ready only once their own configuration carries their CA: open-policy-agent/cert-controller waits for that before it
# closes its ready channel, Spark operator's readiness check can, and the sample's journal stands for both.
SELF_CERTIFYING = (
    "jobset-controller-manager",
    "kubeflow-trainer-controller-manager",
    "training-operator",
    "spark-operator-webhook",
    "journal",
)
# Of the generated ones, those whose names end like this.
CERTIFIES = "-certifies"


def real_platforms() -> list[str]:
    """The names of the platforms at hand: the sample, and the releases beside the checkout, if they are there."""
    found = sorted(folder.name for folder in RELEASES.iterdir() if folder.is_dir()) if RELEASES.is_dir() else []
    return ["sample", *found]


@cache
def _rendered(name: str) -> tuple[Manifest, ...]:
    if name == "sample":
        files = sorted(file for file in SAMPLE.glob("*.yaml") if file.name != "kustomization.yaml")
        return tuple(slim(manifest for file in files for manifest in render(file)))
    return tuple(slim(render(RELEASES / name / "resources.yaml")))


def objects_of(name: str) -> list[Manifest]:
    """The objects of a real platform, as they are sent."""
    return list(_rendered(name))


class Run:
    """One way through a graph. Waits are put off until something needs them: the slowest cluster there is."""

    def __init__(self, graph: Graph, finishes: Mapping[tuple[str, str], str] = MappingProxyType({})) -> None:
        """`finishes` names the workload that finishes each kind, by group and kind, where no table does."""
        self._graph = graph
        universe = [node.manifest for node in graph.nodes if node.gate is None]
        certifying = [node.id.name for node in graph.nodes if node.id.name.endswith(CERTIFIES)]
        self._api = SimulatedApi(universe, (*SELF_CERTIFYING, *certifying), finishes)
        self._waited: set[ObjectId] = set()

    def send(self, order: Iterable[Node]) -> list[Event]:
        """Sends the nodes, each after waiting for its direct needs; what went wrong so far."""
        for node in order:
            for need in node.needs:
                self.wait(self._graph.node(need))
            if node.gate is None:
                self._api.create(node.manifest)
            else:
                self._api.patch(node.manifest)
        return self._api.events

    def finish(self) -> list[Event]:
        """Waits for everything, as the end of an update does; what went wrong so far."""
        for node in self._graph.nodes:
            self.wait(node)
        return self._api.events

    def delete(self, order: Sequence[Node]) -> list[Event]:
        """Takes the nodes away in the reverse of an order; what went wrong so far."""
        for node in reversed(order):
            if node.gate is None:
                self._api.delete(node.manifest)
        return self._api.events

    def wait(self, node: Node) -> list[Event]:
        """Waits for one node; what went wrong so far."""
        if node.id not in self._waited and not node.wait.skip:
            self._waited.add(node.id)
            self._api.wait(node.manifest, node.wait.expressions)
        return self._api.events


def orders(graph: Graph, seed: int) -> Iterator[Node]:
    """One of all orders that the graph allows."""
    chance = random.Random(seed)
    return _ordered(graph, lambda ready: chance.randrange(len(ready)))


def first(graph: Graph, id_: ObjectId) -> list[Node]:
    """An object, as early as the graph allows: after what it needs, and nothing else."""
    needs = graph.needs_of(id_)
    return [node for node in graph.nodes if node.id in needs or node.id == id_]


def last(graph: Graph, id_: ObjectId) -> list[Node]:
    """An object, as late as the graph allows: after everything that does not need it."""
    held = {node.id for node in graph.nodes if id_ in graph.needs_of(node.id)}
    others = [node for node in graph.nodes if node.id not in held and node.id != id_]
    return [*others, graph.node(id_)]


def _ordered(graph: Graph, choose: Callable[[list[Node]], int]) -> Iterator[Node]:
    users: dict[ObjectId, list[ObjectId]] = {node.id: [] for node in graph.nodes}
    missing = {node.id: len(node.needs) for node in graph.nodes}
    for node in graph.nodes:
        for need in node.needs:
            users[need].append(node.id)
    ready = [node for node in graph.nodes if not node.needs]
    while ready:
        node = ready.pop(choose(ready))
        yield node
        for user in users[node.id]:
            missing[user] -= 1
            if not missing[user]:
                ready.append(graph.node(user))
