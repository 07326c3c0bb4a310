"""From a failed step's log to the one sentence that says why."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TRACEBACK = "Traceback (most recent call last):"
# The last line of a traceback: an exception's dotted name, and what it says.
_EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")


def cause(log: str) -> str | None:
    """Why a step failed, from its log; None when the log does not say.

    Steps raise ValueError with a sentence for people, which is given as it is; any other exception keeps its name.
    """
    lines = [_COLOUR.sub("", line).rstrip() for line in log.splitlines()]
    starts = [index for index, line in enumerate(lines) if line.strip() == _TRACEBACK]
    if not starts:
        return None
    # kfp's local runner indents the logs of a step: the traceback's own indentation is what counts.
    indent = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip())
    for line in lines[starts[-1] + 1 :]:
        found = _EXCEPTION.match(line[indent:])
        if found and not line[:indent].strip():
            name, message = found["name"].rpartition(".")[2], found["message"] or ""
            return message if name == "ValueError" else f"{name}: {message}".rstrip(": ")
    return None
