"""From a stack's settings and a trace to what is played: groups of nodes, and the pods of two weeks."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from infra.aws import instances
from infra.aws.instances import GI
from infra.kubeflow.capacity import EKS_PER_CLUSTER, EKS_PER_NODE, Load, Requirements
from infra.settings import Settings, Taint
from infra.settings.groups import BASE, GPU_TAINT, groups, taints
from ops.costs import culling
from ops.costs.week.model import DAY, PLATFORM, WEEK, NodeGroup, Pod, Room, Work
from ops.costs.week.trace import Notebook, Pipeline, Shape, Trace
from ordering.errors import UserError

WEEKS = 2
"""The first gives volumes their zones, and what runs over Sunday night its place; the second counts."""

_ARCH_TAINT = "kubernetes.io/arch"


def node_groups(settings: Settings, per_node: Load) -> list[NodeGroup]:
    """The base group and those of pools; `per_node` is what the platform runs on every node, beside EKS.

    UserError for a stack that makes no nodes, or of types whose size is not known here.
    """
    if settings.cluster.mode != "create":
        raise UserError(
            f"A trace is played on the nodes of a cluster that the stack makes, and {settings.stack} uses another; "
            "name a stack with clusterMode create."
        )
    nodes = settings.nodes
    base = _group(
        settings,
        BASE,
        BASE,
        nodes.instance_type,
        settings.network.zones,
        (nodes.min, nodes.desired, nodes.max),
        per_node,
    )
    return [
        base,
        *(
            _group(
                settings,
                one.name,
                pool.name,
                pool.instance_types[0],
                one.zones,
                (one.min, one.desired, one.max),
                per_node,
                taints(pool),
            )
            for pool in settings.pools
            for one in groups(pool)
        ),
    ]


def _group(
    settings: Settings,
    name: str,
    pool: str,
    instance_type: str,
    zones: tuple[str, ...],
    size: tuple[int, int, int],
    per_node: Load,
    kept_for: Sequence[Taint] = (),
) -> NodeGroup:
    known = instances.instance(instance_type)
    if known is None:
        raise UserError(
            f"How large {instance_type} of the pool {pool} is, is not known here; choose a type of "
            "infra/aws/instances.py, or add it there."
        )
    gpus = known.gpus * settings.nodes.gpu_shares
    room = Room(known.allocatable_cpu, known.allocatable_memory, gpus, known.pods, instances.volume_slots(known))
    own = per_node + EKS_PER_NODE
    low, now, high = size
    return NodeGroup(
        name=name,
        pool=pool,
        arch="arm64" if instances.is_arm(instance_type) else "amd64",
        room=room,
        free=room.less(Room(own.cpu, own.memory, pods=own.pods)),
        capacity=Room(known.vcpus * 1000, known.memory),
        taints=frozenset(kept_for),
        zones=zones,
        min=low,
        desired=now,
        max=high,
    )


def platform(needed: Requirements) -> Work:
    """Kubeflow's own pods and EKS's, which run for ever.

    The autoscaler moves those of EKS too once they are an hour old, be there a budget or not (1.35.2,
    simulator/drainability/rules/system/rule.go); the first hour of two weeks is not told apart.
    """
    eks = Room(EKS_PER_CLUSTER.cpu, EKS_PER_CLUSTER.memory, pods=EKS_PER_CLUSTER.pods)
    own = [
        Pod(name=f"{PLATFORM}-{index}", team=PLATFORM, request=Room(one.cpu, one.memory, pods=one.pods))
        for index, one in enumerate(needed.pods)
    ]
    return Work(start=0, end=None, stages=((Pod(name="eks", team=PLATFORM, request=eks), *own),))


def works(trace: Trace, settings: Settings, made: Sequence[NodeGroup]) -> list[Work]:
    """What the trace wants to run in `WEEKS` weeks; UserError for a pod that no node of the stack could ever take."""
    found = [one for notebook in trace.notebooks for one in _servers(notebook, settings, made)]
    return found + [one for pipeline in trace.pipelines for one in _runs(pipeline, settings, made)]


def _servers(notebook: Notebook, settings: Settings, made: Sequence[NodeGroup]) -> Iterable[Work]:
    starts = sorted(week * WEEK + day * DAY + notebook.start * 60 for week in range(WEEKS + 1) for day in notebook.days)
    worked = (notebook.end - notebook.start) * 60
    idle = culling.limit(settings.notebooks, accelerated=notebook.shape.gpus > 0) * 60
    for number in range(notebook.count):
        name = notebook.name if notebook.count == 1 else f"{notebook.name}-{number}"
        pod = _pod(name, notebook.team, notebook.shape, settings, made, zone=notebook.zone, claim=name)
        for start, after in pairwise(starts):
            end = start + worked
            if notebook.left:
                end = min(end + idle, after) if idle else after
            yield Work(start=start, end=end, stages=((pod,),))


def _runs(pipeline: Pipeline, settings: Settings, made: Sequence[NodeGroup]) -> Iterable[Work]:
    stages = tuple(
        tuple(
            _pod(
                f"{pipeline.name}-{index}-{number}",
                pipeline.team,
                step.shape,
                settings,
                made,
                seconds=step.minutes * 60,
            )
            for number in range(step.count)
        )
        for index, step in enumerate(pipeline.steps)
    )
    for week in range(WEEKS):
        for day in pipeline.days:
            for minute in pipeline.starts:
                yield Work(start=week * WEEK + day * DAY + minute * 60, end=None, stages=stages)


def _pod(
    name: str,
    team: str,
    shape: Shape,
    settings: Settings,
    made: Sequence[NodeGroup],
    *,
    zone: str | None = None,
    claim: str | None = None,
    seconds: int | None = None,
) -> Pod:
    pod = Pod(
        name=name,
        team=team,
        request=Room(shape.cpu, shape.memory, shape.gpus, volumes=int(claim is not None)),
        pool=shape.pool,
        arch=shape.arch,
        zone=zone,
        claim=claim and f"{team}/{claim}",
        tolerates=_tolerated(shape, made),
        seconds=seconds,
        # What a StatefulSet made it makes again.
        movable=claim is not None,
    )
    if fault := _fault(pod, settings, made):
        raise UserError(f"{name!r} of the trace {fault}.")
    return pod


def _tolerated(shape: Shape, made: Sequence[NodeGroup]) -> frozenset[Taint]:
    """The taints of its pool, which the form of notebooks and `pipelines run` lift, and those that its wishes lift."""
    return frozenset(
        taint
        for group in made
        for taint in group.taints
        if group.pool == shape.pool
        or (shape.gpus and taint.key == GPU_TAINT.key)
        or (shape.arch == "arm64" and taint.key == _ARCH_TAINT)
    )


def _fault(pod: Pod, settings: Settings, made: Sequence[NodeGroup]) -> str | None:
    """Why no node of the stack could ever take a pod; None where one could."""
    pools = ", ".join(dict.fromkeys(group.pool for group in made))
    if pod.pool is not None and pod.pool not in {group.pool for group in made}:
        return f"names the pool {pod.pool!r}, which the stack {settings.stack} does not have; it has {pools}"
    if pod.zone is not None and pod.zone not in settings.network.zones:
        zones = ", ".join(settings.network.zones)
        return f"names the zone {pod.zone!r}, which is not in networkZones; choose one of {zones}"
    there = [group for group in made if pod.pool in (None, group.pool)]
    where = f"the pool {pod.pool}" if pod.pool else "any pool"
    if pod.request.gpus and not any(group.room.gpus for group in there):
        return f"asks for GPUs, and no node of {where} has one; add a pool with instanceTypes such as g5.xlarge"
    if pod.arch and not any(group.arch == pod.arch for group in there):
        return f"asks for {pod.arch}, and no node of {where} has such a processor; change its arch or its pool"
    fitting = [group for group in there if pod.suits(group)]
    if not fitting:
        request = pod.request
        size = f"{request.cpu / 1000:g} vCPU, {request.memory / GI:.1f} GiB and {request.gpus} GPUs"
        return f"asks for {size} at once, which no node of {where} offers; lower that, or add a pool with larger nodes"
    if pod.zone is not None and not any(pod.zone in group.zones for group in fitting):
        return f"has its volume in {pod.zone}, where no pool that would take it has nodes; add the zone to one"
    return None
