"""The workflows: pinned, with least permissions, and no credential for the code of a fork."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tools
from tests.unit.workflows import GITHUB, WORKFLOWS, jobs, only_script, program, read, run

SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


def events(path: Path) -> set[str]:
    told = read(path)[True]  # `on` is a boolean to YAML 1.1
    return {told} if isinstance(told, str) else set(told)


def test_there_are_the_seven_that_a_team_needs() -> None:
    assert [path.stem for path in WORKFLOWS] == ["audit", "deploy", "destroy", "drift", "preview", "sweep", "trial"]


@pytest.mark.parametrize("path", [*WORKFLOWS, GITHUB / "actions" / "setup" / "action.yml"], ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path: Path) -> None:
    used = [line.strip() for line in path.read_text().splitlines() if "uses:" in line and "./" not in line]
    assert used
    for line in used:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_official_plugins_are_kept_for_as_long_as_their_sdks_stay() -> None:
    steps = read(GITHUB / "actions" / "setup" / "action.yml")["runs"]["steps"]
    [kept] = [one["with"] for one in steps if one.get("with", {}).get("path") == "~/.pulumi/plugins"]
    assert "hashFiles('requirements.txt')" in kept["key"]
    assert "restore-keys" not in kept, "old versions would pile up"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_has_no_permission_that_it_does_not_name_and_ends_in_time(path: Path) -> None:
    assert read(path)["permissions"] == {}
    allowed = (
        {"contents": "read"},
        {"contents": "read", "id-token": "write"},
        {"pull-requests": "write"},
        {"issues": "write"},
    )
    reading = {"contents": "read", "id-token": "write", "pull-requests": "read"}
    for job in jobs(path):
        assert job["permissions"] in (*allowed, reading)
        assert job["timeout-minutes"] <= 120


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_forks_code_meets_no_credential(path: Path) -> None:
    assert "pull_request_target" not in events(path)
    for job in jobs(path):
        trusted = "pull_request" not in events(path) or SAME_REPOSITORY in job.get("if", "")
        if not trusted:
            assert "secrets." not in str(job)
            assert "id-token" not in job["permissions"]
    if "pull_request" in events(path):
        assert "secrets." not in str(read(path).get("env", {})), "an environment of the whole file reaches every job"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_that_a_pull_request_says_becomes_a_script(path: Path) -> None:
    for job in jobs(path):
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "values go through the environment"


def runs(job: dict[str, Any]) -> str:
    """All that a job's steps run."""
    return "\n".join(step.get("run", "") for step in job["steps"])


def groups(path: Path) -> list[dict[str, Any]]:
    """Every concurrency group of a file, its own and those of its jobs."""
    return [place["concurrency"] for place in (read(path), *jobs(path)) if "concurrency" in place]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_only_a_preview_is_ever_cancelled(path: Path) -> None:
    assert {group["cancel-in-progress"] for group in groups(path)} == {path.stem == "preview"}


