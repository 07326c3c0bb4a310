"""How the scheduler and the cluster autoscaler are played: which node a pod gets, which nodes come and which go."""

from typing import Any

from infra.aws.instances import GI
from infra.settings import Taint
from ops.costs.week.autoscaler import AFTER_ADD, GOES_AFTER, RECHECK, SCAN, STABLE, UNNEEDED
from ops.costs.week.model import DAY, HOUR, NodeGroup, Outcome, Pod, Room, Work
from ops.costs.week.simulation import NODE_START, simulate

FULL = Room(4000, 16 * GI, 0, 10, 5)


def group(**changes: Any) -> NodeGroup:
    offered: dict[str, Any] = {"arch": "amd64", "room": FULL, "free": FULL, "capacity": FULL, "taints": frozenset()}
    sizes: dict[str, Any] = {"zones": ("a",), "min": 0, "desired": 0, "max": 3}
    return NodeGroup(**{"name": "g", "pool": "g", **offered, **sizes, **changes})


def pods(number: int, **changes: Any) -> list[Work]:
    request = {"request": Room(1000, GI), "seconds": 3600}
    return [
        Work(start=0, end=None, stages=((Pod(**{"name": f"p{index}", "team": "t", **request, **changes}),),))
        for index in range(number)
    ]


def sizes(outcome: Outcome, when: int) -> int:
    return len({one.node for one in outcome.spans if one.start <= when < one.end})


def test_a_node_takes_no_more_pods_and_volumes_than_it_may() -> None:
    small = Room(1, 1)
    assert sizes(simulate([group()], pods(11, request=small), until=DAY, scaling=True), 1000) == 2
    volume = Room(1, 1, volumes=1)
    assert sizes(simulate([group()], pods(11, request=volume), until=DAY, scaling=True), 1000) == 3


def test_nodes_come_from_the_group_that_wastes_least() -> None:
    large = group(name="large", pool="large", room=Room(16000, 64 * GI, 0, 50, 5), capacity=Room(16000, 64 * GI))
    outcome = simulate([large, group()], pods(2), until=DAY, scaling=True)
    assert {one.group for one in outcome.spans} == {"g"}


def test_a_half_empty_node_goes_when_its_pods_fit_elsewhere_and_may_move() -> None:
    two = group(desired=2, min=1)
    for movable, left in ((True, 1), (False, 2)):
        outcome = simulate([two], pods(2, seconds=None, movable=movable), until=DAY, scaling=True)
        assert sizes(outcome, GOES_AFTER - 1) == 2
        assert sizes(outcome, GOES_AFTER) == left
        assert [one.moved for one in outcome.starts].count(True) == (1 if movable else 0)


def test_a_node_that_would_take_pods_of_another_waits_no_longer_for_that() -> None:
    small = {"request": Room(500, GI), "seconds": None}
    full = pods(1, request=Room(2000, GI), seconds=None, movable=False)
    outcome = simulate([group(desired=3, min=1)], [*pods(2, **small), *full], until=DAY, scaling=True)
    # One node's pods go to the second, and with its own from there to the third, one node at a time.
    assert [sizes(outcome, when) for when in (GOES_AFTER - 1, GOES_AFTER, GOES_AFTER + SCAN)] == [3, 2, 1]


def test_none_goes_within_ten_minutes_of_the_last_that_came() -> None:
    late = [Work(start=500, end=None, stages=one.stages) for one in pods(4, request=Room(3000, GI))]
    outcome = simulate([group(min=0, desired=1), group(name="h", pool="h")], late, until=DAY, scaling=True)
    empty = simulate([group(min=0, desired=1)], [], until=DAY, scaling=True)
    assert sizes(empty, GOES_AFTER) == 0
    assert sizes(outcome, 500 + AFTER_ADD - 1) == 4


def works(*given: tuple[int, dict[str, Any]]) -> list[Work]:
    """A pod each, of a second and what it is; it runs for an hour if nothing else is said."""
    found = []
    for number, (start, changes) in enumerate(given):
        pod: dict[str, Any] = {"name": f"w{number}", "team": "t", "request": Room(1000, GI), "seconds": HOUR, **changes}
        found.append(Work(start=start, end=None, stages=((Pod(**pod),),)))
    return found


def node_of(outcome: Outcome, when: int) -> set[int]:
    """The nodes that somebody uses."""
    return {one.node for one in outcome.spans if one.start <= when < one.end and set(one.shares) != {"nobody"}}


def test_a_node_of_which_exactly_half_is_used_may_go() -> None:
    for cpu, left in ((2000, 1), (2001, 2)):
        given = works(*((0, {"request": Room(cpu, GI), "seconds": None}),) * 1, (0, {"seconds": None}))
        outcome = simulate([group(desired=2, min=1)], given, until=DAY, scaling=True)
        # The smaller pod's node goes in either case, unless the other's went before it.
        assert sizes(outcome, GOES_AFTER) == 1
        moved = {one.pod.request.cpu for one in outcome.starts if one.moved}
        assert moved == ({cpu} if cpu == 2000 else {1000}), left


