"""Disruption budgets that let no pod go, so that no node with one of their pods can be emptied."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any

from infra.kubeflow.capacity import minimums, replicas
from ordering.graph.index import Platform, mapping
from ordering.graph.selectors import parse
from ordering.manifests.objects import Manifest, title


def blocking(objects: Sequence[Manifest]) -> list[str]:
    """The budgets that keep EKS from emptying a node with one of their pods: it tries for 15 minutes, then it gives up.

    From the EKS user guide, "Understand each phase of node updates".
    """
    platform = Platform(objects)
    least = minimums(objects)
    found = []
    for id_ in platform.of_kind("policy", "PodDisruptionBudget"):
        budget = platform.objects[id_]
        spec = mapping(budget.get("spec"))
        selector = parse(spec.get("selector"), partial(_faulty, title(budget)))
        chosen = [platform.objects[one.id] for one in platform.selected(platform.namespace(id_), selector)]
        pods = sum(replicas(one, mapping(one.get("spec")), least) for one in chosen)
        if pods and not _allowed(spec, pods):
            found.append(title(budget))
    return found


def _faulty(budget: str, fault: str) -> str:
    return f"{budget}: {fault}"


def _allowed(spec: Mapping[str, Any], pods: int) -> int:
    """How many of so many ready pods may go; percentages round up (Kubernetes, "Specifying a Disruption Budget")."""
    if "maxUnavailable" in spec:
        return _number(spec["maxUnavailable"], pods)
    return pods - _number(spec.get("minAvailable", 0), pods)


def _number(value: Any, pods: int) -> int:
    text = str(value)
    return ceil(int(text[:-1]) * pods / 100) if text.endswith("%") and text[:-1].isdecimal() else int(text)
