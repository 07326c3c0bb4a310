"""What README.md and docs/ say, held against the code: commands, settings, links, files, messages, the diagram."""

import ast
import functools
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import pytest

from infra.declared import declared
from ops import project
from ops.settings import stack_settings
from policy import RULES
from tests.unit import makefile
from tools.catalog import TOOLS

ROOT = Path(__file__).resolve().parents[2]
ROOT_PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES = [*ROOT_PAGES, *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
# Pages that have nothing to type.
WITHOUT_COMMANDS = {"CHANGELOG.md", "docs/README.md", "docs/decisions.md"}

# Modules of the project whose commands click parses.
COMMANDS = {
    "ops": "ops.__main__:main",
    "pipelines": "pipelines.__main__:cli",
    "localcloud.plane": "localcloud.plane.__main__:cli",
}
MAKEFILE = (ROOT / "Makefile").read_text()

_START = re.compile(r"(?:[A-Z_]+=\S+ )*(make|pulumi config set|(?:\.venv/bin/)?python -m)\b")
_PARTS = ("network", "cluster", "nodes", "registry", "storage", "kubeflow", "dashboard")


class NotACommandError(Exception):
    """What a page shows is not something that can be typed."""


def blocks(text: str) -> Iterator[str]:
    """The lines of indented and fenced blocks, also of those inside a quoted box."""
    fenced = False
    for line in (line.removeprefix("> ") for line in text.splitlines()):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or re.match(r"(?: {4}|\t)", line):
            yield line.strip()


def inline(text: str) -> Iterator[str]:
    """What stands between single backticks, across line ends."""
    outside = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    for found in re.findall(r"`([^`]+)`", outside):
        yield " ".join(found.split())


def commands(text: str) -> list[str]:
    """The project's own commands on a page."""
    shown = [*blocks(text), *inline(text)]
    return [line.split("  #")[0].rstrip() for line in shown if _START.match(line) and line != "make"]


@functools.cache
def rules() -> dict[str, tuple[str, str]]:
    """The Makefile's targets: what each needs, and its recipe."""
    found = re.findall(r"^([\w./()$-]+):(?!=)([^\n]*)\n((?:\t[^\n]*\n)*)", MAKEFILE, re.MULTILINE)
    return {target: (needs, recipe) for target, needs, recipe in found if not target.startswith(".")}


def recipe_of(target: str) -> str:
    """A target's recipe with those of the targets that it needs."""
    needs, recipe = rules()[target]
    return recipe + "".join(recipe_of(need) for need in needs.split() if need in rules())


def check(line: str) -> None:
    """Raise NotACommandError, or a UsageError of click's, unless the line can be typed; nothing is run."""
    # A shell's redirection ends what the command itself gets.
    words = shlex.split(re.split(r" [>|] ", line)[0], comments=True)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    program, *rest = words
    if program == "make":
        check_make(rest)
    elif program == "pulumi":
        check_setting(rest[2:])
    else:
        check_module(rest[1], rest[2:])


def check_make(words: list[str]) -> None:
    given = [word for word in words if "=" in word]
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    for target in targets:
        if target not in rules():
            raise NotACommandError(f"there is no target {target}")
        for name in (word.partition("=")[0] for word in given):
            if name != "PYTHON" and not re.search(rf"\$\$\{{?{name}\b", recipe_of(target)):
                raise NotACommandError(f"make {target} does not look at {name}")
        for call in makefile.calls((target, *given)):
            if call[:1] == ["-m"] and call[1] in COMMANDS:
                check_module(call[1], call[2:])


def check_module(module: str, arguments: list[str]) -> None:
    if module in COMMANDS:
        file, _, name = COMMANDS[module].partition(":")
        parse(getattr(importlib.import_module(file), name), arguments)
    elif module == "tools":
        if unknown := set(arguments) - set(TOOLS):
            raise NotACommandError(f"there is no tool {unknown}")
    elif importlib.util.find_spec(module) is None:
        raise NotACommandError(f"there is no module {module}")


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse arguments as the command would, down to the last subcommand."""
    context = click.Context(command)
    while isinstance(command, click.Group):
        inner = command.get_command(context, arguments[0] if arguments else "")
        if inner is None:
            raise NotACommandError(f"{command.name} has no command {arguments[:1]}")
        command, arguments = inner, arguments[1:]
        context = click.Context(command, parent=context)
    command.make_context(command.name, list(arguments))


def check_setting(words: list[str]) -> None:
    """The key of `pulumi config set`; placeholders in capitals stand for any."""
    names = [word for word in words if not word.startswith("-")]
    key = names[0].split("[")[0] if names else ""
    if not (key in settings() or key.isupper() or key.startswith("aws:")):
        raise NotACommandError(f"there is no setting {key!r}")


@functools.cache
def settings() -> frozenset[str]:
    return frozenset(setting.key for setting in declared(project.read_project()))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_on_a_page_can_be_typed(page: Path) -> None:
    for line in commands(page.read_text()):
        try:
            check(line)
        except (NotACommandError, click.UsageError) as error:
            pytest.fail(f"{line}: {error}")


def test_the_pages_show_commands() -> None:
    silent = {name for page, name in zip(PAGES, NAMES, strict=True) if not commands(page.read_text())}
    assert silent <= WITHOUT_COMMANDS


def test_what_a_quoted_box_shows_is_seen() -> None:
    assert commands(">     make up\n> or\n>     pulumi config set protect true\n") == [
        "make up",
        "pulumi config set protect true",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "make uup",
        "make up STAKC=dev",
        "make down STACK=dev",
        "make up PODS=slow",
        "KEY=value make stack NAME=x SIZE=huge",
        "pulumi config set networkCdir 10.0.0.0/16",
        ".venv/bin/python -m ops destory",
        ".venv/bin/python -m pipelines run salary --locally",
        ".venv/bin/python -m ops plan --format pdf",
        ".venv/bin/python -m tools kubekuttl",
        ".venv/bin/python -m ops.nothing",
    ],
)
def test_what_cannot_be_typed_is_found(line: str) -> None:
    assert commands(f"    {line}") == [line]
    with pytest.raises((NotACommandError, click.UsageError)):
        check(line)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_change_whose_cost_a_page_asks_for_is_allowed(page: Path) -> None:
    for line in commands(page.read_text()):
        if found := re.fullmatch(r"make cost STACK=(\S+) SET=(\w+)=(\S+)", line):
            stack, key, value = found.groups()
            stack_settings(stack, {key: value}, today=date(2026, 11, 1))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    named = {word for word in inline(page.read_text()) if re.fullmatch(rf"(?:{'|'.join(_PARTS)})[A-Z]\w*", word)}
    assert named <= settings()


def heading_links(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in heading_links(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_of_the_project_that_a_page_names_exists(page: Path) -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for word in inline(page.read_text()):
        if re.fullmatch(r"[\w.-]+/[\w./-]*", word) and word.split("/")[0] in folders:
            assert (ROOT / word).exists(), word


@functools.cache
def told() -> str:
    """Every text that the code and the Makefile hold; f-strings have `…` where they put something in."""
    found = [MAKEFILE]
    for folder in ("infra", "ops", "ordering", "pipelines", "localcloud", "policy", "state", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    found.append(
                        "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
        found += [path.read_text() for path in (ROOT / folder).rglob("*.go")]
    return "\n".join(found)


def messages(text: str) -> list[str]:
    """The messages that a page quotes in blocks: those of ours, and whatever has a gap."""
    lines = [line for line in blocks(text) if line.startswith("error: ") or "…" in line]
    return [line.removeprefix("error: ") for line in lines if not _START.match(line)]


@pytest.mark.parametrize("name", ["troubleshooting.md", "security.md"])
def test_a_quoted_message_is_one_of_the_codes(name: str) -> None:
    quoted = messages((ROOT / "docs" / name).read_text())
    assert quoted
    for message in quoted:
        for part in filter(None, (part.strip() for part in message.split("…"))):
            assert part in told(), f"{message!r} has {part!r}, which nothing says"


def test_the_policy_rules_are_listed_as_they_are() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| (mandatory|advisory) \|", (ROOT / "docs/security.md").read_text(), re.MULTILINE
    )
    assert rows == [(rule.name, rule.level) for rule in RULES]


PICTURE = re.search(r"```mermaid\n(.*?)```", (ROOT / "docs/architecture.md").read_text(), re.DOTALL)


def drawn(title: str) -> str:
    """What the architecture's diagram has in the box of a title."""
    assert PICTURE
    found = re.search(rf'subgraph \w+ \["{title}.*?"\]\n(.*?)\n    end', PICTURE[1], re.DOTALL)
    assert found, f"docs/architecture.md draws no box {title!r}"
    return found[1]


def components() -> dict[str, ast.ClassDef]:
    """The component classes under infra/, by name."""
    return {
        node.name: node
        for path in (ROOT / "infra").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Attribute) and base.attr == "ComponentResource" for base in node.bases)
    }


