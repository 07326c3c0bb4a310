"""Ctrl-C while the engine works: it ends what is under way and writes it down, and only then does the command end.

Where nothing but a wait is under way, Ctrl-C ends it at once. SIGTERM, by which pipelines and containers end a command,
is taken for Ctrl-C.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ops.watching import tell_engine

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST = "Interrupted: ending what is under way, so that nothing is lost. Ctrl-C again stops at once."


@contextmanager
def interruptible(report: Callable[[str], object]) -> Iterator[None]:
    """For the length of the block the first Ctrl-C is the engine's, which gets it from the terminal as we do.

    SIGTERM comes to us alone, and the engine hears of it by us. KeyboardInterrupt comes when the block is through,
    however it ended, or at once at the second Ctrl-C. `report` gets a sentence for the person who waits. Does nothing
    outside of the main thread, which alone hears of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if heard:
            raise KeyboardInterrupt
        heard = True
        report(FIRST)
        if number == signal.SIGTERM:
            tell_engine(signal.SIGINT)

    with _handled(hear):
        try:
            yield
        except Exception as error:
            if heard:
                raise KeyboardInterrupt from error
            raise
    if heard:
        raise KeyboardInterrupt


@contextmanager
def breakable() -> Iterator[None]:
    """For the length of the block, inside one that is `interruptible`, Ctrl-C is a KeyboardInterrupt at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
