"""What `make` is given reaches the commands as it was typed, and no shell runs a word of it."""

import re
from pathlib import Path

import pytest
from click import ClickException, Command

from ops.__main__ import COMMANDS, Commands
from ops.options import NO, YES
from ordering.errors import UserError
from tests.unit import makefile

MAKEFILE = (makefile.ROOT / "Makefile").read_text()
TARGETS = dict(re.findall(r"^([a-z-]+):[^\n=]*\n((?:\t[^\n]*\n)+)", MAKEFILE, re.MULTILINE))
GIVEN = " ".join(re.findall(r"^GIVEN [:+]= (.*)$", MAKEFILE, re.MULTILINE)).split()

HOSTILE = [
    "dev; touch pwned",
    "dev & touch pwned #",
    "$(touch pwned)",
    "`touch pwned`",
    "$(shell touch pwned)",
    "${shell touch pwned}",
    "$(eval $(shell touch pwned))",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "dev\ntouch pwned",
    "$STACK $$STACK $(STACK)",
    "a  b\t*",
    "--help",
    "\\",
]


def used(target: str) -> list[str]:
    """The variables that a target's recipe reads."""
    return [name for name in GIVEN if re.search(rf"\$\$\{{?{name}\b", TARGETS[target])]


USES = [(target, name) for target in TARGETS for name in used(target)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that is set up, whose interpreter only notes its arguments."""
    return makefile.checkout(tmp_path_factory.mktemp("checkout"))


def test_every_variable_is_read_somewhere_and_none_is_pasted_into_a_script() -> None:
    setup = MAKEFILE.partition("$(VENV)/.installed:")[2].partition("\n\n")[0]
    assert {name for _, name in USES} == set(GIVEN) - {"PYTHON"}
    assert '"$$PYTHON"' in setup
    for recipe in (*TARGETS.values(), setup):
        assert not set(re.findall(r"(?<!\$)\$[({](\w+)", recipe)) - {
            "VENV",
            "PY",
            "RUN",
            "CURDIR",
            "GO_CHECKED",
            "GO_MODULES",
        }


@pytest.mark.parametrize("source", ["command line", "environment"])
@pytest.mark.parametrize(("target", "name"), USES)
def test_a_value_reaches_the_command_as_it_was_typed_and_no_shell_runs_it(
    checkout: Path, target: str, name: str, source: str
) -> None:
    for value in HOSTILE:
        given = [f"{name}={value}"] if source == "command line" else []
        environment = {} if given else {name: value}
        made = makefile.make(checkout, [target, *given], environment)
        assert not (checkout / "pwned").exists(), (target, name, value)
        assert made.code == 0, made.output
        if (target, name) != ("demo", "PODS"):
            assert any(argument.endswith(f"={value}") for call in made.calls for argument in call), (value, made.calls)
    # What a dry run expands is the same, whatever stands in the value.
    makefile.make(checkout, ["--dry-run", target, f"{name}={' '.join(HOSTILE)}"])
    assert not (checkout / "pwned").exists(), (target, name)


@pytest.mark.parametrize("value", HOSTILE)
def test_an_interpreter_that_is_none_is_named_in_one_sentence_and_not_run(tmp_path: Path, value: str) -> None:
    folder = makefile.checkout(tmp_path)
    (folder / ".venv" / ".installed").unlink()
    made = makefile.make(folder, ["doctor", f"PYTHON={value}"])
    assert made.code != 0
    assert f"error: Python 3.11 or newer is needed as {value}; install it" in made.output
    assert not (folder / "pwned").exists()


def test_a_name_that_holds_a_space_is_one_argument(checkout: Path) -> None:
    made = makefile.make(checkout, ["stack", "NAME=dev-x", "OWNER=Ada Lovelace"])
    assert "--owner=Ada Lovelace" in made.calls[0]


def command(name: str) -> Command:
    found = Commands().get_command(None, name)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        (["up", "YES=?"], "yes"),
        (["destroy", "YES=?"], "yes"),
        (["leftovers", "YES=?"], "yes"),
        (["leftovers", "DELETE=?"], "remove"),
        (["stack", "NAME=dev-x", "AGAIN=?"], "again"),
    ],
)
def test_yes_means_yes_no_means_no_and_any_other_word_is_refused(
    checkout: Path, words: list[str], parameter: str
) -> None:
    def parsed(word: str) -> bool:
        [call] = makefile.make(checkout, [one.replace("?", word) for one in words]).calls
        return bool(command(call[2]).make_context(call[2], call[3:]).params[parameter])

    assert [parsed(word) for word in (*YES, "Yes", "TRUE")] == [True] * 5
    assert [parsed(word) for word in (*NO, "No", "FALSE")] == [False] * 6
    for word in ("maybe", "2", "yes please", "$(true)"):
        with pytest.raises(UserError) as error:
            parsed(word)
        assert str(error.value).startswith(f"{word!r} for --")
        assert str(error.value).endswith("is neither yes nor no; write 1, yes or true, or 0, no or false.")


def test_without_a_word_everything_is_no_and_every_command_takes_what_make_gives_it(checkout: Path) -> None:
    for target in sorted(TARGETS.keys() & set(COMMANDS)):
        needed = {"stack": ["NAME=dev-x"]}.get(target, [])
        [call] = makefile.make(checkout, [target, *needed]).calls
        try:
            given = command(call[2]).make_context(call[2], call[3:]).params
        except ClickException as error:
            pytest.fail(f"make {target}: {error.format_message()}")
        assert not any(given.get(name) for name in ("yes", "remove", "again")), target


@pytest.mark.parametrize("stack", ["dev", "local-2", "local ", " local", "LOCAL"])
def test_a_demo_brings_up_no_stack_but_the_local_one(checkout: Path, stack: str) -> None:
    assert makefile.make(checkout, ["demo"]).calls == [
        ["-m", "ops", "up", "--stack=local", "--pods=instant"],
        ["-m", "pipelines", "demo", "--stack=local"],
    ]
    words = ["demo"] if stack == " local" else ["demo", f"STACK={stack}"]
    calls = makefile.make(checkout, words, {"STACK": stack}).calls
    assert calls == [["-m", "pipelines", "demo", f"--stack={stack}"]]


def test_the_help_names_the_default_that_a_target_has(checkout: Path) -> None:
    helped = makefile.make(checkout, ["help"]).output
    named = {
        (line.split()[1], name): value
        for line in helped.splitlines()
        for name, value in re.findall(r"\[(STACK|PODS|FORMAT)=([\w-]+)", line)
    }
    assert ("cost", "STACK") in named
    for (target, name), value in named.items():
        given = ["NAME=x"] if target == "stack" else []
        calls = makefile.make(checkout, [target, *given]).calls
        assert any(f"--{name.lower()}={value}" in call for call in calls), (target, name)
