"""A few of the kills of `bench.kills`, one an operation, of what other tests leave alone."""

from collections.abc import Iterator

import pytest

from localcloud import emulator
from tests.local.killing import OPERATIONS, Operation, changed, killed, moments
from tests.local.stack import Checkout, checked_out, world

SEED = 17
VICTIMS: dict[Operation, str] = {"up": "journal", "upgrade": "terminal", "destroy": "emulator"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("kills")) as made:
        yield made


def test_one_repeat_puts_everything_right(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> None:
    emulator.start(checkout.root)
    empty = world(checkout)
    manifests = changed(tmp_path_factory.mktemp("manifests"))
    for operation, moment in zip(OPERATIONS, moments(SEED, 3), strict=True):
        outcome = killed(checkout, manifests, operation, VICTIMS[operation], moment, empty)
        assert outcome.wrong == "", outcome
