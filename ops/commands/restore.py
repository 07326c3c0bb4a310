"""`make restore`: list a stack's daily backups, and bring one back beside what is there."""

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import boto3
import click
import yaml

from infra.aws import kept
from infra.settings import Settings
from ops import restoring
from ops.options import stack_option
from ops.restoring import Client, Point
from ops.settings import stack_settings
from ops.stack import environment, in_state
from ordering.errors import UserError


@click.command("restore")
@stack_option
@click.option("--point", default="", metavar="ID", help="Bring this one back; without it, they are listed.")
def command(stack: str, point: str) -> None:
    """List the daily backups of a stack, and bring one back beside what is there; a claim's volume as a manifest."""
    settings = stack_settings(stack).settings
    if settings.cloud == "none":
        raise UserError("cloud is none: AWS backs up nothing of this stack.")
    # First, since it chooses the backend by the person's own environment.
    state = in_state(stack)
    os.environ.update(environment(stack))
    session: Any = boto3.Session(region_name=settings.region)
    client: Client = functools.cache(session.client)
    found = restoring.points(client, kept.names(settings))
    if not point:
        show(stack, found)
        return
    wanted = next((one for one in found if one.id == point), None)
    if wanted is None:
        raise UserError(f"{stack} has no backup {point}; `make restore STACK={stack}` lists those that it has.")
    bring_back(client, settings, wanted, role_of(stack, state))


def show(stack: str, found: Sequence[Point]) -> None:
    """The recovery points, newest first, in lines that are never broken: a person copies an id."""
    if not found:
        click.echo(f"{stack} has no backups; `backupDays` has AWS make one each day.")
    width = max((len(one.id) for one in found), default=0)
    for one in found:
        click.echo(f"{one.made:%Y-%m-%d %H:%M}  {one.gb:8.1f} GB  {one.id:{width}}  {one.what}")


def bring_back(client: Client, settings: Settings, point: Point, role: str) -> None:
    """Restore one, and say what to do with it: on standard output a manifest and nothing else."""
    if point.kind == "RDS":
        click.echo(
            f"This backup is a snapshot of RDS, and a database starts from one when it is made: set `databaseSnapshot` "
            f"to {point.id} in a new stack, or in this one after `make destroy`.",
            err=True,
        )
        return
    if point.kind == "EFS":
        systems = kept.file_systems(client, kept.names(settings))
        if not systems:
            raise UserError("The stack has no file system to bring the files back to; set files to efs, and run `up`.")
        system = str(systems[0]["FileSystemId"])
        restoring.restore(client, point, role=role, metadata={"file-system-id": system, "newFileSystem": "false"})
        click.echo(f"The files are back in {system}, in its folder aws-backup-restore_ and the time.", err=True)
        return
    zone = restoring.zone_of(client, point, settings.network.zones)
    metadata = {"availabilityZone": zone, "volumeType": "gp3", "encrypted": "true"}
    volume = restoring.restore(client, point, role=role, metadata=metadata).rpartition("/")[2]
    click.echo(f"The volume is back as {volume} in {zone}; apply the manifest for a claim of it.", err=True)
    click.echo(
        yaml.safe_dump_all(restoring.claim(point, volume, zone, restoring.size_of(client, volume)), sort_keys=False),
        nl=False,
    )


def role_of(stack: str, state: Iterable[Mapping[str, Any]]) -> str:
    """The ARN of the role that backs up and restores; UserError where the state has none."""
    for one in state:
        if one.get("type") == "aws:iam/role:Role" and "kubeflow:infra:Backup$" in str(one["urn"]):
            return str(one["outputs"]["arn"])
    raise UserError(f"{stack} has no role that restores; set backupDays, and run `make up STACK={stack}` first.")
