"""How a command line ends: whatever goes wrong is one sentence and an exit code, never a traceback."""

import errno
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from ordering import cache
from ordering.errors import UserError
from tools import proxy

FAILED, INTERRUPTED = 1, 130

_ADVICE = {
    errno.ENOSPC: "free some space, and run the same command again",
    errno.EDQUOT: "free some space, and run the same command again",
    errno.EACCES: "give yourself access to it",
    errno.EPERM: "give yourself access to it",
    errno.EROFS: "make it writable, or work in another checkout",
    errno.ENOENT: "create it, or name another",
    errno.ENOTDIR: "name a folder",
    errno.EISDIR: "name a file",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def run(
    command: click.Command,
    *,
    name: str,
    interrupted: str,
    arguments: Sequence[str] | None = None,
    obj: object = None,
) -> int:
    """Runs a click command and returns its exit code; `interrupted` is what Ctrl-C is answered with.

    0 when it went well, 2 for what was typed wrong, 130 after Ctrl-C, else what the command itself says or 1. The
    details of what nobody foresaw go to a file that the sentence names.
    """
    try:
        proxy.settle(os.environ)
        code = command.main(arguments, prog_name=name, obj=obj, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _say(interrupted, INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has read enough; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _say(sentence(error) or _unforeseen(error), FAILED)


def sentence(error: BaseException) -> str | None:
    """What to tell a person about a failure; None for one that nobody foresaw."""
    for known, told in _KNOWN:
        if isinstance(error, known):
            return told(error)
    told_by_name = _BY_MODULE.get(type(error).__module__.partition(".")[0])
    return told_by_name(error) if told_by_name else None


def _os_error(error: BaseException) -> str:
    assert isinstance(error, OSError)
    reason = error.strerror or str(error) or type(error).__name__
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    advice = _ADVICE.get(error.errno or 0)
    return f"{where}{reason}" + (f"; {advice}." if advice else ".")


def _undecodable(error: BaseException) -> str:
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    return f"A file is not {error.encoding} text (byte {error.start} is 0x{byte:02x}); save it as UTF-8."


def _last_words(error: BaseException) -> str:
    """The words of an engine's command: those after `error:`, else its last line."""
    text = _COLOURS.sub("", str(error))
    told = [line.strip() for line in re.findall(r"error: (.+)", text)]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(told) or (lines[-1] if lines else "The engine failed and did not say why.")


def _aws(error: BaseException) -> str:
    return f"AWS refused or did not answer: {error}"


_KNOWN: tuple[tuple[type[BaseException], Callable[[BaseException], str]], ...] = (
    (UserError, str),
    (UnicodeDecodeError, _undecodable),
    (OSError, _os_error),
    (RecursionError, lambda _: "A file is nested too deeply to be read; look for one that was made by a program."),
    (MemoryError, lambda _: "There is not enough memory; close something, and run the same command again."),
)
# By their module's first name: to import them costs up to a second, and most runs need none.
_BY_MODULE: dict[str, Callable[[BaseException], str]] = {"botocore": _aws, "pulumi": _last_words}


def _unforeseen(error: Exception) -> str:
    about = f"{type(error).__name__}: {error}".strip(": ").splitlines()[0]
    try:
        folder = cache.home() / "failures"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, path = tempfile.mkstemp(dir=folder, suffix=".txt")
        with os.fdopen(handle, "w") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return f"Something failed that should not have ({about}), and its details could not be kept; please report it."
    return f"Something failed that should not have ({about}); please report it with {Path(path)}."


def _say(text: str, code: int) -> int:
    click.echo(f"error: {text}", err=True)
    return code
