"""`make images`: every image that a release names, and where."""

from pathlib import Path

import click

from infra.kubeflow.compiled import spelled_out
from infra.kubeflow.images import images
from infra.kubeflow.parts import choose
from infra.kubeflow.slim import slim
from ops import document
from ops.commands.plan import released
from ops.options import format_option
from ordering.graph import build
from ordering.manifests.render import render

_NAMED = 2
"""Places that a line names."""


@click.command("images")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--release", default="", help="A release instead of a path; without either, the project's default.")
@click.option("--parts", default="", metavar="NAME,…", help="Only these parts and what they need.")
@format_option("text", "json")
def command(path: Path | None, release: str, parts: str, form: str) -> None:
    """List every image that is pulled, those that controllers start later too, and where each is named.

    PATH is a kustomization or a rendered YAML file.
    """
    if path is not None and release:
        raise click.UsageError("Give a PATH or --release, not both.")
    objects = slim(render(path if path is not None else released(release)[0]))
    if parts:
        objects = choose(build(objects), [one.strip() for one in parts.split(",") if one.strip()], ()).objects
    found = images(spelled_out(objects))
    if form == "json":
        told = [
            {
                "image": image,
                "inTemplate": any(one.in_template for one in places),
                "places": [{"object": one.object, "field": one.field} for one in places],
            }
            for image, places in found.items()
        ]
        click.echo(document.text({"version": document.VERSION, "images": told}))
        return
    for image, places in found.items():
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        click.echo(f"{image}\n    {', '.join(f'{one.object} {one.field}' for one in places[:_NAMED])}{more}")
    later = sum(1 for places in found.values() if not any(one.in_template for one in places))
    click.echo(f"{len(found)} images, {later} of them in no pod template: controllers start them later.")
