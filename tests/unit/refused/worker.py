"""Calls the commands of the checkout that it runs in, one after the other, as JSON on its standard input says.

Each line in is {"program", "arguments", "environment", "input"}, each line out {"code", "out", "err"}. What the
commands import is imported once.
"""

import contextlib
import io
import json
import os
import sys

from ops.__main__ import INTERRUPTED
from ops.__main__ import main as ops
from pipelines.__main__ import main as pipelines
from tools import entry
from tools.__main__ import main as tools


def called(program: str, arguments: list[str]) -> int:
    """The exit code of a command line."""
    if program == "pipelines":
        return pipelines(arguments)
    command = {"ops": ops, "tools": tools}[program]
    return entry.run(command, name=f"python -m {program}", interrupted=INTERRUPTED, arguments=arguments)


def main() -> None:
    """Serves until its input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    inherited = dict(os.environ)
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.clear()
        os.environ.update({**inherited, **asked["environment"]})
        out, err, typed = io.StringIO(), io.StringIO(), io.StringIO(asked["input"])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            before, sys.stdin = sys.stdin, typed
            try:
                code = called(asked["program"], asked["arguments"])
            finally:
                sys.stdin = before
        answers.write(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
