"""Which copies on PATH are taken, and that they are started once only."""

from pathlib import Path

import pytest
from packaging.version import Version

from tools import versions
from tools.catalog import TOOLS, ReleasedTool


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def released(name: str) -> ReleasedTool:
    tool = TOOLS[name]
    assert isinstance(tool, ReleasedTool)
    return tool


def put_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> Path:
    """A program that prints a version, and adds a line to the file `<name>.runs` each time it is started."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho run >> {program}.runs\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


def runs(program: Path) -> int:
    return len(Path(f"{program}.runs").read_text().splitlines())


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", "1.32.4"),
        ("etcd Version: 3.6.14\nGit SHA: Not provided\n", "3.6.14"),
        ("Kubernetes v1.35.4\n", "1.35.4"),
        ("v3.259.0\n", "3.259.0"),
        ("kwok version v0.7.0 go1.26 (linux/amd64)\n", "0.7.0"),
    ],
)
def test_reads_what_the_tools_print(output: str, version: str) -> None:
    assert versions.parse(output) == Version(version)


def test_output_without_a_version_is_not_acceptable() -> None:
    found = versions.parse("command not supported")
    assert found is None
    assert not versions.acceptable(found, released("kubectl").accepts)


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("kubectl", ["1.34.0", "1.35.9", "1.36.1"], ["1.32.4", "1.33.9", "1.37.0"]),
        ("kube-apiserver", ["1.35.0", "1.35.7"], ["1.34.9", "1.36.0"]),
        ("etcd", ["3.6.5", "3.6.14"], ["3.4.23", "3.5.9", "3.7.0"]),
        ("pulumi", ["3.259.0", "3.301.2"], ["3.258.9", "4.0.0"]),
        ("kustomize", ["5.8.0", "5.8.3"], ["5.7.1", "5.9.0"]),
        ("kwok", ["0.7.0"], ["0.6.1", "0.8.0"]),
    ],
)
def test_the_pins(name: str, taken: list[str], refused: list[str]) -> None:
    accepts = released(name).accepts
    assert [version for version in taken if not versions.acceptable(Version(version), accepts)] == []
    assert [version for version in refused if versions.acceptable(Version(version), accepts)] == []


def test_every_pinned_version_is_itself_acceptable() -> None:
    for tool in TOOLS.values():
        if isinstance(tool, ReleasedTool):
            assert versions.acceptable(Version(tool.version), tool.accepts), tool.name


def test_a_copy_on_path_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put_on_path(tmp_path, monkeypatch, "kustomize", "v5.8.1")
    for _ in range(3):
        assert versions.on_path(released("kustomize")) == (program, Version("5.8.1"))
    assert runs(program) == 1


def test_a_changed_copy_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path, monkeypatch, "kustomize", "v5.8.1")
    versions.on_path(released("kustomize"))
    program = put_on_path(tmp_path, monkeypatch, "kustomize", "v5.10.22")
    assert versions.on_path(released("kustomize")) == (program, Version("5.10.22"))


def test_a_link_that_leads_elsewhere_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = put_on_path(tmp_path, monkeypatch, "old", "v5.8.1")
    new = put_on_path(tmp_path, monkeypatch, "new", "v5.8.2")
    link = tmp_path / "bin" / "kustomize"
    link.symlink_to(old)
    assert versions.on_path(released("kustomize")) == (link, Version("5.8.1"))
    link.unlink()
    link.symlink_to(new)
    assert versions.on_path(released("kustomize")) == (link, Version("5.8.2"))


def test_a_damaged_memory_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put_on_path(tmp_path, monkeypatch, "kustomize", "v5.8.1")
    memory = tmp_path / "cache" / "kubeflow-on-pulumi" / "tools" / "path-versions.json"
    memory.parent.mkdir(parents=True)
    memory.write_text('{"half')
    assert versions.on_path(released("kustomize")) == (program, Version("5.8.1"))


def test_nothing_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert versions.on_path(released("kustomize")) is None
