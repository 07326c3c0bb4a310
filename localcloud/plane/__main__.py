"""`python -m localcloud.plane start|stop|status`."""

import sys
from pathlib import Path
from typing import cast

import click

from localcloud import plane
from ordering.errors import UserError
from tools import entry
from tools.progress import reporter

_ROOT = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder in whose .local/ the plane lives.  [default: the current one]",
)


@click.group(help="The local Kubernetes control plane.")
def cli() -> None:
    """Group of the commands."""


@cli.command(help="Start the plane, or what of it does not run.")
@_ROOT
@click.option(
    "--pods",
    type=click.Choice(["instant", "realistic"]),
    default="instant",
    show_default=True,
    help="Pods are ready at once, or after 20 to 60 s.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the times of realistic pods.")
def start(root: Path, pods: str, seed: int) -> None:
    """Start and print how to reach it."""
    with reporter() as report:
        started = plane.start(root, pods=cast("plane.Pods", pods), seed=seed, report=report)
    click.echo(f"{started.server} is ready, pods start {started.pods}")
    for name, value in started.environment.items():
        click.echo(f"export {name}={value}")


@cli.command(help="End the plane's processes.")
@_ROOT
@click.option("--wipe", is_flag=True, help="Remove its data too.")
def stop(root: Path, wipe: bool) -> None:
    """Stop and say whether there was anything to stop."""
    running = plane.stop(root, wipe=wipe)
    click.echo(("stopped" if running else "nothing was running") + (", and its data is removed" if wipe else ""))


@cli.command(help="Say what runs; exits with 1 when the plane is incomplete and with 3 when it is stopped.")
@_ROOT
def status(root: Path) -> None:
    """Print a line for each component."""
    found = plane.status(root)
    for name, state in found.components.items():
        pid = f" (pid {found.pids[name]})" if name in found.pids else ""
        click.echo(f"{name:24}{state}{pid}")
    if found.problem:
        raise UserError(found.problem)
    if found.plane is None:
        sys.exit(3)
    click.echo(f"{found.plane.server}, pods start {found.plane.pods}")


if __name__ == "__main__":
    sys.exit(entry.run(cli, name="python -m localcloud.plane", interrupted="Interrupted; `stop` ends what started."))
