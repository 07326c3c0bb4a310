"""`make down` ends all that there is, whatever became of who started it, and takes nothing from a run at work."""

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from tests.local.cluster import until
from tests.local.stack import Checkout, checked_out
from tests.local.test_interrupted import left_running

SEED = 13
# Seconds after which a run is cut short: the control plane, the emulator and the stand-ins start within these.
EARLIEST, LATEST = 0.1, 5.0
TIMES = 3


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("down")) as made:
        yield made


def nothing_is_left(checkout: Checkout) -> None:
    checkout.must("down")
    until(lambda: not left_running(checkout), "all that ran has ended", 30)
    assert not checkout.state_file.exists()
    assert not (checkout.root / ".local" / "plane").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_was_cut_short_while_it_started_is_ended(checkout: Checkout, number: signal.Signals) -> None:
    moments = random.Random(SEED + number)
    for _ in range(TIMES):
        run = checkout.start("up")
        time.sleep(moments.uniform(EARLIEST, LATEST))
        os.killpg(run.pid, number)
        _, err = run.communicate(timeout=60)
        assert "Traceback" not in err
        nothing_is_left(checkout)


def test_two_runs_at_once_start_one_of_each_and_both_keep_it(checkout: Checkout) -> None:
    first, second = checkout.start("up"), checkout.start("up")
    until(lambda: (checkout.root / ".local" / "emulator" / "emulator.json").exists(), "the emulator runs")
    refused = checkout.ops("down")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: A run is at work on the local stack, and nothing was stopped")
    ends = [(run.communicate(timeout=300)[1], run.returncode) for run in (first, second)]
    # Which of them is first, and whether the other comes before that is through, is open.
    assert 0 in [code for _, code in ends], ends
    assert all(code == 0 or "error: Another run holds stack 'local'" in err for err, code in ends), ends
    nothing_is_left(checkout)


def test_damaged_files_do_not_keep_it(checkout: Checkout) -> None:
    checkout.must("up")
    for path in (
        checkout.state_file,
        *(checkout.root / ".local" / name for name in ("plane/plane.json", "emulator/emulator.json")),
    ):
        path.write_text("{")
    nothing_is_left(checkout)
