"""The stacks of pull requests: brought up, taken down, and found where nobody wants them any more.

The engine is the real one, on a backend in files; only `make` and `gh` are stand-ins.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import tools
from ops import new_stack
from ops.project import PROJECT_ROOT
from tests.unit.workflows import GITHUB, THE_PYTHON, only_script, program, read, run

# It notes what it is called with, ends with 1 for the target that FAILS names, and makes the stack for its password.
MAKE = """echo "$*" >> calls
test "$1" != "$FAILS" || exit 1
test "$1" != password || exec ./engine stack init "${2#STACK=}" --no-select"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A checkout in `tmp_path`, and the environment of its steps: with an engine, and a backend that has no stack."""
    (tmp_path / "state").mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    program(tmp_path / "bin" / "make", MAKE)
    program(tmp_path / ".venv" / "bin" / "python", THE_PYTHON)
    (tmp_path / "engine").symlink_to(tools.ensure("pulumi")["pulumi"])
    return {
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "FAILS": "nothing",
    }


def pulumi(folder: Path, env: dict[str, str], *arguments: str) -> str:
    """What the engine says to these arguments."""
    return subprocess.run(
        ["./engine", *arguments], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=True
    ).stdout


def listed(folder: Path, env: dict[str, str]) -> list[str]:
    """The stacks that the backend has."""
    return [one["name"] for one in json.loads(pulumi(folder, env, "stack", "ls", "--json"))]


def called(folder: Path) -> list[str]:
    """What `make` was called with."""
    calls = folder / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


PULLS = {
    "1": {"state": "open", "labels": [{"name": "trial"}, {"name": "docs"}]},
    "2": {"state": "open", "labels": [{"name": "docs"}]},
    "3": {"state": "closed", "labels": [{"name": "trial"}]},
    "4": {"state": "closed", "labels": []},
}


def github(folder: Path) -> None:
    """`gh api PATH --jq FILTER`, which knows PULLS."""
    for number, pull in PULLS.items():
        (folder / f"{number}.json").write_text(json.dumps(pull))
    program(folder / "bin" / "gh", 'jq "$4" "${2##*/}.json"')


def swept(folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """How a sweep's look ended, and what it put out."""
    output = folder / "output"
    done = run(only_script("sweep", "find"), folder, {**env, "REPOSITORY": "org/repo", "GITHUB_OUTPUT": str(output)})
    return done.returncode, output.read_text() if output.exists() else done.stderr


@pytest.mark.parametrize(
    ("stacks", "unwanted"),
    [
        (
            {"dev": 9, "org/pr-1": 5, "org/pr-2": 5, "pr-3": None, "pr-4": 0, "pr-x": 5, "my-pr-3": 5},
            ["pr-2", "pr-3", "pr-4"],
        ),
        ({"dev": 9, "pr-1": 5}, []),
    ],
)
def test_a_sweep_takes_the_trial_stacks_that_nobody_wants(
    tmp_path: Path, stacks: dict[str, int | None], unwanted: list[str]
) -> None:
    (tmp_path / "listed.json").write_text(
        json.dumps([{"name": name, "resourceCount": count} for name, count in stacks.items()])
    )
    github(tmp_path)
    program(tmp_path / "engine", "cat listed.json")
    program(tmp_path / ".venv" / "bin" / "python", 'echo "pulumi  ./engine  (3.259.0)"')
    assert swept(tmp_path, {}) == (0, f"stacks={json.dumps(unwanted, separators=(',', ':'))}\n")


def test_a_sweep_finds_a_stack_whose_leftovers_alone_are_left(tmp_path: Path, env: dict[str, str]) -> None:
    for stack in ("dev", "pr-1", "pr-3"):
        pulumi(tmp_path, env, "stack", "init", stack, "--no-select")
    github(tmp_path)
    assert swept(tmp_path, env) == (0, 'stacks=["pr-3"]\n')


def test_a_sweep_takes_what_it_knows_to_be_unwanted_and_fails_for_what_github_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "listed.json").write_text(json.dumps([{"name": f"pr-{number}"} for number in (2, 404, 3)]))
    github(tmp_path)
    program(tmp_path / "engine", "cat listed.json")
    program(tmp_path / ".venv" / "bin" / "python", 'echo "pulumi  ./engine  (3.259.0)"')
    assert swept(tmp_path, {}) == (1, 'stacks=["pr-2","pr-3"]\n')
    condition = read(GITHUB / "workflows" / "sweep.yml")["jobs"]["destroy"]["if"]
    assert condition.startswith("${{ !cancelled() && needs.find.outputs.stacks != '' &&"), "also where that failed"


