"""A disk that is full, in a folder whose name has all that a name may have: one sentence, and nothing is lost."""

import resource
from collections.abc import Iterator

import pytest

from localcloud import emulator
from localcloud.aws.record import recorded_kinds
from tests.local.stack import Checkout, changes, checked_out, unavailable, world
from tests.local.test_interrupted import left_running, not_in_state

REFUSED = "error: the state cannot be written ("


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("it's a [x] café $HOME; %s")) as made:
        yield made


@pytest.fixture(scope="module")
def empty(checkout: Checkout) -> set[str]:
    """What the laptop holds before a stack is made."""
    emulator.start(checkout.root)
    return world(checkout)


def without_room(checkout: Checkout, command: str, size: int) -> None:
    """Runs a command that can let no file grow beyond a size, which it must survive with one sentence."""
    run = checkout.start(command)
    # What it starts has the same limit; the control plane runs already.
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (size, size))
    _, err = run.communicate(timeout=300)
    assert run.returncode == 1
    assert err.startswith(REFUSED)
    assert len(err.splitlines()) == 1
    assert left_running(checkout) == []


def test_an_up_that_finds_no_room_goes_on_once_there_is_some(checkout: Checkout, empty: set[str]) -> None:
    without_room(checkout, "up", 100_000)
    checkout.must("up")
    assert not unavailable(checkout.cluster())
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    assert not_in_state(checkout, empty) == set()


def test_a_destroy_that_finds_no_room_goes_on_once_there_is_some(checkout: Checkout, empty: set[str]) -> None:
    if not checkout.state_file.exists():
        checkout.must("up")
    without_room(checkout, "destroy", 60_000)
    checkout.must("destroy")
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(emulator.record(checkout.root)) == {}
    checkout.must("down")
    assert left_running(checkout) == []
