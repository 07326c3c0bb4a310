"""How a bench ends that somebody typed."""

import sys
from collections.abc import Callable

import click

from ordering.errors import UserError


def ending_in_a_sentence(main: Callable[[], object]) -> None:
    """Runs it; a UserError is one sentence and exit code 1."""
    try:
        main()
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