TAKEN_DOWN = ["destroy STACK=pr-3 YES=1", "leftovers STACK=pr-3 DELETE=1 YES=1"]


@pytest.mark.parametrize(
    ("fails", "calls", "stays"),
    [("nothing", TAKEN_DOWN, False), ("destroy", TAKEN_DOWN[:1], True), ("leftovers", TAKEN_DOWN, True)],
)
def test_a_trial_stack_is_listed_until_nothing_of_it_is_left(
    tmp_path: Path, env: dict[str, str], fails: str, calls: list[str], stays: bool
) -> None:
    for stack in ("pr-3", "pr-33"):
        pulumi(tmp_path, env, "stack", "init", stack, "--no-select")
    done = run(only_script("destroy", "destroy"), tmp_path, {**env, "STACK": "pr-3", "FAILS": fails})
    assert (done.returncode != 0) == stays, done.stderr
    assert called(tmp_path) == calls
    assert sorted(listed(tmp_path, env)) == (["pr-3", "pr-33"] if stays else ["pr-33"])


def test_a_trial_that_never_began_is_no_failure_when_its_pull_request_is_closed(
    tmp_path: Path, env: dict[str, str]
) -> None:
    done = run(only_script("destroy", "destroy"), tmp_path, {**env, "STACK": "pr-3"})
    assert done.returncode == 0, done.stderr
    assert called(tmp_path) == TAKEN_DOWN[1:]


def test_a_stack_with_something_in_its_state_is_not_forgotten(tmp_path: Path, env: dict[str, str]) -> None:
    pulumi(tmp_path, env, "stack", "init", "pr-3", "--no-select")
    kind = "aws:s3/bucket:Bucket"
    bucket = {"urn": f"urn:pulumi:pr-3::kubeflow::{kind}::b", "custom": True, "id": "b", "type": kind}
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"version": 3, "deployment": {"resources": [bucket]}}))
    pulumi(tmp_path, env, "stack", "import", "--stack", "pr-3", "--file", str(state))
    assert run(only_script("sweep", "destroy"), tmp_path, {**env, "STACK": "pr-3"}).returncode != 0
    assert listed(tmp_path, env) == ["pr-3"]


def test_a_sweep_takes_down_as_a_closed_pull_request_does() -> None:
    there, here = (read(GITHUB / "workflows" / f"{name}.yml")["jobs"]["destroy"] for name in ("destroy", "sweep"))
    assert [step for step in there["steps"] if "run" in step] == [step for step in here["steps"] if "run" in step]


@pytest.mark.parametrize(("login", "owner"), [("octocat", "octocat"), ("renovate[bot]", "renovatebot")])
def test_a_trial_is_for_whoever_opened_the_pull_request_a_bot_too_and_in_the_account_of_the_trials(
    tmp_path: Path, env: dict[str, str], login: str, owner: str
) -> None:
    dev = tmp_path / "Pulumi.dev.yaml"
    dev.write_text(dev.read_text() + "  aws:allowedAccountIds:\n    - '123456789012'\n    - '210987654321'\n")
    path, _ = new_stack.create("pr-7", folder=tmp_path, owner=owner)
    pinned = set(yaml.safe_load(path.read_text())["config"])
    given = {"STACK": "pr-7", "BLOCK": "10.255.0.0/16", "OWNER": login}
    done = run(only_script("trial", "up"), tmp_path, {**env, **given})
    assert done.returncode == 0, done.stderr
    assert called(tmp_path) == [
        f"stack NAME=pr-7 SIZE=small OWNER={owner} CIDR=10.255.0.0/16 AGAIN=1",
        "password STACK=pr-7",
        "up STACK=pr-7 YES=1",
    ]
    assert pinned - set(yaml.safe_load(path.read_text())["config"]) == {"aws:allowedAccountIds"}
