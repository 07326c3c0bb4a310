"""`python -m infra.kubeflow plan`: what would be applied, in which order, and why."""

import os
from pathlib import Path

import click

from infra.errors import UserError
from infra.kubeflow.graph import build
from infra.kubeflow.plan import CHAINS, FORMATS
from infra.kubeflow.release import LOCAL_STACK, RELEASES, resolve
from infra.kubeflow.render import render
from infra.kubeflow.slim import slim

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_RELEASE = next(iter(RELEASES))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Kubeflow's manifests, before anything is sent anywhere."""


@main.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--release", help=f"A release instead of a path; without either, {DEFAULT_RELEASE}.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("--why", metavar="ID", help="Only the chain that holds one object back: apiVersion/kind/namespace/name.")
def plan(path: Path | None, release: str | None, form: str, why: str | None) -> None:
    """Print what would be applied and why. PATH is a kustomization or a rendered YAML file."""
    if path is not None and release is not None:
        raise click.UsageError("Give a PATH or --release, not both.")
    if why is not None and form not in CHAINS:
        raise click.UsageError(f"--why prints {' or '.join(CHAINS)}.")
    source, title = (path, str(path)) if path is not None else _released(release)
    graph = build(slim(render(source)))
    click.echo(CHAINS[form](graph, why) if why is not None else FORMATS[form](graph, title))


def _released(release: str | None) -> tuple[Path, str]:
    """The manifests of a release and what to call them; a release that is named wins over $KUBEFLOW_MANIFESTS."""
    env = {key: value for key, value in os.environ.items() if release is None or key != "KUBEFLOW_MANIFESTS"}
    found = resolve(release=release or DEFAULT_RELEASE, path=None, stack=LOCAL_STACK, root=ROOT, env=env)
    click.echo(found.note, err=True)
    return found.path, f"Kubeflow {found.name}" if found.name in RELEASES else found.name


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
