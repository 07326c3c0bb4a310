"""`make password`: the dashboard's password, encrypted into a stack's settings, never on a command line."""

import os

import click

from ops.password import check_stack, set_password


@click.command("password")
@click.option("--stack", required=True, help="The stack's name.")
def command(stack: str) -> None:
    """Set the password to log in to a stack's dashboard with: DASHBOARD_PASSWORD, else asked for."""
    check_stack(stack)
    given = os.environ.get("DASHBOARD_PASSWORD")
    set_password(stack, given or click.prompt("Password", hide_input=True, confirmation_prompt=True))
    click.echo(f"Pulumi.{stack}.yaml has the password, encrypted.")
