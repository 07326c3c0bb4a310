"""What `up` would change: the engine's own preview, with what is lost by it, what it costs, and the policy rules."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from infra.kubeflow.earlier import Earlier
from infra.kubeflow.install import resource_name, token
from infra.settings import Pool, Settings
from infra.settings.groups import BASE, POOL_LABEL, POOL_TAG
from ops import clashing, dropping, earlier, live, losing, onward, policies, renewal, run, trusts
from ops.backend import copied_from_files
from ops.changes import Change, Live, classify
from ops.cluster import RefusedError
from ops.comment import CostLine
from ops.cost import bill, estimate
from ops.existing import Existing, made_by, seen
from ops.migrations import table
from ops.migrations.between import Between
from ops.reaching import reached, refuse_absent
from ops.run import Session
from ops.settings import sound_settings
from ops.steps import Op, Recorder, Step
from ops.storing import Migration
from ordering.errors import UserError
from ordering.graph import Graph
from ordering.plan.components import components

if TYPE_CHECKING:
    from policy import Violation


_INTERFACE = "Interface"
"""The type of an endpoint of a network without a way out."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A preview of one stack, a step for each resource.

    `existing` are the objects that would be made and are in the cluster already, `live` what people have in it that
    would go; `unseen` says what nobody could look at, and why. `costs` is None where no price is known; `note` says
    why, or what the price leaves out. `parts` names the component of an object, by its type and name in the engine.
    `notices` say what the preview leaves out, what it takes to renew nodes, which roles trust others, which objects are
    rewritten first, what operators made at run time that goes with what is deleted, and what else lies between two
    releases.
    """

    stack: str
    notices: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    violations: "tuple[Violation, ...]"
    costs: tuple[CostLine, ...] | None
    note: str
    parts: Mapping[tuple[str, str], str]
    existing: tuple[Existing, ...] = ()
    live: Live = field(default_factory=dict)
    unseen: tuple[str, ...] = ()

    @property
    def counts(self) -> Counter[Op]:
        """How many resources each change is about."""
        return Counter(step.change for step in self.steps)

    @cached_property
    def changes(self) -> list[Change]:
        """What does not stay as it is, each with its class, the gravest first."""
        return classify(self.steps, self.live)


def look(session: Session, settings: Settings) -> Preview:
    """The preview of a session's stack, on the state that the session's next command works on.

    The session's tracker is a `Recorder` afterwards. UserError when the engine fails, or the policy rules cannot be
    loaded.
    """
    recorder = Recorder.after(session.tracker, policies.load())
    session.tracker = recorder
    if not session.settled:
        session.resources = (session.stack.export_stack().deployment or {}).get("resources") or ()
    stored: list[Migration] = []

    def before(graph: Graph) -> Earlier:
        onward.check(session)
        try:
            clashing.check(session, graph)
            left = earlier.look(session, graph)
        except (OSError, RefusedError):  # what it would have told is looked for once more below, which says so
            return Earlier(sent=earlier.sent(graph, session.resources))
        stored.extend(left.migrations)
        return left.earlier

    session.program.before = before
    run.preview(session)
    with suppress(OSError):  # which is said below
        refuse_absent(session)
    steps, runs = tuple(recorder.steps.values()), session.program.live_version
    costs: tuple[CostLine, ...] | None = None
    try:
        after = bill(settings)
        costs, note = tuple(cost_lines(settings, steps, volumes_gib=after.volumes_gib)), after.note
    except UserError as error:
        note = str(error)
    graph = session.program.graph
    found: list[Existing] = []
    going: Live = {}
    unseen: list[str] = []
    made = made_by(graph, steps)
    gone = dropping.dropped(session.resources, graph)
    between = Between(stack=session.stack.name, state=session.resources, graph=graph)
    said: list[str] = []
    try:
        with reached(session) if made or gone or losing.asks(steps) or table.chosen(between) else nullcontext() as api:
            if api is not None:
                found, unread = seen(made, api)
                unseen += [f"Nobody looked for what is there already: {one}" for one in unread]
                going = losing.look(steps, api)
                said = table.look(between, api)
                if gone:
                    said += dropping.sentences(api, dropping.going(session.resources, gone))
    except RefusedError as error:
        unseen.append(f"Nobody looked for what would go with what is deleted: {error}")
    except OSError as error:
        unseen.append(f"The cluster does not answer ({error}), so nobody looked at what is there already.")
    return Preview(
        stack=session.stack.name,
        notices=(
            *session.program.notices,
            *(live.notice(step, runs) for step in live.upgraded(steps, runs)),
            *renewal.sentences(steps),
            *trusts.sentences(steps),
            *map(str, stored),
            *said,
        ),
        steps=steps,
        violations=tuple(recorder.violations()),
        costs=costs,
        note=note,
        parts=parts(graph),
        existing=tuple(found),
        live=going,
        unseen=tuple(unseen),
    )


def copied(stack: str, pods: run.Pods, console: Console) -> tuple[Preview, Session]:
    """The preview of a stack on a copy of its state, which changes nothing, and the session that it took."""
    settings = sound_settings(stack)
    keeping = partial(copied_from_files, stack)
    with run.session(stack, console=console, pods=pods, missing="play", keeping=keeping) as session:
        return look(session, settings), session


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
    groups, templates = (
        [one for one in by_type.get(kind, []) if (one.get("tags") or {}).get(POOL_TAG, BASE) == BASE]
        for kind in ("aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate")
    )
    for group in groups:
        desired = int((group.get("scalingConfig") or {}).get("desiredSize") or settings.nodes.desired)
        types = group.get("instanceTypes") or [settings.nodes.instance_type]
        before = replace(before, nodes=replace(before.nodes, desired=desired, instance_type=str(types[0])))
    for template in templates:
        disks = template.get("blockDeviceMappings") or [{}]
        size = int((disks[0].get("ebs") or {}).get("volumeSize") or settings.nodes.disk_gib)
        before = replace(before, nodes=replace(before.nodes, disk_gib=size))
    before = replace(before, pools=_pools(settings.pools, by_type))
    if gateways := len(by_type.get("aws:ec2/natGateway:NatGateway", [])):
        zones = tuple(f"zone-{index}" for index in range(gateways))
        before = replace(before, network=replace(before.network, nat="per-zone", zones=zones))
    elif _INTERFACE in {one.get("vpcEndpointType") for one in by_type.get("aws:ec2/vpcEndpoint:VpcEndpoint", [])}:
        before = replace(before, network=replace(before.network, nat="none"))
    return before


def _pools(wanted: Iterable[Pool], by_type: Mapping[str, list[Mapping[str, Any]]]) -> tuple[Pool, ...]:
    """The pools as they are now, as far as the bill rests on them: those of the settings that have groups already."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for group in by_type.get("aws:eks/nodeGroup:NodeGroup", []):
        found.setdefault(str((group.get("labels") or {}).get(POOL_LABEL, "")), []).append(group)
    disks = {
        (one.get("tags") or {}).get(POOL_TAG): (one.get("blockDeviceMappings") or [{}])[0].get("ebs") or {}
        for one in by_type.get("aws:ec2/launchTemplate:LaunchTemplate", [])
    }
    return tuple(
        replace(
            pool,
            instance_types=tuple(map(str, groups[0].get("instanceTypes") or pool.instance_types)),
            capacity="spot" if groups[0].get("capacityType") == "SPOT" else "on-demand",
            desired=sum(int((one.get("scalingConfig") or {}).get("desiredSize") or 0) for one in groups),
            disk_gib=int(disks.get(pool.name, {}).get("volumeSize") or pool.disk_gib),
        )
        for pool in wanted
        if (groups := found.get(pool.name))
    )


def cost_lines(settings: Settings, steps: Iterable[Step], *, volumes_gib: int) -> list[CostLine]:
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
    found = components(graph)
    return {(token(node), resource_name(node.id)): found[node.id] for node in graph.nodes}
