"""`make down`: stop what the local stack runs on, and forget the stack with it."""

import click
from pulumi import automation

from localcloud import laptop
from ops.backend import backend
from ops.engine import Command
from ops.project import LOCAL_STACK, PROJECT_ROOT, local_dir, local_root, project_name
from state import serving


@click.command("down")
def command() -> None:
    """Stop the local control plane and the AWS emulator, and forget what they and the local stack's state held."""
    laptop.stop(local_root())
    chosen = backend(LOCAL_STACK)
    workspace = automation.LocalWorkspace(
        work_dir=str(PROJECT_ROOT),
        env_vars=dict(chosen.environment),
        pulumi_command=Command(),
    )
    if (
        chosen.folder
        and chosen.folder.is_dir()
        and any(stack.name.rpartition("/")[2] == LOCAL_STACK for stack in workspace.list_stacks())
    ):
        workspace.remove_stack(LOCAL_STACK, force=True, preserve_config=True)
    serving.forget(local_dir() / "state", project_name(), LOCAL_STACK)
    click.echo("The local control plane, the AWS emulator and the local stack's state are gone.")
