"""Keys that change with what a build depends on, and installs that are whole or absent."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from tools import cache
from tools.catalog import TOOLS, SourceTool


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tool(tmp_path: Path) -> SourceTool:
    folder = tmp_path / "program"
    (folder / "inner").mkdir(parents=True)
    (folder / "go.mod").write_text("module program\n")
    (folder / "main.go").write_text("package main\n")
    (folder / "inner" / "inner.go").write_text("package inner\n")
    return SourceTool(name="program", folder=folder)


def install(tool: SourceTool, content: str) -> cache.Slot:
    def make(program: Path) -> str:
        program.write_text(content)
        return "made by a test"

    slot = cache.slot(tool)
    slot.install(make)
    return slot


def test_the_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.root() == tmp_path / "cache" / "kubeflow-on-pulumi" / "tools"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.root() == tmp_path / "home" / ".cache" / "kubeflow-on-pulumi" / "tools"


@pytest.mark.parametrize("changed", ["main.go", "go.mod", "inner/inner.go", "inner/embedded.yaml"])
def test_the_key_changes_with_the_sources(tool: SourceTool, changed: str) -> None:
    before = cache.key(tool)
    (tool.folder / changed).write_text("changed\n")
    assert cache.key(tool) != before


def test_the_key_changes_when_a_file_is_renamed_or_cut_elsewhere(tool: SourceTool) -> None:
    before = cache.key(tool)
    (tool.folder / "main.go").rename(tool.folder / "other.go")
    assert cache.key(tool) != before


@pytest.mark.parametrize("changed", ["main_test.go", "testdata/golden.json", ".swap"])
def test_the_key_ignores_what_no_build_reads(tool: SourceTool, changed: str) -> None:
    before = cache.key(tool)
    path = tool.folder / changed
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed\n")
    assert cache.key(tool) == before


def test_tools_of_one_module_and_one_version_have_places_of_their_own() -> None:
    programs = [cache.slot(tool).program for tool in TOOLS.values()]
    assert len(set(programs)) == len(TOOLS)


def test_an_installed_program_can_be_run_and_tells_its_origin(tool: SourceTool) -> None:
    slot = install(tool, "#!/bin/sh\n")
    assert slot.present()
    assert os.access(slot.program, os.X_OK)
    assert slot.origin == "made by a test"


def test_a_build_that_fails_leaves_nothing(tool: SourceTool) -> None:
    def fail(program: Path) -> str:
        program.write_text("half")
        raise KeyboardInterrupt

    slot = cache.slot(tool)
    with pytest.raises(KeyboardInterrupt):
        slot.install(fail)
    assert not slot.present()
    assert list(slot.folder.parent.iterdir()) == []


def test_what_a_killed_build_left_is_removed(tool: SourceTool) -> None:
    slot = cache.slot(tool)
    left = slot.folder.parent / ".new-killed" / "whole"
    left.mkdir(parents=True)
    (left / "program").write_text("half")
    assert not slot.present()
    install(tool, "whole")
    assert slot.program.read_text() == "whole"
    assert not left.exists()


def test_only_the_last_builds_of_changing_sources_are_kept(tool: SourceTool) -> None:
    slots = []
    for number in range(5):
        (tool.folder / "main.go").write_text(f"package main // {number}\n")
        slots.append(install(tool, str(number)))
        os.utime(slots[-1].folder, (number, number))
    assert [slot.present() for slot in slots] == [False, False, True, True, True]


def test_a_build_that_another_checkout_has_just_asked_for_stays(tool: SourceTool) -> None:
    used = install(tool, "used")
    os.utime(used.folder, (0, 0))
    used.use()
    for number in range(4):
        (tool.folder / "main.go").write_text(f"package main // {number}\n")
        install(tool, str(number))
    assert used.use().read_text() == "used"


def _bring(folder: Path, built: Path) -> None:
    """What two processes do at once: build under the lock, if nobody did."""
    tool = SourceTool(name="program", folder=folder)
    slot = cache.slot(tool)

    def make(program: Path) -> str:
        with built.open("a") as file:
            file.write("built\n")
        program.write_text("half")
        time.sleep(0.3)
        program.write_text("whole")
        return "made by a test"

    with cache.lock(tool, lambda: None):
        if not slot.present():
            slot.install(make)
    assert slot.program.read_text() == "whole"


def test_two_processes_build_once(tool: SourceTool, tmp_path: Path) -> None:
    built = tmp_path / "built"
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_bring, args=(tool.folder, built)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert built.read_text() == "built\n"


def test_waiting_for_the_lock_is_told(tool: SourceTool) -> None:
    told: list[str] = []
    context = multiprocessing.get_context("fork")
    held, release = context.Event(), context.Event()

    def hold() -> None:
        with cache.lock(tool, lambda: None):
            held.set()
            release.wait(10)

    def waiting() -> None:
        told.append("waiting")
        release.set()

    holder = context.Process(target=hold)
    holder.start()
    assert held.wait(10)
    with cache.lock(tool, waiting):
        assert told == ["waiting"]
    holder.join()


def test_a_killed_holder_frees_the_lock(tool: SourceTool) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()

    def hold() -> None:
        with cache.lock(tool, lambda: None):
            held.set()
            time.sleep(60)

    holder = context.Process(target=hold)
    holder.start()
    assert held.wait(10)
    holder.kill()
    holder.join()
    with cache.lock(tool, lambda: pytest.fail("the lock of a dead process is held")):
        pass
