"""The suite begins with its longest files, and each file that it names is there."""

from pathlib import Path

from tests.conftest import LONGEST, order

LOCAL = Path(__file__).resolve().parents[1] / "local"


def test_the_longest_come_first_and_the_fast_ones_last() -> None:
    shuffled = [Path(__file__), LOCAL / "test_journal.py", *reversed([LOCAL / name for name in LONGEST])]
    assert sorted(shuffled, key=order) == [
        *(LOCAL / name for name in LONGEST),
        LOCAL / "test_journal.py",
        Path(__file__),
    ]


def test_each_file_of_the_order_exists() -> None:
    assert [name for name in LONGEST if not (LOCAL / name).is_file()] == []
