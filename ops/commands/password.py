"""`make password`: the dashboard's password, encrypted into a stack's settings, never on a command line."""

import os

import click

from ops.password import check_stack, set_password
from ordering.errors import UserError


@click.command("password")
@click.option("--stack", required=True, help="The stack's name.")
def command(stack: str) -> None:
    """Set the password to log in to a stack's dashboard with: DASHBOARD_PASSWORD, else asked for."""
    check_stack(stack)
    set_password(stack, os.environ.get("DASHBOARD_PASSWORD") or _asked())
    click.echo(f"Pulumi.{stack}.yaml has the password, encrypted.")


def _asked() -> str:
    try:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    except click.Abort:
        raise UserError("No password was typed, and nothing is changed; type it, or set DASHBOARD_PASSWORD.") from None
