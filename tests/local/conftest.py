"""What the local tests share: an AWS that takes no time, and a control plane and an engine of a module's own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import emulator, plane
from tests.local.cluster import Cluster
from tests.local.kubernetes_stack import Engine, running_engine

# Tests of what takes time set it themselves.
os.environ[emulator.MINUTE] = "0"

# A shell's background job ignores Ctrl-C, and so would all that it starts: the tests that press it would prove nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("plane")
    yield Cluster(plane.start(root))
    plane.stop(root, wipe=True)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def own_root(tmp_path: Path) -> Iterator[Path]:
    """The root of a plane of this test's own."""
    yield tmp_path
    plane.stop(tmp_path, wipe=True)
