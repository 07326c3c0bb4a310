"""`make stack`: write the settings file of one more stack, from those of dev."""

import getpass
import os

import click
from pulumi import automation

import tools
from infra.errors import UserError
from infra.kubeflow.capacity import requirements
from infra.kubeflow.load import load
from ops.backend import backend
from ops.engine import pulumi_root
from ops.new_stack import check_name, create, idle_cost
from ops.project import PROJECT_ROOT, TEMPLATE_STACK, read_stacks
from ops.settings import stack_settings
from ops.sizes import Size, smallest


def small_size() -> Size:
    """The smallest node group for the release that the template's stack installs."""
    os.environ.setdefault("KUSTOMIZE", str(tools.ensure("kustomize")["kustomize"]))
    kubeflow = stack_settings(TEMPLATE_STACK).settings.kubeflow
    found = load(
        release=kubeflow.release,
        path=kubeflow.path,
        sample=False,
        root=PROJECT_ROOT,
        kubernetes_version=None,
    )
    return smallest(requirements(found.objects))


def stacks_in_use(name: str) -> list[str]:
    """The stacks that a shared backend has; none for state in files of this checkout."""
    chosen = backend(name)
    if chosen.folder is not None:
        return []
    workspace = automation.LocalWorkspace(
        work_dir=str(PROJECT_ROOT),
        env_vars=dict(chosen.environment),
        pulumi_command=automation.PulumiCommand(root=str(pulumi_root())),
    )
    try:
        return [summary.name.rpartition("/")[2] for summary in workspace.list_stacks()]
    except automation.CommandError as error:
        raise UserError(f"{chosen.note} It does not answer: {_last_line(str(error))}") from None


@click.command("stack")
@click.option("--name", required=True, help="The new stack's name, such as dev-blue.")
@click.option("--size", type=click.Choice(["default", "small"]), default="default", show_default=True)
@click.option("--cidr", "block", default="", help="Its VPC's block; the next free /16 of 10.0.0.0/8 when left out.")
@click.option("--owner", default="", help="Who it is for, as a tag; the user's name when left out.")
@click.option("--again", is_flag=True, help="The stack exists: write its lost settings file again.")
def command(name: str, size: str, block: str, owner: str, again: bool) -> None:
    """Write the settings of another stack, from those of dev."""
    check_name(name, read_stacks(PROJECT_ROOT))
    if not again and name in stacks_in_use(name):
        raise UserError(f"Somebody has a stack {name!r} in the same backend; choose another name.")
    path, new = create(
        name,
        folder=PROJECT_ROOT,
        owner=owner or getpass.getuser(),
        block=block or None,
        size=small_size() if size == "small" else None,
    )
    click.echo(f"{path.name}: VPC {new.cidr}, nodes {new.size or f'as {TEMPLATE_STACK} has'}, owner {new.owner}")
    click.echo(f"idle:    {idle_cost(name, PROJECT_ROOT)}")
    if new.size is None:
        click.echo(f"smaller: rm {path.name} && make stack NAME={name} SIZE=small")
    click.echo(f"next:    make password STACK={name} && make up STACK={name}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "(it said nothing)"
