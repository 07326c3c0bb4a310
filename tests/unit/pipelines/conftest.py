"""A Kubeflow to talk to and how the commands reach it; benches on which steps run."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.endpoint.session import Retry
from pipelines.samples import complaints as sample
from pipelines.stack import Context
from tests.unit.pipelines.bench import Bench
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


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty bench."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench on which a model was learned and put into production."""
    bench = Bench(tmp_path_factory.mktemp("learned"))
    dataset, summary = bench.data(sample.content())
    assert bench.problems(summary) == ""
    _, model, _ = bench.learn(dataset)
    uri, pushed = bench.push(model, summary)
    bench.register(uri, pushed)
    return bench


@pytest.fixture
def produced(learned: Bench, bench: Bench) -> Bench:
    """A bench of the test's own with a model in production."""
    shutil.copytree(learned.folder, bench.folder, dirs_exist_ok=True)
    pointer = bench.folder / "models" / "production.json"
    pointer.write_text(pointer.read_text().replace(str(learned.folder), str(bench.folder)))
    return bench
