"""`python -m ordering`: what it prints, its exit codes, and that nothing else of the project is needed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from bench.synthetic import config_map, configuration, manifest, namespace, rule, service, webhook, workload
from ordering.__main__ import main
from ordering.exports.export import dump
from ordering.lint import lint
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import ROOT, SAMPLE
from tests.unit.ordering.test_hooks import job

A = namespace("a")
SOUND = [A, workload("app", "a"), service("app", "a")]


def folder(at: Path, *objects: Manifest) -> str:
    (at / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    (at / "all.yaml").write_text(dump(objects))
    return str(at)


def test_plan_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path, *SOUND)
    assert main(["plan", path]) == 0
    assert "3 objects" in capsys.readouterr().out
    assert main(["why", path, "Deployment/app", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["chain"][0]["to"] == "v1/Namespace//a"
    assert main(["why", path, "Deployment/none"]) == 1
    assert "error: --why names 'Deployment/none'" in capsys.readouterr().err


def test_lint_ends_with_1_where_something_would_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", folder(tmp_path, *SOUND)]) == 0
    assert capsys.readouterr().out == "0 errors, 0 notes\n"
    broken = workload(
        "app", "a", pod={"imagePullSecrets": []}, volumes=[{"name": "s", "secret": {"secretName": "gone"}}]
    )
    assert main(["lint", folder(tmp_path, A, broken), "--format", "json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["check"], problem["level"], problem["id"]) == ("secret", "error", "apps/v1/Deployment/a/app")
    assert "Secret a/gone is in no manifest" in problem["message"]


@pytest.mark.parametrize(
    ("objects", "check", "level", "words"),
    [
        ([A, config_map("x", "gone")], "unresolved", "error", "Namespace gone"),
        (
            [A, service("op", "a"), configuration("op", webhook("hook", ("a", "op"), [rule("", "configmaps")]))],
            "webhook",
            "error",
            "sends requests to Service a/op, which runs no pods of these manifests",
        ),
        ([A, job("check", "test")], "hook", "note", "it tests a release that runs"),
        ([A, job("migrate", "pre-install")], "hook", "note", "in Helm's order"),
        ([manifest("v1", "Namespace", "kube-system")], "made", "note", "is made by every cluster"),
        ([A, service("typo", "a", app="x")], "look", "note", "selects the pods of no workload"),
        (
            [
                manifest(
                    "v1", "Namespace", name, annotations={"config.kubernetes.io/depends-on": f"/Namespace/{other}"}
                )
                for name, other in (("a", "b"), ("b", "a"))
            ],
            "refused",
            "error",
            "need each other in a cycle",
        ),
    ],
)
def test_each_check_finds_its_kind(objects: list[Manifest], check: str, level: str, words: str) -> None:
    found = [problem for problem in lint(objects) if problem.check == check]
    assert {problem.level for problem in found} == {level}
    assert any(words in problem.message for problem in found)


def test_exports_go_to_stdout_or_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path, *SOUND)
    assert main(["export", path, "--to", "argocd"]) == 0
    printed = capsys.readouterr()
    assert 'argocd.argoproj.io/sync-wave: "0"' in printed.out
    assert "note: " in printed.err
    assert main(["export", path, "--to", "flux"]) == 1
    assert "name a folder in --output" in capsys.readouterr().err
    assert main(["export", path, "--to", "flux", "--output", str(tmp_path / "out"), "--report", "json"]) == 0
    assert json.loads(capsys.readouterr().err)["files"][0] == "flux.yaml"
    assert (tmp_path / "out/levels/000/resources.yaml").is_file()


@pytest.mark.parametrize(("target", "left"), [("helm", "order-002"), ("flux", "levels/007"), ("helm", "levels/000")])
def test_a_folder_with_steps_of_another_export_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, left: str
) -> None:
    """Whoever then installs `order-*` would install another platform's charts with them."""
    path, out = folder(tmp_path, *SOUND), tmp_path / "out"
    command = ["export", path, "--to", target, "--output", str(out)]
    assert main(command) == 0
    (out / "README.md").write_text("what else lies there stays")
    assert main(command) == 0
    (out / left).mkdir(parents=True)
    capsys.readouterr()
    assert main(command) == 1
    assert f"error: {out} has {left}, which this export does not have: remove" in capsys.readouterr().err


def test_it_runs_with_nothing_else_of_the_project(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ordering", tmp_path / "ordering", ignore=shutil.ignore_patterns("__pycache__"))
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    for command in (
        ["plan", str(SAMPLE / "workloads.yaml")],
        ["export", str(SAMPLE / "workloads.yaml"), "--to", "kapp"],
    ):
        run = [sys.executable, "-P", "-m", "ordering", *command]
        done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


def test_whoever_reads_no_further_sees_no_traceback(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    run = [sys.executable, "-m", "ordering", "plan", folder(tmp_path, *SOUND)]
    done = subprocess.run(run, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def ran(*arguments: str, stdout: str = os.devnull) -> tuple[int, str]:
    """The exit code of a command that writes there, and what it said on stderr."""
    with Path(stdout).open("w") as out:
        run = [sys.executable, "-m", "ordering", *arguments]
        done = subprocess.run(run, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_what_cannot_be_read_or_written_is_one_sentence(tmp_path: Path) -> None:
    path, file = folder(tmp_path, *SOUND), tmp_path / "file"
    file.touch()
    for target in ("argocd", "flux"):
        for output in (file, file / "below"):
            code, said = ran("export", path, "--to", target, "--output", str(output))
            assert (code, said) == (1, f"error: --output names {output}, where a file is in the way: name a folder.\n")
    code, said = ran("export", path, "--to", "argocd", "--output", "/proc/none")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("error: /proc/none: No such file or directory; ")
    for command in (("plan", path), ("export", path, "--to", "argocd")):
        code, said = ran(*command, stdout="/dev/full")
        assert (code, said.count("\n")) == (1, 1)
        assert said.startswith("error: the output: No space left on device; ")


def test_ctrl_c_is_one_sentence(tmp_path: Path) -> None:
    """While kustomize runs, which is what takes long."""
    path = folder(tmp_path, *SOUND)
    (tmp_path / "kustomization.yaml").write_text("namePrefix: a-\nresources: [all.yaml]\n")
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\ntouch '{tmp_path}/began'\nexec sleep 60\n")
    slow.chmod(0o755)
    env = {**os.environ, "KUSTOMIZE": str(slow), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = [sys.executable, "-m", "ordering", "plan", path]
    with subprocess.Popen(run, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as begun:
        while not (tmp_path / "began").exists():
            assert begun.poll() is None
            time.sleep(0.05)
        begun.send_signal(signal.SIGINT)
        assert begun.communicate(timeout=60) == ("", "error: interrupted; run it again for the whole.\n")
    assert begun.returncode == 130


def test_the_package_has_every_folder_and_its_own_dependencies_alone() -> None:
    told = tomllib.loads((ROOT / "ordering" / "pyproject.toml").read_text())
    folders = {".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "ordering").rglob("*.py")}
    assert set(told["tool"]["setuptools"]["packages"]) == folders
    assert told["project"]["dependencies"] == ["pyyaml"]
