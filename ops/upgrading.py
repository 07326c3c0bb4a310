"""Which way a stack goes from one release to another, and what its settings say then. Pure.

What was done so far is told by what is there anyway: the settings say where a stack goes to, the outputs of the last
run that ended where it was, and `kubeflowReleaseBefore` where it came from. So a command that was killed goes on.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.versions import PIPELINES_ALONE
from ordering.errors import UserError

RELEASE, BEFORE = "kubeflowRelease", "kubeflowReleaseBefore"

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True)
class Stand:
    """Where a stack is: the release that its settings name, the one before, and that of its last run that ended."""

    stack: str
    named: str
    before: str | None
    ran: str


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way from one release to another.

    `begun` says that the settings name the new one already. `before` is what they then say that there was before, empty
    after a rollback.
    """

    old: str
    new: str
    before: str
    begun: bool

    @property
    def settings(self) -> dict[str, str]:
        """What the stack's settings say once somebody has agreed."""
        return {RELEASE: self.new, BEFORE: self.before}


def up(stand: Stand, to: str, known: Collection[str]) -> Way:
    """The way to a newer release; UserError where there is none."""
    if to not in known:
        raise UserError(f"TO is {to!r}, which is no release that this version knows: choose {', '.join(known)}.")
    if stand.named != to:
        _at_rest(stand)
    elif stand.before or stand.ran == to:
        old = stand.ran if stand.ran != to else stand.before or to
        return Way(old=old, new=to, before=stand.before or old, begun=True)
    # Where somebody only wrote the release into the settings nothing has begun: nobody has looked, and nothing is kept.
    old = stand.ran
    if (to in PIPELINES_ALONE) != (old in PIPELINES_ALONE):
        raise UserError(
            f"{stand.stack} has {old}, and {to} is another product, no later release of it: make a stack of its own "
            "for it."
        )
    if _ordered(to) < _ordered(old):
        raise UserError(
            f"{stand.stack} has {old}, and {to} is older; `make rollback STACK={stand.stack}` goes back to the release "
            "before."
        )
    return Way(old=old, new=to, before=old, begun=False)


def back(stand: Stand) -> Way:
    """The way to the release before; UserError where nobody knows of one."""
    if stand.before:
        return Way(old=stand.named, new=stand.before, before="", begun=False)
    if stand.ran != stand.named:
        return Way(old=stand.ran, new=stand.named, before="", begun=True)
    raise UserError(
        f"{stand.stack} has {stand.named}, and nothing says what it had before: `make upgrade` notes that in "
        f"{BEFORE}; set it by hand to go back."
    )


def written(text: str, project: str, settings: Mapping[str, str]) -> str:
    """A stack's settings with these in them, and every other line as it was; an empty value takes one away."""
    lines = text.splitlines()
    if "config:" not in lines:
        lines.append("config:")
    for key, value in settings.items():
        at = next((index for index, line in enumerate(lines) if _names(line, project, key)), None)
        new = [f'  {project}:{key}: "{value}"'] if value else []
        if at is not None:
            lines[at : at + 1] = new
        else:
            place = lines.index("config:") + 1
            lines[place:place] = new
    return "\n".join(lines) + "\n"


def _names(line: str, project: str, key: str) -> bool:
    return re.match(rf"""\s+["']?{re.escape(f"{project}:{key}")}["']?\s*:""", line) is not None


def _at_rest(stand: Stand) -> None:
    """UserError while a stack is between two releases."""
    if stand.ran != stand.named:
        raise UserError(
            f"{stand.stack} is on its way from {stand.ran} to {stand.named}: end that first, with the command that "
            f"began it, or with `make up STACK={stand.stack}`."
        )


def _ordered(release: str) -> tuple[int, ...]:
    return tuple(map(int, _NUMBER.findall(release)))
