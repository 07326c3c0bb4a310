"""Flux: a Kustomization for each level, which depends on the one before and checks the health of what is waited for.

kustomize.toolkit.fluxcd.io/v1 ("Kustomization" of Flux's documentation, 2.6: dependsOn, healthChecks).

None of them prunes. One that does deletes, as soon as it has applied its own, what it had before and has no more
(internal/controller/kustomization_controller.go of kustomize-controller 1.9); an object that a later export has in a
higher level would be deleted before that level's turn: a namespace or a claim with all that it holds, and for most of
the others a time without them.
"""

from typing import Any

from ordering.exports.export import Export, dump, objects, shared_notes
from ordering.graph import Graph, takes_time

_NAME = "level"


def export(graph: Graph) -> Export:
    """`flux.yaml` with the Kustomizations, and under `levels/` a folder for each, to be put into a Git repository."""
    files: dict[str, str] = {}
    steps: list[dict[str, Any]] = []
    levels = sorted({node.level for node in objects(graph)})
    for level in levels:
        nodes = [node for node in objects(graph) if node.level == level]
        folder = f"levels/{level:03}"
        files[f"{folder}/resources.yaml"] = dump(node.manifest for node in nodes)
        files[f"{folder}/kustomization.yaml"] = "resources:\n- resources.yaml\n"
        spec: dict[str, Any] = {
            "interval": "10m",
            "retryInterval": "1m",
            "timeout": "10m",
            "path": f"./{folder}",
            "prune": False,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            "healthChecks": [
                {
                    "apiVersion": node.id.api_version,
                    "kind": node.id.kind,
                    "name": node.id.name,
                    **({"namespace": place} if (place := node.manifest["metadata"].get("namespace")) else {}),
                }
                for node in nodes
                if takes_time(node)
            ],
        }
        if steps:
            spec["dependsOn"] = [{"name": steps[-1]["metadata"]["name"]}]
        metadata = {"name": f"{_NAME}-{level:03}", "namespace": "flux-system"}
        kind = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"}
        steps.append({**kind, "metadata": metadata, "spec": {key: value for key, value in spec.items() if value != []}})
    notes = [
        "A level begins when all that the level before waits for is healthy: an object waits for more than it needs.",
        "Flux deletes nothing, since pruning would delete what a later export has in a higher level: delete by hand "
        "what an export no longer has, and all of it, once the Kustomizations are gone, with "
        "`kubectl delete -f levels/NNN/resources.yaml` from the last level to the first.",
        "The source is GitRepository flux-system, and paths start at its root: change both to where the folder lies.",
        *shared_notes(graph, conditions=True),
    ]
    return Export({"flux.yaml": dump(steps), **files}, tuple(notes))
