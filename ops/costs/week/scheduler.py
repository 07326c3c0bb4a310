"""Which node the scheduler gives a pod: Kubernetes 1.35's, with its default plugins and their weights.

What decides between nodes of these pools is how full they would be (NodeResourcesFit's LeastAllocated, weight 1), how
evenly CPU and memory (NodeResourcesBalancedAllocation, 1), and taints that only ask to stay away (TaintToleration, 3):
pkg/scheduler/framework/plugins/noderesources/{least,balanced}_allocation.go, tainttoleration/taint_toleration.go,
pkg/scheduler/apis/config/v1/default_plugins.go. Of nodes that it likes alike it draws one; here it is the oldest.
"""

from collections.abc import Container, Iterable

from ops.costs.week.nodes import Node, Running

_BEST = 100
_TAINTS_COUNT = 3


def chosen(nodes: Iterable[Node], one: Running, shunned: Container[Node]) -> Node | None:
    """The node for a pod, None where none takes it; shunned ones have one more taint that asks to stay away."""
    fit = [node for node in nodes if node.takes(one)]
    asked = {node: _stay_away(node, one) + (node in shunned) for node in fit}
    most = max(asked.values(), default=0) or 1
    return max(
        fit,
        key=lambda node: (_TAINTS_COUNT * (_BEST - asked[node] * _BEST // most) + _room(node, one), -node.number),
        default=None,
    )


def _stay_away(node: Node, one: Running) -> int:
    return sum(taint.effect == "PreferNoSchedule" and taint not in one.pod.tolerates for taint in node.group.taints)


def _room(node: Node, one: Running) -> int:
    """By what would be left with the pod, in whole hundredths as the plugins count."""
    left, room = node.free.less(one.pod.request), node.group.room
    least = (left.cpu * _BEST // room.cpu + left.memory * _BEST // room.memory) // 2
    return least + int((1 - abs(left.cpu / room.cpu - left.memory / room.memory) / 2) * _BEST)