def attributes(node: ast.AST) -> set[str]:
    """The names of all attributes and keyword arguments that a piece of code uses or declares."""
    names = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    names |= {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.keyword) and inner.arg}
    declared = (inner.target for inner in ast.walk(node) if isinstance(inner, ast.AnnAssign))
    return names | {target.id for target in declared if isinstance(target, ast.Name)}


def test_the_diagram_has_every_component_and_no_other() -> None:
    arrows = re.findall(r"^\s+(\w+) (?:-- .*? )?--> (\w+)", drawn("The components"), re.MULTILINE)
    alone = re.findall(r"^\s+(\w+)$", drawn("The components"), re.MULTILINE)
    assert {name for arrow in arrows for name in arrow} | set(alone) == components().keys()


def test_what_the_diagram_hands_on_are_outputs_of_their_components() -> None:
    classes = components()
    handed = re.findall(r'^\s+(\w+) -- "?([\w, ]+?)"? --> \w+', drawn("The components"), re.MULTILINE)
    assert handed
    for name, outputs in handed:
        assert set(outputs.split(", ")) <= attributes(classes[name]), f"{name} has no {outputs}"


def test_the_diagram_has_the_steps_from_a_release_to_an_order_as_they_are_called() -> None:
    steps = drawn("From a release to an order").split("\n")[-1].strip().split(" --> ")
    called = {
        inner.func.id
        for function in ast.walk(ast.parse((ROOT / "infra/kubeflow/load.py").read_text()))
        if isinstance(function, ast.FunctionDef) and function.name in ("load", "filled")
        for inner in ast.walk(function)
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)
    }
    assert len(steps) > 5
    assert set(steps) <= called


def test_every_file_and_folder_that_the_diagram_names_exists() -> None:
    assert PICTURE
    named = re.findall(r"\b(?:infra|ops|localcloud|state|tools)/[\w/.]*|\b__main__\.py", PICTURE[1])
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []
