"""How a command line ends: one sentence and an exit code for whatever is raised inside it."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from botocore.exceptions import NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st
from pulumi.automation.errors import CommandError

from ordering.errors import UserError
from tools import entry

ROOT = Path(__file__).resolve().parents[2]


def ending(raised: BaseException | int, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    @click.command()
    @click.pass_context
    def command(context: click.Context) -> None:
        if isinstance(raised, int):
            context.exit(raised)
        raise raised

    code = entry.run(command, name="test", interrupted="Stopped.", arguments=[])
    return code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the details of unforeseen failures go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kubeflow-on-pulumi" / "failures"


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (UserError("Do this."), 1, "error: Do this.\n"),
        (click.Abort(), 130, "error: Stopped.\n"),
        (KeyboardInterrupt(), 130, "error: Stopped.\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), 1, "/there: Permission denied; give yourself"),
        (OSError(errno.ENOSPC, "No space left on device", b"/there"), 1, "/there: No space left on device; free some"),
        (OSError("odd"), 1, "error: odd.\n"),
        (b"\xff".decode, 1, "not utf-8 text (byte 0 is 0xff)"),
        (RecursionError("maximum"), 1, "nested too deeply"),
        (MemoryError(), 1, "not enough memory"),
        (NoCredentialsError(), 1, "AWS refused or did not answer: Unable to locate credentials"),
        (click.UsageError("No such option."), 2, "No such option."),
        (3, 3, ""),
    ],
)
def test_what_is_known_is_one_sentence(raised: Any, code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    if callable(raised) and not isinstance(raised, BaseException):
        with pytest.raises(UnicodeDecodeError) as caught:
            raised()
        raised = caught.value
    found, text = ending(raised, capsys)
    assert found == code
    assert words in text
    assert "Traceback" not in text


def test_an_engine_that_fails_is_quoted_without_its_colours(capsys: pytest.CaptureFixture[str]) -> None:
    class Result:
        stdout, stderr, code = "Previewing\n", "\x1b[31merror: \x1b[0mcould not reach the backend\n", 255

        def __str__(self) -> str:
            return f"\n code: {self.code}\n stdout: {self.stdout}\n stderr: {self.stderr}\n"

    code, text = ending(CommandError(Result()), capsys)  # type: ignore[arg-type]
    assert (code, text) == (1, "error: could not reach the backend\n")


def test_what_nobody_foresaw_names_the_file_with_its_details(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = ending(KeyError("nodeGroupName"), capsys)
    assert code == 1
    assert text.startswith("error: Something failed that should not have (KeyError: 'nodeGroupName'); please report")
    [details] = kept.iterdir()
    assert str(details) in text
    assert "Traceback" in details.read_text()


def test_details_that_cannot_be_kept_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "could not be kept; please report it" in ending(ValueError("odd"), capsys)[1]


@given(st.sampled_from([ValueError, KeyError, RuntimeError, OSError, UserError]), st.text(max_size=60))
def test_any_text_is_told_as_it_is(kind: type[Exception], text: str) -> None:
    told = entry.sentence(kind(text))
    assert told is None or not text.strip() or text in told


def test_a_reader_that_has_enough_ends_the_command_quietly() -> None:
    done = subprocess.run(
        f"{sys.executable} -m ops plan manifests/sample --format json | head -c 10",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout) == 10
    assert done.stderr == ""
