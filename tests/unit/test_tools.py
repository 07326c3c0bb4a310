"""Bringing tools, as a caller sees it: where from, how often, what is said. A script plays Go."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

import tools
from ordering.errors import UserError
from tools import build, catalog
from tools.catalog import Download, Embedded, ReleasedTool, SourceTool, Tool
from tools.progress import Event

UNREACHABLE = "http://127.0.0.1:1/tool"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH, with an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def fake_go(path: Path, version: str = "go1.26.0", then: str = "") -> Path:
    """A Go whose builds print their own arguments when run; each build adds a line to the file it returns."""
    calls = path / "go.calls"
    script(
        path / "go",
        f"""
if [ "$1" = env ]; then echo {version}; exit; fi
echo "$PWD: $*" >> {calls}
{then}
while [ "$1" != -o ]; do shift; done
echo '#!/bin/sh' > "$2"
""",
    )
    return calls


def released(tmp_path: Path, name: str, download: Download | None = None) -> ReleasedTool:
    tool = ReleasedTool(
        name=name,
        version="2.1.0",
        accepts=SpecifierSet("~=2.1"),
        module=str(tmp_path / name),
        package=f"example.com/{name}",
        stamps=("example.com/version.Version",),
        download=download,
    )
    tool.folder.mkdir()
    (tool.folder / "go.mod").write_text(f"module {name}\n")
    (tool.folder / "go.sum").write_text("")
    return tool


def offer(monkeypatch: pytest.MonkeyPatch, *offered: Tool) -> None:
    monkeypatch.setattr(tools, "TOOLS", {tool.name: tool for tool in offered})


def test_a_good_copy_on_path_is_used_and_nothing_is_built(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    program = script(path / "tool", "echo tool v2.3.4")
    events: list[Event] = []
    [found] = tools.find("tool", report=events.append)
    assert (found.path, found.origin) == (program, "2.3.4, on PATH")
    assert events == []


def test_an_old_copy_on_path_is_left_alone_and_that_is_said(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    program = script(path / "tool", "echo tool v1.9.0")
    fake_go(path)
    events: list[Event] = []
    [found] = tools.find("tool", report=events.append)
    assert found.path.is_relative_to(tmp_path / "cache")
    assert any(f"{program} is 1.9.0, not ~=2.1" in event.text for event in events)


def test_the_second_run_starts_nothing(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, released(tmp_path, "one"), released(tmp_path, "two"))
    calls = fake_go(path)
    first = tools.ensure()
    assert list(first) == ["one", "two"]
    assert len(calls.read_text().splitlines()) == 2
    (path / "go").unlink()
    events: list[Event] = []
    assert tools.ensure(report=events.append) == first
    assert events == []


def test_a_person_sees_what_is_being_brought(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, released(tmp_path, "one"))
    fake_go(path)
    tools.bring("one")
    assert "[1/1] one: building example.com/one" in capsys.readouterr().err
    tools.bring("one")
    assert capsys.readouterr().err == ""


def test_each_build_has_modules_and_stamps_of_its_own(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, released(tmp_path, "one"), released(tmp_path, "two"))
    calls = fake_go(path)
    tools.ensure()
    one, two = calls.read_text().splitlines()
    assert one.startswith(f"{tmp_path / 'one'}: build -mod=readonly -trimpath")
    assert two.startswith(f"{tmp_path / 'two'}: build -mod=readonly -trimpath")
    assert "-X=example.com/version.Version=v2.1.0" in one
    assert one.endswith("example.com/one")


def test_a_changed_pin_is_built_again(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = released(tmp_path, "tool")
    offer(monkeypatch, tool)
    calls = fake_go(path)
    before = tools.ensure()
    (tool.folder / "go.sum").write_text("changed\n")
    assert tools.ensure() != before
    assert len(calls.read_text().splitlines()) == 2


def test_no_network_is_said_once_and_the_modules_are_used(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = Download(url=UNREACHABLE, member="tool", checksums=UNREACHABLE)
    offer(monkeypatch, released(tmp_path, "one", download), released(tmp_path, "two", download))
    fake_go(path)
    events: list[Event] = []
    tools.ensure(report=events.append)
    assert sum("cannot be reached" in event.text for event in events) == 1
    assert [str(event).split(" (")[0] for event in events if event.elapsed is not None] == [
        "[1/2] one: built from example.com/one",
        "[2/2] two: built from example.com/two",
    ]


def test_a_failed_build_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    fake_go(path, then='echo "x.go:1:1: syntax error" >&2; exit 1')
    with pytest.raises(UserError, match=r"cannot build tool: x\.go:1:1: syntax error"):
        tools.ensure("tool")
    fake_go(path)
    assert tools.ensure("tool")["tool"].exists()


def test_a_missing_module_proxy_is_told_as_such() -> None:
    said = build.explain(
        "etcd", 'go: downloading x v1\ngo: x@v1: Get "https://proxy/x": dial tcp: lookup proxy: no such host\n'
    )
    assert "cannot build etcd, because its Go modules cannot be fetched" in said
    assert "no such host" in said
    assert "GOPROXY" in said
    assert "\n" not in said


def test_a_go_that_the_modules_find_too_old_is_told_as_such() -> None:
    said = build.explain("pulumi", "go: go.mod requires go >= 1.25.11 (running go 1.25.3; GOTOOLCHAIN=local)\n")
    assert said.startswith("Go 1.25.11 or newer is needed to build pulumi, and this is 1.25.3: install it")


def test_no_go(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(UserError, match=r"Go 1\.26 or newer is needed to build tool.*https://go\.dev/dl"):
        tools.ensure("tool")


def test_an_old_go(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    fake_go(path, version="go1.19.8")
    with pytest.raises(UserError, match=r"Go 1\.26 or newer.*go is 1\.19\.8"):
        tools.ensure("tool")


def test_an_unknown_name() -> None:
    with pytest.raises(UserError, match=r"there is no tool named 'kubctl': choose among .*kubectl"):
        tools.ensure("kubctl")


def test_missing_sources(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, SourceTool(name="program", folder=tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere"):
        tools.ensure("program")


def test_two_runs_at_once_build_once(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    calls = fake_go(path, then="sleep 0.5")
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=tools.ensure, args=("tool",)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(calls.read_text().splitlines()) == 1


def test_a_killed_run_leaves_no_broken_tool(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, released(tmp_path, "tool"))
    calls = fake_go(path, then="sleep 1")
    process = multiprocessing.get_context("fork").Process(target=tools.ensure, args=("tool",))
    process.start()
    while not calls.exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    fake_go(path)
    program = tools.ensure("tool")["tool"]
    assert subprocess.run([program], check=False).returncode == 0


def test_a_program_of_this_kind_is_really_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real Go: a module, a main package under cmd/, and a run of the result."""
    folder = tmp_path / "source"
    (folder / "cmd" / "hello").mkdir(parents=True)
    (folder / "go.mod").write_text("module hello\n\ngo 1.25\n")
    (folder / "cmd" / "hello" / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    # Go's own cache, which holds the standard library compiled, stays where it is.
    monkeypatch.setenv("GOCACHE", subprocess.check_output(["go", "env", "GOCACHE"], text=True).strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    offer(monkeypatch, SourceTool(name="hello", folder=folder))
    program = tools.ensure("hello")["hello"]
    assert subprocess.run([program], capture_output=True, text=True, check=True).stderr == "hello\n"


def test_a_module_of_another_version_says_so_and_lends_the_files_that_it_embeds(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = Embedded(module="example.com/lent", folder="cmd/tool", files=("schema.json",))
    tool = replace(released(tmp_path, "tool"), built_version="2.0.0-20260115", embedded=embedded, package=".")
    (tool.folder / "main.go").write_text("package main\n")
    offer(monkeypatch, tool)
    calls = fake_go(
        path,
        then=f"""
case "$*" in
"mod download example.com/lent") exit ;;
list*) echo {tmp_path}/module; exit ;;
*-overlay=*) cat "${{2#-overlay=}}" > {tmp_path}/overlay.json ;;
esac""",
    )
    [found] = tools.find("tool")
    assert found.origin == "2.0.0-20260115, built from example.com/lent"
    assert "-X=example.com/version.Version=v2.0.0-20260115" in calls.read_text()
    assert json.loads((tmp_path / "overlay.json").read_text()) == {
        "Replace": {str(tool.folder / "schema.json"): f"{tmp_path}/module/cmd/tool/schema.json"}
    }
    before = tools.ensure()
    (tool.folder / "main.go").write_text("package main // changed\n")
    assert tools.ensure() != before


def test_the_kubernetes_plugin_is_the_other_half_of_its_sdk() -> None:
    tool = catalog.TOOLS["pulumi-resource-kubernetes"]
    assert isinstance(tool, ReleasedTool)
    assert tool.version == version("pulumi-kubernetes")
    assert (
        f"github.com/pulumi/pulumi-kubernetes/provider/v4 v{tool.built_version}" in (tool.folder / "go.mod").read_text()
    )


def test_the_command_prints_an_error_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools", "nonsense"],
        capture_output=True,
        text=True,
        check=False,
        cwd=catalog.PROJECT,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no tool named 'nonsense'")
    assert "Traceback" not in done.stderr


def test_the_command_lists_where_tools_are(tmp_path: Path, path: Path) -> None:
    program = script(path / "kustomize", "echo v5.8.1")
    done = subprocess.run(
        [sys.executable, "-m", "tools", "kustomize"],
        capture_output=True,
        text=True,
        check=True,
        cwd=catalog.PROJECT,
        env=dict(os.environ),
    )
    assert done.stdout == f"kustomize  {program}  (5.8.1, on PATH)\n"
