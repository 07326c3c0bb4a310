import signal
from collections.abc import Callable

import pytest

from ops.interrupting import FIRST, breakable, interruptible


def running(report: Callable[[str], object], *steps: Callable[[], object]) -> None:
    with interruptible(report):
        for step in steps:
            step()


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_the_first_interrupt_lets_the_block_end_and_the_second_does_not() -> None:
    told: list[str] = []
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        running(told.append, ctrl_c, lambda: done.append("went on"))
    assert (told, done) == ([FIRST], ["went on"])
    with pytest.raises(KeyboardInterrupt):
        running(told.append, ctrl_c, ctrl_c, lambda: done.append("never"))
    assert done == ["went on"]


def test_the_engines_own_error_after_an_interrupt_is_the_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        running(len, ctrl_c, failing(RuntimeError("update canceled")))
    with pytest.raises(RuntimeError):
        running(len, failing(RuntimeError("something else")))


def test_afterwards_ctrl_c_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible(len):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_wait_ends_at_the_first_interrupt() -> None:
    done: list[str] = []

    def waiting() -> None:
        with breakable():
            ctrl_c()
            done.append("went on")

    with pytest.raises(KeyboardInterrupt):
        running(done.append, waiting, lambda: done.append("never"))
    assert done == []
