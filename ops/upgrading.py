"""Which way a stack goes from one release to another, and what its settings say then. Pure.

What was done so far is told by what is there anyway: the settings say where a stack goes to, the outputs of the last
run that ended where it was, and `kubeflowReleaseBefore` where it came from; a newer one there is that of a rollback
which has not ended. So a command that was killed goes on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.declared import full_key
from infra.kubeflow.succession import check_product, older
from ops.section import parsed, section, unfit, without
from ordering.errors import UserError

RELEASE, BEFORE = "kubeflowRelease", "kubeflowReleaseBefore"


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

    `begun` says that the settings name the new one already. `before` is what they say that there was before.
    """

    old: str
    new: str
    before: str
    begun: bool

    @property
    def settings(self) -> dict[str, str]:
        """What the stack's settings say once somebody has agreed."""
        return {RELEASE: self.new, BEFORE: self.before}

    @property
    def at_its_end(self) -> dict[str, str]:
        """What they say otherwise once all works: there is nothing to go back to after a rollback."""
        return {BEFORE: ""} if older(self.new, self.before) else {}


def up(stand: Stand, to: str, known: Collection[str]) -> Way:
    """The way to a newer release; UserError where there is none."""
    if to not in known:
        raise UserError(f"TO is {to!r}, which is no release that this version knows: choose {', '.join(known)}.")
    if stand.named != to:
        _at_rest(stand)
    elif stand.ran == to or (stand.before and not older(to, stand.before)):
        old = stand.ran if stand.ran != to else stand.before or to
        return Way(old=old, new=to, before=stand.before or old, begun=True)
    # Where somebody only wrote the release into the settings nothing has begun: nobody has looked, and nothing is kept.
    old = stand.ran
    check_product(stand.stack, old, to)
    if older(to, old):
        raise UserError(
            f"{stand.stack} has {old}, and {to} is older; `make rollback STACK={stand.stack}` goes back to the release "
            "before."
        )
    return Way(old=old, new=to, before=old, begun=False)


def back(stand: Stand) -> Way:
    """The way to the release before; UserError where nobody knows of one."""
    before = stand.before
    if before and older(stand.named, before):
        return Way(old=before, new=stand.named, before=before, begun=True)
    check_product(stand.stack, stand.ran, stand.named)
    if older(stand.named, stand.ran):
        # Somebody only wrote it into the settings: nobody has looked, and nothing is kept.
        return Way(old=stand.ran, new=stand.named, before=stand.ran, begun=False)
    if before and older(before, stand.named):
        return Way(old=stand.named, new=before, before=stand.named, begun=False)
    raise UserError(
        f"{stand.stack} has {stand.ran}, and nothing says what it had before: `make upgrade` notes that in "
        f"{BEFORE}; set it by hand to go back."
    )


def written(text: str, project: str, settings: Mapping[str, str], name: str) -> str:
    """A stack's settings with these in them, and every other line as it was; an empty value takes one away.

    UserError for a file (`name`) that is not written in lines which say just that.
    """
    changed = {full_key(project, key): value for key, value in settings.items()}
    before = parsed(text, name)
    config = without(before["config"], project, changed) | {key: value for key, value in changed.items() if value}
    wanted = {**before, "config": config}
    if wanted == before:
        return text
    result = _edited(text.splitlines(), project, changed)
    try:
        if parsed(result, name) == wanted:
            return result
    except UserError:
        pass
    raise unfit(name)


def _edited(lines: list[str], project: str, changed: Mapping[str, str]) -> str:
    found = section(lines)
    if found is None:
        lines = [*lines, "config:"]
        found = section(lines)
        assert found is not None, "its last line begins it"
    there = {at: full_key(project, key) for at, key in found.keys.items()}
    new = {key: f'{found.indent}{key}: "{value}"' for key, value in changed.items() if value}
    kept = [new.pop(there[at], None) if there.get(at) in changed else line for at, line in enumerate(lines)]
    kept[found.start : found.start] = new.values()
    return "\n".join(line for line in kept if line is not None) + "\n"


def _at_rest(stand: Stand) -> None:
    """UserError while a stack is between two releases."""
    if stand.ran != stand.named:
        raise UserError(
            f"{stand.stack} is on its way from {stand.ran} to {stand.named}: end that first, with the command that "
            f"began it, or with `make up STACK={stand.stack}`."
        )
