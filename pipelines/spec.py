"""Reading a compiled pipeline: plain data, as `pipeline_spec` (schema 2.1.0) has it."""

from collections.abc import Mapping
from typing import Any

Spec = dict[str, Any]


def name(spec: Mapping[str, Any]) -> str:
    """The pipeline's name."""
    return str(spec["pipelineInfo"]["name"])


def parameters(spec: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The parameters that the pipeline declares, by name."""
    found: Mapping[str, Mapping[str, Any]] = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return found


def steps(spec: Mapping[str, Any]) -> list[str]:
    """The names of the pipeline's steps, each after the ones that it needs; none where the API left them out."""
    tasks = spec.get("root", {}).get("dag", {}).get("tasks", {})
    ordered: list[str] = []
    while len(ordered) < len(tasks):
        ordered += sorted(
            task_name
            for task_name, task in tasks.items()
            if task_name not in ordered and set(task.get("dependentTasks", ())) <= set(ordered)
        )
    return ordered