def test_pods_stay_away_from_a_node_that_nobody_needs() -> None:
    """The emptier node is the one that goes: a pod that fits on both gets the other, and does not keep it."""
    stays = {"request": Room(2500, 6 * GI), "seconds": None, "movable": False}
    outcome = simulate(
        [group(desired=2, min=1)], works((0, stays), (UNNEEDED // 2, {"seconds": None})), until=DAY, scaling=True
    )
    assert sizes(outcome, GOES_AFTER) == 1
    assert len(node_of(outcome, UNNEEDED // 2)) == 1


def test_a_taint_that_asks_to_stay_away_counts_more_than_room() -> None:
    asks = frozenset({Taint(key="k", value="v", effect="PreferNoSchedule")})
    groups = [group(desired=1, min=1, taints=asks), group(name="h", pool="h", desired=1, min=1)]
    large, small = {"request": Room(3000, 12 * GI), "pool": "h", "seconds": None}, {"request": Room(500, GI)}
    outcome = simulate(groups, works((0, large), (1, small)), until=60, scaling=False)
    assert {one.group for one in outcome.spans if set(one.shares) != {"nobody"}} == {"h"}


def test_of_like_nodes_a_pod_gets_the_one_that_it_makes_evenly_full() -> None:
    memory, cpu = {"request": Room(1000, 8 * GI)}, {"request": Room(2000, 4 * GI)}
    given = works((0, memory), (0, cpu), (1, {**memory, "team": "mine"}))
    outcome = simulate([group(desired=2, min=2)], given, until=60, scaling=False)
    # Both are three eighths full, and the first would have no memory left.
    assert {one.node for one in outcome.spans if "mine" in one.shares} == {1}


def test_a_node_whose_pod_cannot_move_is_looked_at_again_after_five_minutes() -> None:
    run = {"seconds": 60, "movable": False}
    outcome = simulate([group(desired=1)], works((0, run)), until=DAY, scaling=True)
    # Empty after a minute, it is unneeded from the fifth on.
    assert sizes(outcome, RECHECK + GOES_AFTER - 1) == 1
    assert sizes(outcome, RECHECK + GOES_AFTER) == 0
    busy = works((0, {**run, "request": Room(3000, GI)}))
    assert sizes(simulate([group(desired=1)], busy, until=DAY, scaling=True), 60 + GOES_AFTER) == 0


def test_of_an_empty_group_it_leaves_room_for_kube_proxy_until_it_has_seen_a_node() -> None:
    """Four of these fit one node, and three beside another 100m."""
    quarter = {"request": Room(1000, GI), "seconds": None}
    never = simulate([group()], works(*((0, quarter),) * 4), until=HOUR, scaling=True)
    assert sizes(never, NODE_START - 1) == 2
    again = works((0, {**quarter, "seconds": STABLE}), *((DAY, quarter),) * 4)
    assert sizes(simulate([group()], again, until=2 * DAY, scaling=True), DAY + 1) == 1
    for wait, nodes in ((STABLE - 1, 3), (STABLE, 2)):
        soon = works((0, {"request": Room(3900, GI)}), *((NODE_START + wait, quarter),) * 4)
        assert sizes(simulate([group()], soon, until=HOUR, scaling=True), NODE_START + wait) == nodes
    whole = {"request": Room(4000, GI)}
    assert [one.pod.name for one in simulate([group()], works((0, whole)), until=DAY, scaling=True).stuck] == ["w0"]


def test_an_empty_node_goes_before_one_whose_pods_would_move() -> None:
    outcome = simulate([group(desired=2, min=1)], works((0, {"seconds": None})), until=DAY, scaling=True)
    assert sizes(outcome, GOES_AFTER) == 1
    assert not any(one.moved for one in outcome.starts)


def test_what_was_unneeded_before_stays_so_beside_another_that_could_go_instead() -> None:
    first, second = {"request": Room(2500, GI), "seconds": UNNEEDED // 2, "movable": False}, {"seconds": None}
    [early], [late] = works((0, first)), works((0, second))
    both = Work(start=0, end=None, stages=(*early.stages, *late.stages))
    outcome = simulate([group(desired=2, min=1)], [both, *works((0, second))], until=DAY, scaling=True)
    assert [sizes(outcome, when) for when in (GOES_AFTER - 1, GOES_AFTER)] == [2, 1]


def test_a_pod_does_not_move_out_of_the_zone_of_the_volume_that_it_made() -> None:
    zones = [group(name=name, zones=(name,), desired=1, min=number) for number, name in enumerate(("a", "b"))]
    for claim, left in ((None, 1), ("t/home", 2)):
        outcome = simulate(zones, works((0, {"seconds": None, "claim": claim})), until=DAY, scaling=True)
        assert sizes(outcome, HOUR) == left
        assert any(one.moved for one in outcome.starts) == (left == 1)


def test_pods_that_ask_for_most_of_a_node_are_packed_first() -> None:
    """Two that want memory and two that want CPU go in pairs, on two nodes; CPU first, it would be three."""
    seen = (0, {"seconds": STABLE, "request": Room(100, GI)})
    memory, cpu = {"request": Room(1000, 12 * GI)}, {"request": Room(2000, 4 * GI)}
    given = works(seen, *((DAY, one) for one in (cpu, memory, cpu, memory)))
    assert sizes(simulate([group()], given, until=DAY + 60, scaling=True), DAY) == 2


def test_groups_that_waste_alike_are_drawn_and_the_same_in_each_run() -> None:
    zones = [group(name=name, zones=(name,), max=30) for name in ("a", "b")]
    given = works(*((number * DAY, {}) for number in range(20)))
    first, second = (simulate(zones, given, until=21 * DAY, scaling=True) for _ in range(2))
    assert {one.group for one in first.spans} == {"a", "b"}
    assert first.spans == second.spans
