"""What stands before a handler of MiniStack's: it sees each request first, and the answer before its caller does."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from localcloud.emulator.conduct.phases import Answer, Handler, Phases

Parameters = Mapping[str, Any]
"""Of a request of AWS's Query protocol: a list of values by name."""

Refusal = tuple[str, str]
"""A code and a message."""


class Request(NamedTuple):
    """A request as MiniStack hands it on."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, Any]

    @property
    def parameters(self) -> Parameters:
        """What the Query protocol asks, in the body or in the address."""
        return {**self.query, **parse_qs(self.body.decode("utf-8", "replace"))}

    @property
    def json(self) -> dict[str, Any]:
        """What the JSON protocols ask; empty without a body."""
        found: dict[str, Any] = json.loads(self.body) if self.body else {}
        return found

    @property
    def target(self) -> str:
        """The action that the JSON protocol names in a header; empty for none."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]


class Before(ABC):
    """Has what took its time until now come to its end, then answers, by itself or by MiniStack's handler."""

    def __init__(self, phases: Phases, handler: Handler) -> None:
        self._phases, self._handler = phases, handler

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        self._phases.settle()
        return await self.answer(Request(method, path, headers, body, query))

    @abstractmethod
    async def answer(self, asked: Request) -> Answer:
        """The answer to a request."""

    async def served(self, asked: Request) -> Answer:
        """MiniStack's own answer to it."""
        return await self._handler(*asked)
