"""`make plan`: what would be applied, in which order, and why."""

import os
from pathlib import Path

import click

from infra.kubeflow.parts import Selection, choose
from infra.kubeflow.release import RELEASES, resolve
from infra.kubeflow.slim import slim
from infra.kubeflow.traffic import with_open_paths
from infra.versions import release_title
from ops.options import format_option
from ops.project import PROJECT_ROOT, default_release
from ordering.check import check, from_a_cluster
from ordering.graph import build
from ordering.manifests.kustomization import ALLOWED
from ordering.manifests.render import render
from ordering.plan import CHAINS, FORMATS, shown


@click.command("plan")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--release", default="", help="A release instead of a path; without either, the project's default.")
@format_option(*FORMATS)
@click.option(
    "--why", default="", metavar="ID", help="Only the chain that holds one object back: apiVersion/kind/namespace/name."
)
@click.option(
    "--parts", default="", metavar="NAME,…", help="Only these parts and what they need, and why each is there."
)
@click.option("--allow", multiple=True, type=click.Choice([*ALLOWED]), help="What kustomize may do on top; repeatable.")
def command(path: Path | None, release: str, form: str, why: str, parts: str, allow: tuple[str, ...]) -> None:
    """Print what would be applied and why. PATH is a kustomization or a rendered YAML file."""
    if path is not None and release:
        raise click.UsageError("Give a PATH or --release, not both.")
    if why and form not in CHAINS:
        raise click.UsageError(f"--why prints {' or '.join(CHAINS)}.")
    source, title = (path, str(path)) if path is not None else released(release)
    rendered = render(source, allow=allow)
    objects = slim(rendered)
    if parts:
        selection = choose(build(objects), [one.strip() for one in parts.split(",") if one.strip()], ())
        objects = selection.objects
        click.echo(told(selection), err=form != "text")
    objects = with_open_paths(objects)
    graph = build(objects)
    click.echo(shown(graph, title, form, why))
    findings = [] if why else [*check(objects, graph), *from_a_cluster(rendered, left_out=True)]
    # The plan itself has what is named and in no manifest.
    for one in (one for one in findings if one.severity == "refused" or one.absent is None):
        click.echo(f"{one.severity}: {one}", err=True)


def told(selection: Selection) -> str:
    """The parts that are installed, each with why it is there, and single objects of other parts."""
    lines = [f"{part.name} ({part.objects} objects): {part.why}" for part in selection.parts]
    lines += [f"{name}, alone: {why}" for name, why in selection.singles.items()]
    return "\n".join([*lines, ""])


def released(release: str) -> tuple[Path, str]:
    """The manifests of a release and what to call them; a release that is named wins over $KUBEFLOW_MANIFESTS."""
    env = {key: value for key, value in os.environ.items() if not release or key != "KUBEFLOW_MANIFESTS"}
    found = resolve(release=release or default_release(), path=None, sample=True, root=PROJECT_ROOT, env=env)
    click.echo(found.note, err=True)
    return found.path, release_title(found.name) if found.name in RELEASES else found.name
