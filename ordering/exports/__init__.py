"""A graph for engines that have an order of their own: what each can express, and what it cannot in sentences."""

from collections.abc import Callable

from ordering.exports import argocd, depends_on, flux, helm, kapp
from ordering.exports.export import Export
from ordering.graph import Graph

TARGETS: dict[str, Callable[[Graph], Export]] = {
    "argocd": argocd.export,
    "flux": flux.export,
    "kapp": kapp.export,
    "depends-on": depends_on.export,
    "helm": helm.export,
}

__all__ = ["TARGETS", "Export"]
