"""`make images-lock`: ask the registries for the digests of a release's images, and write them down."""

import click

from infra.kubeflow.sealed import lock_file, pulled, write_lock
from ops.crane import crane
from ops.mirror import lock
from ops.options import stack_option
from ops.project import PROJECT_ROOT
from ops.sealing import sealed


@click.command("images-lock")
@stack_option
@click.option("--release", default="", help="The images of a release that the stack is to go to.")
def command(stack: str, release: str) -> None:
    """Ask for the digest of every image of a stack's release, and write them to the release's lock.

    What other stacks of the release have there stays.
    """
    given = sealed(stack, release)
    images = given.seal.tagged(pulled(given.objects))
    with crane() as registries:
        found = lock(registries, images, given.seal.digests, click.echo)
    name = given.settings.kubeflow.release
    write_lock(PROJECT_ROOT, name, found)
    path = lock_file(PROJECT_ROOT, name).relative_to(PROJECT_ROOT)
    click.echo(f"{path} has {len(images)} images of {stack}: commit it, then `make mirror STACK={stack}`.")
