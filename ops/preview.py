"""`make preview`: what `up` would change, as tables for a person or as Markdown for a pull request."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import click
from rich.console import Console

from infra.errors import UserError
from infra.kubeflow.graph import Graph
from infra.kubeflow.plan.components import components
from infra.kubeflow.platform import resource_name, token
from infra.settings import Settings
from ops import policies, run, summary
from ops.comment import CostLine, failure, markdown
from ops.cost import claimed_gib, estimate
from ops.settings import stack_settings
from ops.stack import LOCAL_STACK
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


@click.command("preview")
@click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")
@click.option("--pods", type=click.Choice(["instant", "realistic"]), default="instant", show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
def command(stack: str, pods: run.Pods, form: str) -> None:
    """Show what `up` would change."""
    if form == "text":
        recorder = _recorded(stack, pods, Console())[0]
    else:
        try:
            text, recorder = comment(stack, pods)
        except UserError as error:
            click.echo(failure(stack, str(error)))
            raise
        click.echo(text)
    policies.refuse(recorder.violations())


def comment(stack: str, pods: run.Pods) -> tuple[str, Recorder]:
    """The text of a pull request's comment, and what it was made from; progress goes to standard error."""
    settings = stack_settings(stack).settings
    recorder, graph = _recorded(stack, pods, Console(file=sys.stderr))
    steps = list(recorder.steps.values())
    bill: list[CostLine] | None = None
    note = ""
    try:
        bill = costs(settings, steps, volumes_gib=claimed_gib(settings))
    except UserError as error:
        note = str(error)
    text = markdown(stack, steps, components=parts(graph), costs=bill, no_costs=note, violations=recorder.violations())
    return text, recorder


def _recorded(stack: str, pods: run.Pods, console: Console) -> tuple[Recorder, Graph]:
    """A preview's steps, and the graph of what it would install."""
    judge = policies.load()
    with run.session(stack, console=console, pods=pods, create=True, keeping=run.copied_from_files) as session:
        recorder = Recorder(console=console, expected=session.program.expected, judge=judge)
        session.tracker = recorder
        run.preview(session)
        summary.print_changes(console, session)
        policies.print_violations(console, recorder.violations())
        graph: Graph = session.program.names["release"].graph
    return recorder, graph
