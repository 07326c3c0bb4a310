"""Helm: a chart for each step of the order, to be installed one after the other, each waited for with its Jobs.

One chart cannot carry an order: Helm sends a release by kinds ("install order" of pkg/release/v1/util/kind_sorter.go,
helm.sh/helm/v4 4.1) and waits for all of it before its hooks, so that what needs a hook would never be ready, and of
hooks it waits for Jobs and Pods alone. Helm 4 waits for custom resources, too, if their status tells what kstatus
reads. Helm takes over nothing that others made (pkg/action/validate.go), so that is not in the charts.
"""

from ordering.exports.export import Export, annotated, dump, first_users, is_claim, needs, objects, shared_notes, titles
from ordering.graph import Graph, Node, ObjectId, takes_time
from ordering.graph.hooks import AFTER, HOOK
from ordering.manifests.objects import Manifest

_POLICY = "helm.sh/hook-delete-policy"
_LARGEST_BYTES = 2 << 20
"""Of a chart's objects. Helm keeps a release, compressed, in one Secret, which the API server limits to 1 MiB."""


def export(graph: Graph) -> Export:
    """A folder for each chart, by whose names they are installed, and in reverse uninstalled."""
    steps = _steps(graph)
    users = first_users(graph, steps)
    spare = [claim for claim, user in users.items() if user is None]
    # A claim binds with its first pod, and Helm waits for a claim to be bound.
    steps |= {claim: steps[user] for claim, user in users.items() if user is not None}
    sent = [node for node in objects(graph) if not node.made_by]
    files: dict[str, str] = {}
    charts = 0
    for step in sorted({steps[node.id] for node in sent}):
        manifests = [_sent(node, spare) for node in sent if steps[node.id] == step]
        for part in _parts(manifests):
            charts += 1
            name = f"order-{charts:03}"
            files[f"{name}/Chart.yaml"] = dump([{"apiVersion": "v2", "name": name, "version": "0.1.0"}])
            files[f"{name}/templates/all.yaml"] = _escaped(part)
    notes = [
        f'{charts} charts: `for chart in order-*; do helm install "$chart" "./$chart" --wait --wait-for-jobs || break; '
        "done` installs them with Helm 4, and `helm uninstall` takes them away in reverse.",
        "A chart is sent when all of the one before is ready: an object waits for more than it needs.",
        *shared_notes(graph, conditions=True, over=False),
    ]
    if spare:
        notes.append(f"{titles(spare)}: mounted by nothing here, and so hooks: made once, and left by an uninstall.")
    if stopped := [node.id for node in sent if (node.id.group, node.id.kind) == ("batch", "Job") and node.wait.skip]:
        notes.append(
            f"{titles(stopped)}: suspended, and --wait-for-jobs would wait for ever: leave it out for that chart."
        )
    if others := [node.id for node in objects(graph) if node.made_by]:
        notes.append(
            f"{titles(others)}: made by the cluster or a controller, and so not in the charts; apply them by hand."
        )
    return Export(files, tuple(notes))


def _steps(graph: Graph) -> dict[ObjectId, int]:
    """When each object may be sent: a step after those of its needs that others have to wait for."""
    steps: dict[ObjectId, int] = {}
    for node in objects(graph):
        waited = (steps[need] + takes_time(graph.node(need)) for need in needs(graph, node) if not is_claim(need))
        steps[node.id] = max(waited, default=0)
    return steps


def _sent(node: Node, spare: list[ObjectId]) -> Manifest:
    return annotated(node, {HOOK: AFTER, _POLICY: "hook-failed"} if node.id in spare else {})


def _parts(manifests: list[Manifest]) -> list[str]:
    """The objects as texts of which none is larger than a chart may be."""
    parts = [""]
    for text in (dump([one]) for one in manifests):
        if parts[-1] and len(parts[-1]) + len(text) > _LARGEST_BYTES:
            parts.append("")
        parts[-1] += text
    return parts


def _escaped(text: str) -> str:
    """Text of a template that renders to the given one."""
    return text.replace("{{", '{{ "{{" }}')
