"""`make stack`: write the settings file of one more stack, from those of dev."""

import getpass

import click

from ops.backend import stacks_in_use
from ops.new_stack import check_name, create, idle_cost, left_out, small_size
from ops.options import answer_option
from ops.project import PROJECT_ROOT, TEMPLATE_STACK, read_stacks
from ordering.errors import UserError


@click.command("stack")
@click.option("--name", required=True, help="The new stack's name, such as dev-blue.")
@click.option("--size", type=click.Choice(["default", "small"]), default="default", show_default=True)
@click.option("--cidr", "block", default="", help="Its VPC's block; the next free /16 of 10.0.0.0/8 when left out.")
@click.option("--owner", default="", help="Who it is for, as a tag; the user's name when left out.")
@answer_option("--again", meaning="The stack exists: write its lost settings file again.")
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
    if missing := left_out(path, PROJECT_ROOT):
        click.echo(f"without: {', '.join(missing)}, of which {TEMPLATE_STACK} has its own")
    click.echo(f"idle:    {idle_cost(name, PROJECT_ROOT)}")
    if new.size is None:
        click.echo(f"smaller: rm {path.name} && make stack NAME={name} SIZE=small")
    click.echo(f"next:    make password STACK={name} && make up STACK={name}")