def test_what_changes_a_trial_stack_waits_for_the_others_and_an_event_for_nobody_cancels_none_that_waits() -> None:
    """GitHub keeps one waiting run a group; a group of the whole file takes part even where each job is skipped."""
    found: dict[str, str] = {}
    for name in ("trial", "destroy", "sweep"):
        path = GITHUB / "workflows" / f"{name}.yml"
        assert "concurrency" not in read(path)
        changing = [job for job in jobs(path) if re.search("make (up|destroy)", runs(job))]
        [found[name]] = [job["concurrency"]["group"] for job in changing]
    number, stack = "${{ github.event.pull_request.number }}", "${{ matrix.stack }}"
    assert found == {"trial": f"trial-pr-{number}", "destroy": f"trial-pr-{number}", "sweep": f"trial-{stack}"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_credentials_last_as_long_as_a_job_may(path: Path) -> None:
    for job in jobs(path):
        for step in job["steps"]:
            if "configure-aws-credentials" in step.get("uses", ""):
                # An hour is the action's own, and what a role allows unless it says more (MaxSessionDuration).
                assert int(step["with"].get("role-duration-seconds", 3600)) >= job["timeout-minutes"] * 60


def test_the_set_up_lets_roles_last_as_long_as_the_workflows_ask() -> None:
    asked = {
        int(step["with"]["role-duration-seconds"])
        for path in WORKFLOWS
        for job in jobs(path)
        for step in job["steps"]
        if "role-duration-seconds" in step.get("with", {})
    }
    page = (GITHUB.parent / "docs" / "operating.md").read_text()
    assert {int(seconds) for seconds in re.findall(r"--max-session-duration (\d+)", page)} == asked


BOT, PERSON = {"login": "github-actions[bot]"}, {"login": "person"}
MARKED = "<!-- the drift of the deployed stack -->\nold"
OTHERS = [{"number": 1, "user": PERSON, "body": MARKED}, {"number": 2, "user": BOT, "body": None}]


@pytest.mark.parametrize(
    ("drifted", "issues", "called"),
    [
        ("yes", OTHERS, ["--method POST repos/org/repo/issues "]),
        ("yes", [*OTHERS, {"number": 3, "user": BOT, "body": MARKED}], ["--method PATCH repos/org/repo/issues/3 "]),
        ("no", OTHERS, []),
        (
            "no",
            [{"number": 3, "user": BOT, "body": MARKED}],
            ["--method PATCH repos/org/repo/issues/3 --field state"],
        ),
    ],
)
def test_one_issue_tells_of_drift_and_is_closed_without_any(
    tmp_path: Path, drifted: str, issues: list[dict[str, Any]], called: list[str]
) -> None:
    (tmp_path / "issues.json").write_text(json.dumps(issues))
    (tmp_path / "drift.md").write_text("## Drift of `dev`\n")
    program(tmp_path / "bin" / "gh", 'if [ "$2" = --paginate ]; then jq "$5" issues.json; else echo "$@" >> calls; fi')
    environment = {"REPOSITORY": "org/repo", "DRIFTED": drifted, "MARK": MARKED.splitlines()[0]}
    done = run(only_script("drift", "tell"), tmp_path, environment)
    assert done.returncode == 0, done.stderr
    calls = tmp_path / "calls"
    made = calls.read_text().splitlines() if calls.exists() else []
    assert len(made) == len(called)
    for call, beginning in zip(made, called, strict=True):
        assert call.startswith(f"api --silent {beginning}")
        assert "body=@body.md" in call
    assert (tmp_path / "body.md").read_text().startswith(MARKED.splitlines()[0])


@pytest.mark.parametrize(("name", "job"), [("drift", "tell"), ("preview", "comment")])
def test_where_github_does_not_list_what_it_has_nothing_is_said_twice(tmp_path: Path, name: str, job: str) -> None:
    for file in ("drift.md", "comment.md"):
        (tmp_path / file).write_text("new\n")
    program(tmp_path / "bin" / "gh", 'if [ "$2" = --paginate ]; then exit 1; else echo "$@" >> calls; fi')
    environment = {"REPOSITORY": "org/repo", "DRIFTED": "yes", "NUMBER": "7", "MARK": MARKED.splitlines()[0]}
    assert run(only_script(name, job), tmp_path, environment).returncode != 0
    assert not (tmp_path / "calls").exists()


def test_a_comment_of_any_length_is_written_in_place_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "comment.md").write_text("→" * 200_000)
    comments = [{"id": 1, "user": PERSON, "body": MARKED}, *({"id": n, "user": BOT, "body": MARKED} for n in (2, 3))]
    (tmp_path / "comments.json").write_text(json.dumps(comments))
    program(
        tmp_path / "bin" / "gh", 'if [ "$2" = --paginate ]; then jq "$5" comments.json; else echo "$@" >> calls; fi'
    )
    environment = {"REPOSITORY": "org/repo", "NUMBER": "7", "MARK": MARKED.splitlines()[0]}
    done = run(only_script("preview", "comment"), tmp_path, environment)
    assert done.returncode == 0, done.stderr
    written = "api --silent --method PATCH repos/org/repo/issues/comments/2 --field body=@body.md\n"
    assert (tmp_path / "calls").read_text() == written
    body = (tmp_path / "body.md").read_text()
    assert body.startswith(MARKED.splitlines()[0] + "\n→")
    assert 64_998 <= len(body.encode()) <= 65_000


@pytest.mark.parametrize(("code", "written", "output"), [(0, "x", "drifted=no"), (2, "x", "drifted=yes")])
def test_a_look_for_drift_tells_it_from_a_failure(tmp_path: Path, code: int, written: str, output: str) -> None:
    environment = {
        "DEPLOYED": "dev",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }

    def looked(code: int, written: str) -> int:
        program(tmp_path / ".venv" / "bin" / "python", f"printf '{written}'\nexit {code}")
        return run(only_script("drift", "look"), tmp_path, environment).returncode

    assert looked(code, written) == 0
    assert (tmp_path / "output").read_text() == f"{output}\n"
    assert looked(1, "") == 1
    assert looked(2, "") != 0, "the command line was wrong"


def test_deploying_and_trials_wait_for_their_environments_approval() -> None:
    assert read(GITHUB / "workflows" / "deploy.yml")["jobs"]["up"]["environment"] == "deploy"
    for name in ("trial", "destroy", "sweep"):
        assert {job["environment"] for job in jobs(GITHUB / "workflows" / f"{name}.yml")} == {"trial"}


