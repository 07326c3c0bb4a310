"""Helm: a chart whose custom resources, Jobs and Pods that need something ready are `post-install` hooks by weight.

Helm sends a release by kinds ("install order" of pkg/release/util/kind_sorter.go, helm.sh/helm/v3 3.18) and waits, with
`--wait`, before hooks for `post-install`. A hook is no part of the release, so nothing that holds data becomes one.
"""

from ordering.exports.export import Export, annotated, dump, objects, shared_notes
from ordering.graph import Graph, Node, takes_time
from ordering.graph.hooks import AFTER, HOOK, WEIGHT, hooks_of
from ordering.graph.index import CRD

_RUNS = frozenset({("batch", "Job"), ("", "Pod")})
_POLICY = "helm.sh/hook-delete-policy"


def export(graph: Graph) -> Export:
    """`Chart.yaml`, definitions in `crds/` and templates; to be installed with `helm install --wait`."""
    defined = {
        (str(node.manifest["spec"]["group"]), str(node.manifest["spec"]["names"]["kind"]))
        for node in objects(graph)
        if (node.id.group, node.id.kind) == CRD
    }
    crds, ordinary, hooks, left = [], [], [], []
    for node in objects(graph):
        kind = (node.id.group, node.id.kind)
        if kind == CRD:
            crds.append(node.manifest)
        elif hooks_of(node.manifest) or not _waits(graph, node):
            ordinary.append(node.manifest)
        elif kind in defined or kind in _RUNS:
            extra = {HOOK: f"{AFTER},post-upgrade", WEIGHT: str(node.level), _POLICY: "before-hook-creation"}
            hooks.append(annotated(node, extra))
        else:
            ordinary.append(node.manifest)
            left.append(node)
    notes = [
        f"{len(left)} objects that need others to be ready are sent with the rest, and may be refused or start again "
        "until then: Helm has no order among objects of a release but that of kinds.",
        f"{len(hooks)} objects are hooks: they are not removed with the release, and made again in each upgrade.",
        "Between hooks, Helm waits for Jobs and Pods alone.",
        "Helm never changes or removes the definitions in crds/.",
        *shared_notes(graph),
    ]
    chart = {"apiVersion": "v2", "name": "exported", "version": "0.1.0"}
    files = {
        "Chart.yaml": dump([chart]),
        "values.yaml": "{}\n",
        "templates/release.yaml": _escaped(dump(ordinary)),
        "templates/hooks.yaml": _escaped(dump(hooks)),
        "crds/definitions.yaml": dump(crds),
    }
    return Export({name: text for name, text in files.items() if text}, tuple(notes))


def _waits(graph: Graph, node: Node) -> bool:
    """Whether anything that an object needs is waited for, definitions apart, which Helm sends first."""
    needed = (graph.node(need) for need in graph.needs_of(node.id))
    return any(takes_time(other) and (other.id.group, other.id.kind) != CRD for other in needed)


def _escaped(text: str) -> str:
    """Text of a template that renders to the given one."""
    return text.replace("{{", '{{ "{{" }}')
