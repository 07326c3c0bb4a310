"""What a person reads while tools are brought."""

import io
import time

import pytest

from tools import progress
from tools.progress import Event, reporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with reporter(stream) as report:
        report(Event(subject="etcd", text="building", index=2, total=7))
        report(Event(subject="etcd", text="github.com cannot be reached", index=2, total=7, note=True))
        report(Event(subject="etcd", text="built", index=2, total=7, elapsed=31.26))
    assert stream.getvalue().splitlines() == [
        "[2/7] etcd: building",
        "etcd: github.com cannot be reached",
        "[2/7] etcd: built (31.3 s)",
    ]


def test_long_work_is_heard_of_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_REMINDER", 0.05)
    stream = io.StringIO()
    with reporter(stream) as report:
        report(Event(subject="etcd", text="building", index=1, total=1))
        time.sleep(0.3)
        report(Event(subject="etcd", text="built", index=1, total=1, elapsed=0.3))
        after = stream.getvalue()
        time.sleep(0.2)
    assert "[1/1] etcd: building, for 0 s" in after
    assert stream.getvalue() == after


def test_a_terminal_keeps_the_finished_lines_and_their_brackets() -> None:
    stream = Terminal()
    with reporter(stream) as report:
        report(Event(subject="etcd", text="building", index=2, total=7))
        report(Event(subject="etcd", text="built", index=2, total=7, elapsed=31.26))
    assert "[2/7] etcd: built (31.3 s)" in stream.getvalue()
