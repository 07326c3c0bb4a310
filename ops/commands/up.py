"""`make up`: show what would change and ask, bring the stack up, and say what was made."""

from collections.abc import Collection

import click

from ops import ask, document, kind, policies, run, summary
from ops import console as terminal
from ops.bring_up import bring_up
from ops.options import answer_option, format_option, stack_option
from ops.preview import Preview
from ops.settings import sound_settings


def confirm(planned: Preview, *, yes: bool) -> None:
    """Ask for the stack's name, unless the answer is given or nothing changes; UserError for another answer."""
    if yes or not planned.changes:
        return
    stack = planned.stack
    ask.for_name(
        stack,
        notice=f"This changes {stack} as shown above.",
        nobody=f"Nobody answered, and nothing was changed; YES=1 brings {stack} up without asking.",
        refused="nothing was changed.",
    )


@click.command("up")
@stack_option
@click.option(
    "--pods",
    type=click.Choice(["instant", "realistic"]),
    default="instant",
    show_default=True,
    help="How the local stack's fake pods start: at once, or after 20 to 60 s.",
)
@answer_option("--yes", meaning="Do not ask; the preview is shown all the same.")
@click.option(
    "--lose",
    default="",
    metavar="NAME,…",
    help="Data that may be lost, by the names that a refusal lists.",
)
@click.option(
    "--keep",
    default="",
    metavar="NAME,…",
    help="Data that stays where it is and leaves the stack, by the same names.",
)
@format_option("text", "json")
def command(stack: str, pods: run.Pods, yes: bool, lose: str, keep: str, form: str) -> None:
    """Bring the stack up: on any but `local`, show what would change and ask for its name first."""
    bring(stack, pods=pods, yes=yes, form=form, adopt=False, lose=_names(lose), keep=_names(keep))


def bring(
    stack: str,
    *,
    pods: run.Pods,
    yes: bool,
    form: str,
    adopt: bool,
    lose: Collection[str] = (),
    keep: Collection[str] = (),
) -> None:
    """Bring a stack up; with `adopt` what is in its cluster already becomes the stack's own.

    `lose` and `keep` name data that would be lost.
    """
    console = terminal.console(json=form != "text")
    sound_settings(stack)
    if kind.is_kind(stack):
        kind.ensure(lambda line: console.print(line, highlight=False))
    with run.session(stack, console=console, pods=pods, missing="make") as session:
        brought = bring_up(
            session,
            show=lambda planned: summary.print_planned(console, planned),
            agree=lambda planned: confirm(planned, yes=yes),
            adopt=adopt,
            lose=lose,
            keep=keep,
        )
        summary.print_up(console, session, brought.outputs)
        if kind.is_kind(stack):
            console.print(f"\nDashboard: {brought.outputs['dashboard'].value}", highlight=False, soft_wrap=True)
        if form == "json":
            click.echo(document.text(document.up(session, brought.outputs, brought.preview, brought.violations)))
    if brought.preview is None:
        policies.print_violations(console, brought.violations)
        policies.refuse(brought.violations)


def _names(text: str) -> list[str]:
    return [one for one in text.split(",") if one]
