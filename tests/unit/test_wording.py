"""The word list of CONTRIBUTING.md, held against everything that a user reads: pages, settings, help and messages."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from infra.declared import declared
from ops.project import read_project

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "CONTRIBUTING.md"
START, END = "<!-- words: start -->", "<!-- words: end -->"
FOLDERS = ("infra", "ops", "tools", "state", "pipelines", "localcloud", "policy", "bench")
COMMANDS = ("ops.__main__:main", "pipelines.__main__:cli", "localcloud.plane.__main__:cli", "bench.__main__:main")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "manifests").glob("*.md")]
FORMS = [path for path in (ROOT / ".github").rglob("*") if path.suffix in {".md", ".yml"}]


def avoided(page: str) -> list[str]:
    """The phrases of the list's first column."""
    rows = page.partition(START)[2].partition(END)[0].strip().splitlines()[2:]
    return [phrase.strip() for row in rows for phrase in row.split("|")[1].split(",")]


PHRASES = re.compile("|".join(rf"\b{re.escape(phrase)}\b" for phrase in avoided(LIST.read_text())), re.IGNORECASE)


def found(texts: Mapping[str, str]) -> set[str]:
    """Where a phrase of the list stands, as `place: phrase`; a phrase may go over the end of a line."""
    return {
        f"{place}: {phrase.lower()}"
        for place, text in texts.items()
        for phrase in PHRASES.findall(" ".join(text.split()))
    }


def without_list(page: Path) -> str:
    text = page.read_text()
    return text.replace(text.partition(START)[2].partition(END)[0], "") if page == LIST else text


def helps(name: str, command: click.Command) -> Iterator[tuple[str, str]]:
    """Every help text of a command and of those below it, by the words that are typed."""
    context = click.Context(command)
    yield name, "\n".join([command.help or "", *(getattr(option, "help", None) or "" for option in command.params)])
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            assert inner is not None
            yield from helps(f"{name} {word}", inner)


def all_helps() -> dict[str, str]:
    texts: dict[str, str] = {}
    for place in COMMANDS:
        module, _, name = place.partition(":")
        texts |= dict(helps(module, getattr(importlib.import_module(module), name)))
    return texts


def messages(path: Path) -> str:
    """The texts of a module that are not docstrings: an f-string's parts, with a gap where it puts something in."""
    tree = ast.parse(path.read_text())
    alone = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    ]
    return "\n".join(texts)


def test_the_list_is_read() -> None:
    assert {"mend", "mended", "anew", "fewest nodes"} <= set(avoided(LIST.read_text()))


@pytest.mark.parametrize("text", ["Mended at once.", "It cannot\nbe had.", "(anew)"])
def test_a_phrase_is_found_however_it_is_written(text: str) -> None:
    assert len(found({"page": text})) == 1


@pytest.mark.parametrize("text", ["We recommend it.", "a new one", "amended"])
def test_a_word_that_only_holds_a_phrase_is_left_alone(text: str) -> None:
    assert found({"page": text}) == set()


@pytest.mark.parametrize("page", [*PAGES, *FORMS], ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_and_forms(page: Path) -> None:
    assert found({page.name: without_list(page)}) == set()


def test_settings() -> None:
    assert found({setting.key: setting.description for setting in declared(read_project())}) == set()


def test_help_texts() -> None:
    texts = all_helps()
    assert len(texts) > len(COMMANDS)
    targets = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("## ")]
    assert targets
    assert found({**texts, "Makefile": "\n".join(targets)}) == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_messages(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert found({str(path.relative_to(ROOT)): messages(path) for path in paths}) == set()
