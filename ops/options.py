"""Options that several commands share, as `make` passes them on: a stack, a form of output, a yes or no."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ops.project import LOCAL_STACK
from ordering.errors import UserError

_F = TypeVar("_F", bound=Callable[..., Any])

YES = ("1", "yes", "true")
NO = ("", "0", "no", "false")


class Answer(click.ParamType[bool]):
    """A word that says yes or no: `make` passes whatever stands behind `YES=`. UserError for any other word."""

    name = "yes|no"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Whether a word says yes."""
        word = str(value).strip().lower()
        if word in YES or word in NO:
            return word in YES
        option = param.opts[0] if param else "the option"
        raise UserError(f"{value!r} for {option} is neither yes nor no; write 1, yes or true, or 0, no or false.")


def answer_option(*names: str, meaning: str) -> Callable[[_F], _F]:
    """A flag such as `--yes`, which also takes its answer as a word: `--yes=no`."""
    return click.option(
        *names, type=Answer(), is_flag=False, flag_value="yes", default="no", metavar="[=yes|no]", help=meaning
    )


def stack_option(command: _F) -> _F:
    """`--stack`, the local one when left out."""
    return click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")(command)


def format_option(*forms: str) -> Callable[[_F], _F]:
    """`--format`, the first of these when left out or empty. What a form is for is in docs/json.md."""
    return click.option(
        "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help="How to show it."
    )
