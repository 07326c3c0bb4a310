"""The plugin in the laptop's Pulumi home: found by the engine, and gone with it however it ends."""

import os
import signal
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import pytest

import tools
from localcloud import plugin


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin that says its port and its pid, and stays."""
    script = tmp_path / "it's here" / plugin.TOOL
    script.parent.mkdir()
    script.write_text(
        f"#!/bin/sh\necho 4711 $1\necho secret > $TMPDIR/kubeconfig1\necho $$ > {tmp_path}/new\n"
        f"mv {tmp_path}/new {tmp_path}/pid\nexec sleep 60\n"
    )
    script.chmod(0o755)
    found = tools.Found(name=plugin.TOOL, path=script, origin="4.0.0, built from it")
    monkeypatch.setattr(tools, "find", lambda *names: [found])
    return tmp_path / "home" / "plugins" / f"resource-kubernetes-v{version('pulumi-kubernetes')}" / plugin.TOOL


def test_it_is_where_the_engine_looks_and_tells_what_it_is(tmp_path: Path, program: Path) -> None:
    (tmp_path / "of the person").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "plugins").symlink_to(tmp_path / "of the person")
    assert plugin.install(tmp_path / "home") == "4.0.0, built from it"
    assert plugin.install(tmp_path / "home") == "4.0.0, built from it"
    assert program.is_file()
    assert list((tmp_path / "of the person").iterdir()) == [], "the person's own plugins stay as they are"


@pytest.mark.parametrize("killed", [True, False])
def test_it_ends_with_the_engine(tmp_path: Path, program: Path, killed: bool) -> None:
    plugin.install(tmp_path / "home")
    (temporary := tmp_path / "temporary").mkdir()
    running = subprocess.Popen(
        [program, "127.0.0.1:1"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    assert running.stdout.readline() == "4711 127.0.0.1:1\n"
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    assert _lives(pid)
    assert list(temporary.rglob("kubeconfig*")) != []
    if killed:
        running.stdin.close()
    else:
        os.killpg(running.pid, signal.SIGINT)
    running.wait(timeout=10)
    assert not _lives(pid)
    assert list(temporary.iterdir()) == [], "its kubeconfig stays"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
