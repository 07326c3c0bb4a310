"""An AWS emulator that was restarted, as by a reboot: every command sees that it is empty, until one has seen to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import emulator
from localcloud.plane import processes
from tests.local.stack import Checkout, changes, checked_out, world


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    with checked_out(tmp_path) as made:
        yield made


def restart(checkout: Checkout) -> None:
    """Ends the emulator without a word, and has somebody else start it."""
    running = emulator.status(checkout.root)
    assert running
    processes.end([(running.pid, running.started)], 0.0)
    emulator.start(checkout.root)


def test_a_restarted_emulator_is_noticed_until_it_was_seen_to(checkout: Checkout) -> None:
    emulator.start(checkout.root)
    before = world(checkout)
    checkout.must("up")
    assert set(changes(checkout.must("preview"))) == {"unchanged"}
    restart(checkout)
    planned = changes(checkout.must("preview"))
    assert planned["create"] > 40
    assert changes(checkout.must("preview")) == planned, "a preview sees to nothing"
    checkout.must("up")
    assert checkout.aws("eks").list_clusters()["clusters"] == ["kubeflow-local"]
    assert set(changes(checkout.must("preview"))) == {"unchanged"}
    restart(checkout)
    checkout.must("destroy")
    assert world(checkout) ^ before == set()
