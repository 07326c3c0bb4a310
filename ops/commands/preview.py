"""`make preview`: what `up` would change, as tables for a person, Markdown for a pull request or JSON for programs."""

import click

from ops import comment, document, kind, policies, preview, run, summary
from ops import console as terminal
from ops.options import format_option, stack_option
from tools import entry


@click.command("preview")
@stack_option
@click.option("--pods", type=click.Choice(["instant", "realistic"]), default="instant", show_default=True)
@format_option("text", "markdown", "json")
def command(stack: str, pods: run.Pods, form: str) -> None:
    """Show what `up` would change; exits with 1 when a mandatory policy rule would stop it."""
    console = terminal.console(json=form != "text")
    try:
        if kind.is_kind(stack):
            kind.check()
        found, session = preview.copied(stack, pods, console)
    except Exception as error:
        if form == "markdown":
            # Whatever went wrong: a comment without a word says that nothing changes.
            click.echo(comment.failure(stack, entry.sentence(error) or f"{type(error).__name__}: {error}"))
        raise
    summary.print_changes(console, session)
    summary.print_preview(console, found)
    if form == "markdown":
        click.echo(
            comment.markdown(
                stack,
                found.steps,
                components=found.parts,
                costs=found.costs,
                no_costs=found.note,
                violations=found.violations,
                existing=[str(one) for one in found.existing],
                live=found.live,
                notices=(*found.notices, *found.unseen),
            )
        )
    elif form == "json":
        click.echo(document.text(document.preview(found)))
    policies.refuse(found.violations)
