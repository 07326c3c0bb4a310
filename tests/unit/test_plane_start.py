"""How a start treats what runs already."""

from pathlib import Path

import pytest

from localcloud.plane import lifecycle, processes
from localcloud.plane.api import ApiServer
from localcloud.plane.components import Component
from localcloud.plane.layout import Layout, Record, State
from tools.progress import silent


def test_what_needs_the_api_server_waits_for_one_that_runs_and_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, False, True]
    monkeypatch.setattr(processes, "alive", lambda *_: True)
    monkeypatch.setattr(ApiServer, "__init__", lambda *_: None)
    monkeypatch.setattr(ApiServer, "ready", lambda _: answers.pop(0))
    server = Component("kube-apiserver", ("kube-apiserver",))
    running = State(ports={"kube-apiserver": 1}, processes={server.name: Record(1, "boot:1", server.digest)})
    lifecycle._Starter(Layout(tmp_path), running, silent)._component(server, 2, 6)
    assert answers == []
