"""A week of pods played in no time: which nodes come and go for them by the scheduler and the cluster autoscaler.

Pods that no controller would make again, such as those of pipelines, keep their node. The Auto Scaling group chooses
the zone of a new node: the one with the fewest of the group's.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count

from ops.costs.week import scheduler
from ops.costs.week.autoscaler import SCAN, STABLE, Autoscaler
from ops.costs.week.model import NodeGroup, Outcome, Span, Start, Stuck, Work
from ops.costs.week.nodes import Job, Node, Running

# From the request for a node to its first pod; nobody promises it.
NODE_START = 120


def simulate(
    groups: Sequence[NodeGroup], works: Iterable[Work], *, until: int, scaling: bool, stable: int = STABLE
) -> Outcome:
    """Plays works on groups of nodes from second 0, with `desired` nodes each, until a time.

    `stable` is for how many seconds a node has to be ready before the autoscaler takes it for an example of its group.
    """
    return _Play(groups, scaling, stable).run(works, until)


class _Play:
    def __init__(self, groups: Sequence[NodeGroup], scaling: bool, stable: int) -> None:
        self._groups = groups
        self._autoscaler = Autoscaler(groups, stable) if scaling else None
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._looks: set[int] = set()
        self._order, self._numbers = count(), count()
        self._nodes: list[Node] = []
        self._pending: list[Running] = []
        self._zones: dict[str, str] = {}
        self._spans: list[Span] = []
        self._starts: list[Start] = []
        self._stuck: list[Stuck] = []
        for group in groups:
            for _ in range(group.desired):
                self._add(group, 0, ready=0)

    def run(self, works: Iterable[Work], until: int) -> Outcome:
        self._look_again(0)
        for work in works:
            self._at(work.start, partial(self._begin, Job(work)))
        while self._agenda and self._agenda[0][0] < until:
            now = self._agenda[0][0]
            while self._agenda and self._agenda[0][0] == now:
                heapq.heappop(self._agenda)[2](now)
            self._settle(now)
        for node in self._nodes:
            self._record(node, until)
        self._give_up(self._pending, until)
        return Outcome(
            spans=tuple(self._spans),
            starts=tuple(self._starts),
            stuck=tuple(self._stuck),
        )

    def _at(self, when: int, action: Callable[[int], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), action))

    def _look_again(self, when: int) -> None:
        if when not in self._looks:
            self._looks.add(when)
            self._at(when, self._looks.discard)

    # Work.

    def _begin(self, job: Job, now: int) -> None:
        if job.work.end is not None:
            self._at(job.work.end, partial(self._stop, job))
        self._next_stage(job, now)

    def _next_stage(self, job: Job, now: int) -> None:
        job.stage += 1
        if job.stage == len(job.work.stages):
            return
        job.pods = [Running(pod, job, now, None) for pod in job.work.stages[job.stage]]
        job.left = len(job.pods)
        self._pending += job.pods

    def _stop(self, job: Job, now: int) -> None:
        for one in job.pods:
            self._remove(one, now)
        self._give_up([one for one in self._pending if one.job is job], now)
        self._pending = [one for one in self._pending if one.job is not job]

    def _give_up(self, waiting: Iterable[Running], now: int) -> None:
        self._stuck += [Stuck(pod=one.pod, until=now, why=self._why(one)) for one in waiting]

    def _end(self, one: Running, now: int) -> None:
        self._remove(one, now)
        one.job.left -= 1
        if not one.job.left:
            self._next_stage(one.job, now)

    def _remove(self, one: Running, now: int) -> None:
        if one.node is not None:
            self._record(one.node, now)
            one.node.pods.remove(one)
            one.node.free = one.node.free.plus(one.pod.request)
            one.node = None

    # Nodes.

    def _add(self, group: NodeGroup, now: int, *, ready: int) -> None:
        there = Counter(node.zone for node in self._nodes if node.group is group)
        zone = min(group.zones, key=lambda one: there[one])
        self._nodes.append(Node(next(self._numbers), group, zone, ready, group.free, now))

    def _drop(self, node: Node, now: int) -> None:
        for one in list(node.pods):
            self._remove(one, now)
            one.since, one.moved = now, True
            self._pending.append(one)
        self._record(node, now)
        self._nodes.remove(node)

    def _record(self, node: Node, now: int) -> None:
        """What stood on a node up to now."""
        if now > node.since:
            group = node.group
            self._spans.append(
                Span(
                    node=node.number,
                    group=group.name,
                    pool=group.pool,
                    start=node.since,
                    end=now,
                    shares=node.shares(),
                )
            )
            node.since = now

    # Decisions.

    def _settle(self, now: int) -> None:
        self._schedule(now)
        autoscaler = self._autoscaler
        if autoscaler is None:
            return
        autoscaler.look(self._nodes, now)
        asked = autoscaler.asked_for(self._pending, self._nodes, now)
        for group in asked:
            self._add(group, now, ready=now + NODE_START)
        if asked:
            self._look_again(now + NODE_START)
        autoscaler.judge(self._nodes, now)
        for when in autoscaler.next_looks(now):
            self._look_again(when)
        going = autoscaler.going(self._nodes, now)
        for node in going:
            self._drop(node, now)
        if going:
            self._look_again(now + SCAN)
            self._schedule(now)

    def _schedule(self, now: int) -> None:
        ready = [node for node in self._nodes if node.ready <= now]
        # It has those that nobody needs ask pods to stay away (core/scaledown/actuation/softtaint.go).
        shunned = self._autoscaler.unneeded if self._autoscaler else ()
        waiting = []
        for one in self._pending:
            one.zone = one.pod.zone or self._zones.get(one.pod.claim or "")
            node = scheduler.chosen(ready, one, shunned)
            if node is None:
                waiting.append(one)
                continue
            self._record(node, now)
            node.pods.append(one)
            node.free = node.free.less(one.pod.request)
            one.node = node
            if one.pod.claim:
                one.zone = self._zones.setdefault(one.pod.claim, node.zone)
            self._starts.append(Start(pod=one.pod, when=now, waited=now - one.since, moved=one.moved))
            if one.pod.seconds is not None:
                self._at(now + one.pod.seconds, partial(self._end, one))
        self._pending = waiting

    def _why(self, one: Running) -> str:
        suiting = [group for group in self._groups if one.pod.suits(group)]
        zoned = [group for group in suiting if one.zone is None or one.zone in group.zones]
        if not suiting:
            return "no node of any pool would take it"
        if not zoned:
            return f"its volume is in {one.zone}, where no pool that would take it has nodes"
        names = ", ".join(dict.fromkeys(group.pool for group in zoned))
        return f"what would take it has no node free{', and is at its maximum' if self._autoscaler else ''}: {names}"
