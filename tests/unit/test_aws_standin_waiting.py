"""The stand-in waits for what AWS is still making, as the official provider does."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import waiting
from ordering.errors import UserError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(waiting, "time", made)
    monkeypatch.setenv("LOCALCLOUD_MINUTE", "60")
    return made


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Delete")


def raising(errors: Iterator[ClientError | None]) -> None:
    found = next(errors)
    if found:
        raise found


def test_it_asks_until_it_is_so(clock: Clock) -> None:
    told = iter(["CREATING"] * 30 + ["ACTIVE"])
    waiting.until("it", lambda: next(told), wanted="ACTIVE", passing=("CREATING",), minutes=30)
    assert next(told, None) is None
    assert 20 < clock.now < 30, "the pauses grow to a second"


@pytest.mark.parametrize(
    ("status", "words"),
    [("CREATE_FAILED", "it is CREATE_FAILED, and not ACTIVE"), ("CREATING", "it is still CREATING after 60[0-9] s")],
)
def test_it_gives_up_on_a_dead_end_and_in_the_end(clock: Clock, status: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        waiting.until("it", lambda: status, wanted="ACTIVE", passing=("CREATING",), minutes=10)


def test_gone_is_not_found_or_deleted(clock: Clock) -> None:
    def missing() -> str:
        raise error("ResourceNotFoundException")

    waiting.until_gone("it", missing, minutes=1)
    told = iter(["deleting", "deleted"])
    waiting.until_gone("it", lambda: next(told), minutes=1)
    with pytest.raises(UserError, match="it is still DELETING after"):
        waiting.until_gone("it", lambda: "DELETING", minutes=1)


def test_what_is_held_is_tried_again_and_nothing_else_is(clock: Clock) -> None:
    held = iter([error("DependencyViolation")] * 3 + [None])
    waiting.once_free(lambda: raising(held), minutes=20)
    assert next(held, None) is None
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        waiting.once_free(lambda: raising(iter([error("UnauthorizedOperation")])), minutes=20)
    with pytest.raises(ClientError, match="DependencyViolation"):
        waiting.once_free(lambda: raising(iter([error("DependencyViolation")] * 2000)), minutes=20)
    assert 1200 < clock.now < 1300
