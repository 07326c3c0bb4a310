"""What a run's processes leave goes with the run, or with the next one."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import tools
from infra import scratch as module
from infra.scratch import scratch
from ops.backend import Backend
from ops.engine import left_behind
from ops.project import PROJECT_ROOT
from state import serving


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_private_and_goes_with_the_run(tmp_path: Path) -> None:
    with scratch() as folder:
        (folder / "kubeconfig1").write_text("secret")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_and_a_living_runs_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FRESH", -1.0)
    script = "import time; from infra.scratch import scratch\nwith scratch() as f: print(f, flush=True); time.sleep(60)"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=PROJECT_ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    killed, living = (Path(run.stdout.readline().strip()) for run in runs if run.stdout)
    runs[0].kill()
    runs[0].wait()
    assert killed.exists()
    with scratch() as own:
        assert (killed.exists(), living.exists(), own.exists()) == (False, True, True)
    runs[1].kill()
    for run in runs:
        run.communicate()


BACKUP = """
from ops import backup
def parts():
    yield b"a password"
    os.kill(os.getpid(), signal.SIGKILL)
backup._put(backup.Folder(Path("b")), "a.objects.json.gz", parts())
"""
CONNECTED = """
from infra.api import client_of
users = [{"name": "u", "user": {"client-certificate-data": "YQ==", "client-key-data": "YQ=="}}]
clusters = [{"name": "c", "cluster": {"server": "https://localhost:1"}}]
contexts = [{"name": "d", "context": {"cluster": "c", "user": "u"}}]
client_of(json.dumps({"users": users, "clusters": clusters, "contexts": contexts, "current-context": "d"}))
os.kill(os.getpid(), signal.SIGKILL)
"""
SETTINGS = """
from ops import stack
from ops.backend import Backend
with stack._workspace("local", program=None, chosen=Backend(environment={}, note="", folder=None), env={}):
    os.kill(os.getpid(), signal.SIGKILL)
"""
SIGNED_IN = """
from ops.crane import crane
with crane({"registry": "dG9rZW4="}):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("script", [BACKUP, CONNECTED, SETTINGS, SIGNED_IN])
def test_secrets_of_a_command_that_is_killed_go_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(module, "_FRESH", -1.0)
    begun = "import json, os, signal\nfrom pathlib import Path\n"
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", begun + script], cwd=PROJECT_ROOT, env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.rglob("*/*")), "something was left"
    with scratch():
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_lasts_goes_with_the_process(tmp_path: Path) -> None:
    script = "from infra.scratch import lasting; assert lasting() is lasting(); print(lasting().is_dir())"
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, env=env, capture_output=True, text=True)
    assert (done.stdout, list(tmp_path.iterdir())) == ("True\n", [])


def test_somebody_elses_folder_of_that_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FRESH", -1.0)
    theirs = tmp_path / "kubeflow-run-theirs"
    theirs.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: theirs.stat().st_uid + 1)
    with scratch():
        assert theirs.exists()


def test_a_run_adds_no_token_to_the_persons_file(tmp_path: Path) -> None:
    """With the real engine and our journal, as on AWS with state in files."""
    engine = tools.ensure("pulumi")["pulumi"]
    home = tmp_path / "home"
    chosen = Backend(environment={}, note="State is here.", folder=tmp_path / "state")
    assert chosen.folder is not None
    chosen.folder.mkdir()

    def list_stacks(environment: dict[str, str]) -> None:
        shell = {"PATH": os.environ["PATH"], "PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        subprocess.run([engine, "stack", "ls", "--all"], env={**shell, **environment}, check=True, capture_output=True)

    with serving.serving(chosen.folder) as state, scratch() as folder:
        list_stacks({**state.environment, **left_behind(folder, own_state=True)})
        assert not (home / "credentials.json").exists()
        list_stacks(dict(state.environment))
        assert (home / "credentials.json").exists(), "the engine keeps no token: nothing needs to be done"
