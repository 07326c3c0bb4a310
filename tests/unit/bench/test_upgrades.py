"""The kills of an upgrade come while it goes on, however fast the machine is."""

import os
from pathlib import Path
from typing import cast

import pytest

from bench.journeys import Kill
from bench.upgrades import LOOK_S, SHARE, moments, steps
from tests.local.stack import Checkout


@pytest.mark.parametrize("seed", range(20))
def test_each_kill_finds_steps_that_are_left(seed: int) -> None:
    first, *others = moments(seed, 5, 387)
    assert 0 < first.after_s <= LOOK_S
    assert first.steps == 0
    assert len(others) == 4
    assert all(one.steps > 0 and not one.after_s for one in others)
    assert sum(one.steps for one in others) <= SHARE * 387
    assert moments(seed, 5, 387) == [first, *others]


def test_nobody_is_killed_where_no_kill_is_wanted() -> None:
    assert moments(15, 0, 0) == []


def test_the_last_line_tells_how_many_steps_there_were() -> None:
    said = (
        "Changes: 1 to create, 7 unchanged\nmore\nChanges: 95 to create, 25 to delete, 414 unchanged, 267 to update\n"
    )
    assert steps(said) == 387


def test_what_a_killed_run_left_in_the_journal_is_not_counted(tmp_path: Path) -> None:
    state = tmp_path / "local.json"
    journal = tmp_path / "local.journal"

    class Place:
        state_file = state

    def begun(count: int) -> None:
        journal.write_text('{"operation":{}}\n' * count)

    begun(3)
    due = Kill(victim="engine", steps=2).due(cast("Checkout", Place()))
    assert not due()
    os.remove(journal)
    assert not due()
    begun(1)
    assert not due()
    begun(2)
    assert due()
