"""`make down`: stop what the local stack runs on, and forget the stack with it."""

import click

from localcloud import laptop
from ops.project import LOCAL_STACK, local_dir, local_root, project_name
from state import serving


@click.command("down")
def command() -> None:
    """Stop the local control plane and the AWS emulator, and forget what they and the local stack's state held."""
    state, project = local_dir() / "state", project_name()
    with laptop.alone(local_root()), serving.held(state, project, LOCAL_STACK):
        laptop.stop(local_root())
        serving.forget(state, project, LOCAL_STACK)
    click.echo("The local control plane, the AWS emulator and the local stack's state are gone.")