def test_a_label_on_a_closed_pull_request_brings_nothing_up() -> None:
    [up] = jobs(GITHUB / "workflows" / "trial.yml")
    assert "&& github.event.pull_request.state == 'open'" in up["if"]


def test_an_audit_of_python_that_finds_something_hides_nothing_in_go() -> None:
    [audit] = jobs(GITHUB / "workflows" / "audit.yml")
    asked = next(n for n, step in enumerate(audit["steps"]) if "pip-audit" in step.get("uses", ""))
    after = audit["steps"][asked + 1 :]
    assert after
    assert {step.get("if") for step in after} == {"${{ !cancelled() }}"}


def test_whatever_brings_a_stack_up_or_takes_it_down_says_that_nobody_will_answer() -> None:
    lines = [
        line.strip()
        for path in WORKFLOWS
        for job in jobs(path)
        for step in job["steps"]
        for line in step.get("run", "").splitlines()
    ]
    asking = [line for line in lines if re.match(r"make (up|destroy|leftovers)\b", line)]
    assert len(asking) == 6
    assert all(line.endswith(" YES=1") for line in asking)


def test_actionlint_finds_nothing_and_does_find_what_is_wrong(tmp_path: Path) -> None:
    program = tools.ensure("actionlint")["actionlint"]
    assert subprocess.run([program, *WORKFLOWS], capture_output=True, text=True, check=False).stdout == ""
    broken = tmp_path / ".github" / "workflows" / "deploy.yml"
    broken.parent.mkdir(parents=True)
    shutil.copy(GITHUB / "workflows" / "deploy.yml", broken)
    broken.write_text(broken.read_text().replace("needs: preview", "needs: nobody"))
    assert subprocess.run([program, broken], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    ("changed", "previewed"),
    [
        (["Pulumi.prod.yaml", "README.md"], ["prod"]),
        (["Pulumi.dev-blue.yaml", "Pulumi.dev.yaml"], ["dev-blue", "dev"]),
        (["Pulumi.local.yaml"], ["main-stack"]),
        (["Pulumi.kind.yaml", "Pulumi.local.yaml"], ["main-stack"]),
        (["Pulumi.kind.yaml", "Pulumi.kindly.yaml"], ["kindly"]),
        (["infra/network.py", "Pulumi.yaml"], ["main-stack"]),
        (["Pulumi.a b.yaml", "Pulumi.*.yaml"], ["*", "a b"]),
        (["Pulumi.$(touch pwned).yaml", "Pulumi.x;touch pwned.yaml"], ["$(touch pwned)", "x;touch pwned"]),
        (["Pulumi.$(shell touch pwned).yaml", "Pulumi.a\nb.yaml"], ["$(shell touch pwned)", "a\nb"]),
        (["Pulumi.-f.yaml", 'Pulumi."ü.yaml'], ['"ü', "-f"]),
        (["Pulumi.x/y.yaml", "sub/Pulumi.dev.yaml"], ["main-stack"]),
    ],
)
def test_the_stacks_whose_settings_change_are_previewed_or_else_the_one_that_is_deployed(
    tmp_path: Path, changed: list[str], previewed: list[str]
) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "Pulumi.gone.yaml").write_text("config: {}\n")
    git("add", ".")
    git("commit", "-qm", "base")
    base = git("rev-parse", "HEAD")
    for name in changed:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    git("rm", "-q", "Pulumi.gone.yaml")
    git("add", ".")
    git("commit", "-qm", "change")
    program(tmp_path / "bin" / "make", 'printf "%s\\0" "$@" >> calls\nprintf "\\0" >> calls\necho "told"')
    environment = {
        "BASE": base,
        "DEPLOYED": "main-stack",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    done = run(only_script("preview", "preview"), tmp_path, environment)
    assert done.returncode == 0, done.stderr
    calls = [call.split("\0") for call in (tmp_path / "calls").read_text().split("\0\0")[:-1]]
    assert calls == [["--silent", "preview", f"STACK={stack}", "FORMAT=markdown"] for stack in previewed]
    assert not (tmp_path / "pwned").exists()
    assert (tmp_path / "comment.md").read_text().count("told") == len(previewed)


def test_a_preview_whose_base_is_not_there_fails_and_takes_no_other_stack_for_it(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "make", "touch called")
    environment = {"BASE": "0" * 40, "DEPLOYED": "dev", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert run(only_script("preview", "preview"), tmp_path, environment).returncode != 0
    assert not (tmp_path / "called").exists()
