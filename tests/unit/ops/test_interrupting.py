import signal
from collections.abc import Callable

import pytest

from ops import interrupting
from ops.interrupting import FIRST, SIGNALS, breakable, interruptible


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


@pytest.mark.parametrize("number", SIGNALS)
def test_afterwards_a_signal_does_what_it_did(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible(len):
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


def test_the_engine_hears_of_sigterm_by_us_and_of_ctrl_c_by_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[signal.Signals] = []
    monkeypatch.setattr(interrupting, "tell_engine", told.append)
    with pytest.raises(KeyboardInterrupt):
        running(len, ctrl_c)
    assert told == []
    with pytest.raises(KeyboardInterrupt):
        running(len, lambda: signal.raise_signal(signal.SIGTERM))
    assert told == [signal.SIGINT]


def test_a_wait_ends_at_the_first_interrupt() -> None:
    done: list[str] = []

    def waiting() -> None:
        with breakable():
            ctrl_c()
            done.append("went on")

    with pytest.raises(KeyboardInterrupt):
        running(done.append, waiting, lambda: done.append("never"))
    assert done == []
