"""`make recover`: bring back a stack's state whose files are damaged or do not belong together."""

import click

from ops.backend import backend
from ops.options import stack_option
from ops.project import project_name
from ops.stack import stateless
from ordering.errors import UserError
from state import serving


def described(done: serving.Recovery, stack: str) -> list[str]:
    """What was done, and what to do next, in lines for people."""
    if not done.kept:
        return [f"The state of {stack} is in order: nothing was changed."]
    lines = [f"Kept as it was: {path}." for path in done.kept]
    lines.append(
        f"The state of {stack} is now {done.source.name} as it was last good, with {done.steps} steps of the "
        f"interrupted run: {done.resources} resources."
    )
    if done.lost:
        lines.append(
            f"{done.lost} lines of the journal cannot be read: where the next run says that something exists already, "
            "import that into the state or delete it."
        )
    if done.twice:
        lines.append(f"These exist twice; delete the second of each by hand: {', '.join(done.twice)}.")
    if done.pending:
        lines.append(f"The next run first looks at {done.pending} things that were under way or are in doubt.")
    return [*lines, f"Type `make up STACK={stack}` or `make destroy STACK={stack}` to go on."]


@click.command("recover")
@stack_option
def command(stack: str) -> None:
    """Bring back the state of a stack whose files are damaged; keep those aside."""
    chosen = backend(stack)
    if chosen.folder is None:
        raise UserError(
            f"{chosen.note} It keeps earlier states itself: see `pulumi stack history --stack {stack}` and "
            f"`pulumi stack export --version`."
        )
    if not chosen.folder.is_dir():
        raise stateless(stack)
    for line in described(serving.recover(chosen.folder, project_name(), stack), stack):
        click.echo(line)
