"""A look, all the time that the engine works, at what it works with: parts that died would be waited for in vain."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ordering.errors import UserError
from tools import processes

POLL_S = 1.0
GRACE_S = 5.0
"""Seconds that a part may be away, for example while somebody starts it again."""
ENDS_S = 7.0
"""Seconds that the engine gets, each time that it is asked to end: it waits for what it has under way."""

# Ctrl-C twice, then what nobody can ignore.
_ASKED = (signal.SIGINT, signal.SIGINT, signal.SIGKILL)


@dataclass
class Watch:
    """What was noticed: a sentence about a part that died, None as long as all live."""

    lost: str | None = None


@contextmanager
def watched(
    lost: Callable[[], str | None], report: Callable[[str], object], writes: Callable[[], bool] = lambda: True
) -> Iterator[Watch]:
    """For the length of the block ends the engine where `lost` tells, for 5 s on end, of a part that died.

    One that can no longer write what it has done, as `writes` says, is given no time for what it has under way.
    """
    watch, ended = Watch(), threading.Event()

    def look() -> None:
        since: float | None = None
        while not ended.wait(POLL_S):
            try:
                told = lost()
            except UserError as error:  # what would tell cannot be read
                told = str(error)
            since = None if told is None else since or time.monotonic()
            if told is not None and since is not None and time.monotonic() - since >= GRACE_S:
                watch.lost = told
                report("Ending this run, because a part that it works with has died.")
                _end_engine(ended, _ASKED if writes() else (signal.SIGKILL,))
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def _end_engine(ended: threading.Event, asked: Iterable[signal.Signals]) -> None:
    for number in asked:
        tell_engine(number)
        if ended.wait(ENDS_S):
            return


def tell_engine(number: signal.Signals) -> None:
    """Sends a signal to the engine that this process has started, if it runs."""
    for pid in engines(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def engines(parent: int) -> list[int]:
    """The engine's processes among the children of a process: the Automation API tells nobody which they are."""
    return [one.pid for one in processes.running() if one.parent == parent and "/bin/pulumi " in one.command]
