"""`make adopt`: bring the stack up over what somebody else installed, which becomes the stack's own."""

import click

from ops.commands import up
from ops.options import answer_option, format_option, stack_option


@click.command("adopt")
@stack_option
@answer_option("--yes", meaning="Do not ask; the preview is shown all the same.")
@format_option("text", "json")
def command(stack: str, yes: bool, form: str) -> None:
    """Bring the stack up, and take over the objects of it that are in the cluster already.

    They are changed in place to what the stack says, what kubectl had set besides goes, and a destroy deletes them.
    What no manifest of the stack has is left alone. Nothing is changed where the server would refuse one of them.
    """
    up.bring(stack, pods="instant", yes=yes, form=form, adopt=True)
