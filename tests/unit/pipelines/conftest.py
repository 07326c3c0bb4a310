"""A Kubeflow to talk to, and how the commands reach it."""

from collections.abc import Callable, Iterator

import pytest

from pipelines.__main__ import main
from pipelines.endpoint.session import Retry
from pipelines.stack import Context
from tests.unit.pipelines.kubeflow_server import PASSWORD, USER, Kubeflow, serve

CONTEXT = Context(retry=Retry(attempts=4, first_wait=0.01), poll_seconds=0.01)


@pytest.fixture
def kubeflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubeflow]:
    """A Kubeflow whose password is in the environment."""
    monkeypatch.setenv("KUBEFLOW_PASSWORD", PASSWORD)
    monkeypatch.delenv("KUBEFLOW_USER", raising=False)
    with serve() as running:
        yield running


@pytest.fixture
def at(kubeflow: Kubeflow) -> Callable[..., int]:
    """Runs a command against it, and gives the exit code."""

    def command(*words: str) -> int:
        return main([*words, "--endpoint", kubeflow.url, "--user", USER], CONTEXT)

    return command
