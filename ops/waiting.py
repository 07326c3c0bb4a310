"""What the engine has under way for long: which resources, since when, and what their provider says of each."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pulumi.automation.events import EngineEvent, OpType

INTERVAL_S = 5.0
"""Seconds between two lines, and after which an operation counts as a wait."""

_NAMED = 3
_LONGEST = 100
"""Characters of a provider's word that are shown: it may repeat what a container wrote."""

_GOING = frozenset({OpType.DELETE, OpType.DELETE_REPLACED})


# The engine's colour marks, such as `<{%reset%}>`.
MARKUP = re.compile(r"<\{%[^%]*%\}>")


@dataclass
class _Operation:
    begun: float
    name: str
    going: bool
    said: str = ""


@dataclass
class Waits:
    """Takes the engine's events, and says what is waited for. Times are seconds of `time.monotonic()`.

    `before` is what there is to wait for until the first operation begins; empty where that is told elsewhere.
    """

    before: str = "the engine reads the state, and the program its settings and the release"
    _since: float = field(default_factory=time.monotonic)
    _under_way: dict[str, _Operation] = field(default_factory=dict)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        if (begun := event.resource_pre_event) is not None:
            about = begun.metadata.new or begun.metadata.old
            if about is not None and about.custom:
                self.before = ""
                kind = begun.metadata.type.rsplit(":", 1)[-1].removesuffix("Patch")
                name = f"{kind} {begun.metadata.urn.rsplit('::', 1)[-1]}"
                going = OpType(begun.metadata.op) in _GOING
                self._under_way[begun.metadata.urn] = _Operation(time.monotonic(), name, going)
        elif (done := event.res_outputs_event or event.res_op_failed_event) is not None:
            self._under_way.pop(done.metadata.urn, None)
        elif (told := event.diagnostic_event) is not None and told.ephemeral and told.urn in self._under_way:
            # A provider tells where it stands; its empty word takes the last one back.
            text = " ".join(MARKUP.sub("", told.message).split())
            self._under_way[told.urn].said = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

    def line(self, now: float) -> str | None:
        """What is waited for, the oldest first; None where nothing takes long, unless something is being deleted."""
        # The events come in another thread.
        under_way = list(self._under_way.values())
        waits = sorted((one for one in under_way if now - one.begun >= INTERVAL_S), key=lambda one: one.begun)
        if not waits and self.before:
            return f"waiting since {now - self._since:.0f} s: {self.before}"
        if not waits:
            # A destroy is never silent: whoever reads its log must see that it goes on.
            going = sum(one.going for one in under_way)
            return f"deleting {going}, none of them for long" if going else None
        named = [_told(one, now) for one in waits[:_NAMED]]
        more = f"; and {len(waits) - _NAMED} more" if len(waits) > _NAMED else ""
        return f"waiting for {'; '.join(named)}{more}"

    @contextmanager
    def first(self, what: str, report: Callable[[str], object]) -> Iterator[None]:
        """Reports every 5 s that this is waited for, for the length of the block, before the engine does anything."""
        before, self.before = self.before, what
        try:
            with self.told(report):
                yield
        finally:
            self.before = before

    @contextmanager
    def told(self, report: Callable[[str], object]) -> Iterator[None]:
        """Reports every 5 s what is waited for, for the length of the block."""
        ended = threading.Event()
        self._since = time.monotonic()

        def tell() -> None:
            while not ended.wait(INTERVAL_S):
                if line := self.line(time.monotonic()):
                    report(line)

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _told(one: _Operation, now: float) -> str:
    said = f" ({one.said})" if one.said else ""
    return f"{one.name}{' to be gone' if one.going else ''} since {now - one.begun:.0f} s{said}"
