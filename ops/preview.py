"""`make preview`: what `up` would change, as tables for a person or as Markdown for a pull request."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from rich.console import Console

from infra.kubeflow.graph import Graph
from infra.kubeflow.install import resource_name, token
from infra.kubeflow.plan.components import components
from infra.settings import Settings
from ops import policies, run, summary
from ops.comment import CostLine
from ops.cost import estimate
from ops.steps import Recorder, Step


def deployed(settings: Settings, steps: Iterable[Step]) -> Settings | None:
    """What the bill of a stack rests on as it is now: its settings with the nodes and gateways of the state.

    None for a stack that has nothing yet. A bill rests on nothing else that can change while the stack lives.
    """
    now = [step for step in steps if step.old]
    if not any(step.type.startswith("aws:") for step in now):
        return None
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for step in now:
        by_type.setdefault(step.type, []).append(step.old)
    mode: Literal["create", "existing"] = "create" if "aws:eks/cluster:Cluster" in by_type else "existing"
    before = replace(settings, cluster=replace(settings.cluster, mode=mode))
    for group in by_type.get("aws:eks/nodeGroup:NodeGroup", []):
        desired = int((group.get("scalingConfig") or {}).get("desiredSize") or settings.nodes.desired)
        types = group.get("instanceTypes") or [settings.nodes.instance_type]
        before = replace(before, nodes=replace(before.nodes, desired=desired, instance_type=str(types[0])))
    for template in by_type.get("aws:ec2/launchTemplate:LaunchTemplate", []):
        disks = template.get("blockDeviceMappings") or [{}]
        size = int((disks[0].get("ebs") or {}).get("volumeSize") or settings.nodes.disk_gib)
        before = replace(before, nodes=replace(before.nodes, disk_gib=size))
    if gateways := len(by_type.get("aws:ec2/natGateway:NatGateway", [])):
        zones = tuple(f"zone-{index}" for index in range(gateways))
        before = replace(before, network=replace(before.network, nat="per-zone", zones=zones))
    return before


def costs(settings: Settings, steps: Iterable[Step], *, volumes_gib: int) -> list[CostLine]:
    """Every line of the monthly bill now and then; UserError for what has no price in the table."""
    now = deployed(settings, steps)
    before = {line.name: line.on_demand for line in estimate(now, volumes_gib=volumes_gib)} if now else {}
    after = {line.name: line.on_demand for line in estimate(settings, volumes_gib=volumes_gib)}
    return [
        CostLine(name=name, before=float(before.get(name, 0)), after=float(after.get(name, 0)))
        for name in {**before, **after}
    ]


def parts(graph: Graph) -> dict[tuple[str, str], str]:
    """The component of every object, by its type and name in the engine."""
    return {(token(id_), resource_name(id_)): component for id_, component in components(graph).items()}


def recorded(stack: str, pods: run.Pods, console: Console) -> tuple[Recorder, Graph]:
    """A preview's steps, and the graph of what it would install."""
    judge = policies.load()
    with run.session(stack, console=console, pods=pods, create=True, keeping=run.copied_from_files) as session:
        recorder = Recorder(console=console, expected=session.program.expected, judge=judge)
        session.tracker = recorder
        run.preview(session)
        summary.print_changes(console, session)
        policies.print_violations(console, recorder.violations())
        graph = session.program.graph
    return recorder, graph
