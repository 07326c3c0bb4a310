"""Helm: a chart whose custom resources, Jobs and Pods that need something ready are `post-install` hooks by weight.

Helm sends a release by kinds ("install order" of pkg/release/util/kind_sorter.go, helm.sh/helm/v3 3.18) and waits, with
`--wait`, before hooks for `post-install`. What is refused until then fails the installation, so what is in a namespace
that a controller makes is a hook, too. A hook is no part of the release: what holds data is made once and never again.
Helm takes over nothing that others made (pkg/action/validate.go), so that is not in the chart.
"""

from ordering.exports.export import Export, annotated, dump, objects, shared_notes, titles
from ordering.graph import Graph, Node, takes_time
from ordering.graph.controllers import profiles
from ordering.graph.hooks import AFTER, HOOK, WEIGHT, hooks_of
from ordering.graph.index import CRD, Platform

_RUNS = frozenset({("batch", "Job"), ("", "Pod")})
_HOLDING = frozenset({("", "PersistentVolumeClaim"), ("apps", "StatefulSet")})
_POLICY = "helm.sh/hook-delete-policy"


def export(graph: Graph) -> Export:
    """`Chart.yaml`, definitions in `crds/` and templates; to be installed with `helm install --wait`."""
    defined = {
        (str(node.manifest["spec"]["group"]), str(node.manifest["spec"]["names"]["kind"]))
        for node in objects(graph)
        if (node.id.group, node.id.kind) == CRD
    }
    late = profiles(Platform(node.manifest for node in objects(graph)))
    crds, ordinary, hooks, left, others = [], [], [], [], []
    for node in objects(graph):
        kind = (node.id.group, node.id.kind)
        if node.made_by:
            others.append(node.id)
        elif kind == CRD:
            crds.append(node.manifest)
        elif hooks_of(node.manifest) or not _waits(graph, node):
            ordinary.append(node.manifest)
        elif kind in defined or kind in _RUNS or node.id.namespace in late:
            once = kind in _HOLDING
            moment, policy = (AFTER, "hook-failed") if once else (f"{AFTER},post-upgrade", "before-hook-creation")
            hooks.append(annotated(node, {HOOK: moment, WEIGHT: str(node.level), _POLICY: policy}))
        else:
            ordinary.append(node.manifest)
            left.append(node)
    notes = [
        f"{len(left)} objects that need others to be ready are sent with the rest, and may be refused or start again "
        "until then: Helm has no order among objects of a release but that of kinds.",
        f"{len(hooks)} objects are hooks: they are not removed with the release, and made again in each upgrade.",
        "Between hooks, Helm waits for Jobs and Pods alone.",
        "Helm never changes or removes the definitions in crds/.",
        *shared_notes(graph, over=False),
    ]
    if others:
        notes.append(
            f"{titles(others)}: made by the cluster or a controller, and so not in the chart; apply them by hand."
        )
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
