"""The matrix of kills goes on where it stopped, and its report hides nothing."""

from typing import Any

from bench import kill_report
from bench.kills import TIMES, moment, plan
from tests.local.killing import LONGEST_S, OPERATIONS, VICTIMS


def trial(operation: str, victim: str = "engine", number: int = 0, **about: Any) -> dict[str, Any]:
    given = {"round": number, "victim": victim, "operation": operation, "moment_s": 1.5, "felt": True, "ended_s": 4.0}
    return {**given, "wrong": "", "at": "2026-11-26T19:00:00+00:00", **about}


def test_each_victim_comes_once_before_any_comes_twice() -> None:
    rounds = plan([])
    assert len(rounds) == TIMES * len(VICTIMS)
    assert [victim for _, victim in rounds[: len(VICTIMS)]] == list(VICTIMS)


def test_a_round_that_was_cut_short_is_done_again_and_a_whole_one_is_not() -> None:
    kept = [trial(operation, VICTIMS[0]) for operation in OPERATIONS] + [trial("up", VICTIMS[1])]
    assert plan(kept)[0] == (0, VICTIMS[1])


def test_a_round_that_was_not_right_is_done_again() -> None:
    kept = [trial(operation, VICTIMS[0], wrong="left" if operation == "up" else "") for operation in OPERATIONS]
    assert plan(kept)[0] == (0, VICTIMS[0])


def test_the_moments_are_the_same_at_each_call_and_differ_between_trials() -> None:
    found = {moment(number, victim, one) for number in range(TIMES) for victim in VICTIMS for one in OPERATIONS}
    assert len(found) == TIMES * len(VICTIMS) * len(OPERATIONS)
    assert all(0 <= one <= LONGEST_S for one in found)
    assert moment(3, "journal", "up") == moment(3, "journal", "up")


def test_the_table_counts_how_each_ended_and_names_what_was_not_right() -> None:
    kept = [
        trial("up", ended_s=7.0),
        trial("destroy", felt=False, ended_s=90.0),
        trial("upgrade", wrong="twice: vpc vpc-1"),
        trial("up", "emulator", felt=False),
    ]
    shown = kill_report.page("a\n<!-- figures: start -->\nold\n<!-- figures: end -->\nz\n", kept)
    assert "| engine | 3 | 1 | 1 | 1 | 7 |" in shown
    assert "| AWS emulator | 1 | 1 | 0 | 0 | 0 |" in shown
    assert "- upgrade, engine after 1.5 s: twice: vpc vpc-1" in shown
    assert "4 kills, 2026-11-26." in shown
    assert "old" not in shown
