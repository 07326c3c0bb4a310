"""`python -m bench.platforms FOLDER`: a public platform up, previewed, changed in one object, and destroyed.

FOLDER is a kustomization, with whatever of its own it takes to be brought up. It prints a row for the table of
docs/platforms.md.
"""

import shutil
import tempfile
import time
from pathlib import Path

import click
import yaml

from localcloud import emulator
from ordering.errors import UserError
from ordering.graph import id_of
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.local.stack import Checkout, changes, checked_out, now, unavailable, world

_HEAD = "| objects | `up` | refused requests | refused webhook calls | preview after | one change | destroy |"
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


def changed(manifests: list[Manifest], folder: Path) -> str:
    """Writes a kustomization of them with a new annotation in the pods of the first workload; says which that is."""
    kinds = {kind: number for number, kind in enumerate(_WORKLOADS)}
    first = min((one for one in manifests if one["kind"] in kinds), key=lambda one: kinds[one["kind"]], default=None)
    if first is None:
        raise UserError("no workload is in it whose pods could be changed.")
    about = first["spec"]["template"].setdefault("metadata", {})
    about["annotations"] = {**(about.get("annotations") or {}), "platforms.bench/revision": "2"}
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all(manifests, sort_keys=False))
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    return id_of(first).title


def lived(folder: Path) -> str:
    """The row. UserError for what does not end well."""
    with tempfile.TemporaryDirectory(prefix="platform-") as name, checked_out(Path(name)) as made:
        copy = Path(shutil.copytree(folder, Path(name) / "platform"))
        checkout = Checkout(made.root, copy, {emulator.MINUTE: "0"})
        emulator.start(checkout.root)
        empty, manifests = world(checkout), render(copy)
        since, begun = now(), time.monotonic()
        checkout.must("up", "--yes", "--pods=realistic")
        up_s, up = time.monotonic() - begun, checkout.audit(since)
        if missing := unavailable(checkout.cluster()):
            raise UserError(f"not Available: {', '.join(missing)}.")
        planned = changes(checkout.must("preview", "--pods=realistic"))
        later = Path(name) / "changed"
        what = changed(manifests, later)
        since = now()
        done = changes(Checkout(checkout.root, later, checkout.environment).must("up", "--yes", "--pods=realistic"))
        change = checkout.audit(since)
        since, begun = now(), time.monotonic()
        Checkout(checkout.root, later, checkout.environment).must("destroy", "--yes")
        destroy_s, destroy = time.monotonic() - begun, checkout.audit(since)
        left = sorted(world(checkout) ^ empty)
    cells = (
        len(manifests),
        f"{up_s:.0f} s",
        f"{len(up.refused)} of {up.writes}",
        f"{len(up.refused_calls)} of {up.calls}",
        "no change" if planned.keys() == {"unchanged"} else str(planned),
        f"{what}: {done.get('update', 0)} updated, {len(change.refused)} refused",
        f"{destroy_s:.0f} s, {len(destroy.refused_calls)} of {destroy.calls} webhook calls refused, "
        + (f"left: {', '.join(left)}" if left else "nothing left"),
    )
    return f"| {' | '.join(map(str, cells))} |"


@click.command(help="Bring a platform up, change it, destroy it, and print what came of it.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    click.echo(_HEAD)
    click.echo(lived(folder))


if __name__ == "__main__":
    main()
