"""Argo CD: a sync wave for each object ("Sync Phases and Waves" of its documentation, v3)."""

from ordering.exports.export import Export, annotated, dump, first_users, objects, shared_notes
from ordering.graph import Graph

WAVE = "argocd.argoproj.io/sync-wave"
OPTIONS = "argocd.argoproj.io/sync-options"


def export(graph: Graph) -> Export:
    """One file for an Application: waves are the graph's levels, and are undone in reverse."""
    waves = {node.id: node.level for node in objects(graph)}
    last = max(waves.values(), default=0)
    # A claim is healthy when it is bound, which may take a pod (argo-cd 12840): it goes with the first that mounts it.
    # One that nobody mounts goes with the last wave, which nothing waits for.
    waves |= {claim: waves[user] if user else last for claim, user in first_users(graph, waves).items()}
    found = []
    for node in objects(graph):
        extra = {WAVE: str(waves[node.id])}
        if node.made_by:
            extra[OPTIONS] = "Prune=false,Delete=false,ServerSideApply=true"
        found.append(annotated(node, extra))
    notes = [
        "A wave begins when all of the wave before is healthy: an object waits for more than it needs.",
        "Argo CD knows the health of built-in kinds and of those that it has a script for; others are healthy at once.",
        *shared_notes(graph),
    ]
    return Export({"application.yaml": dump(found)}, tuple(notes))
