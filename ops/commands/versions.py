"""`make versions`: pin the add-ons, the nodes' image and the Kubernetes versions to the newest that EKS offers."""

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table

from infra import versions
from infra.declared import full_key
from infra.preflight import check_aws
from ops import console as terminal
from ops import offered
from ops.options import stack_option
from ops.project import project_name
from ops.settings import read_config
from ordering.errors import UserError


@click.command("versions")
@stack_option
def command(stack: str) -> None:
    """Ask EKS, in the region of a stack, for the newest of all that is pinned, and write it to infra/pins.json."""
    config = read_config(stack)[0]
    if config[full_key(project_name(), "cloud")] == "none":
        raise UserError(f"The cloud of {stack} is none, and the versions are EKS's; name a stack on AWS.")
    region = config["aws:region"]
    check_aws(region)
    try:
        found = offered.table(boto3.client("eks", region_name=region), boto3.client("ssm", region_name=region))
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"EKS does not say what it offers ({error}); allow what docs/iam-preview-policy.json does."
        ) from None
    changed = list(offered.differences(versions.KUBERNETES, found))
    console = terminal.console()
    if not changed:
        console.print("Everything is pinned to the newest that EKS offers.")
        return
    table = Table(title="Pinned from now on", title_justify="left", box=None, pad_edge=False)
    for column in ("Kubernetes", "what", "was", "is"):
        table.add_column(column, overflow="fold")
    for row in changed:
        table.add_row(*row)
    console.print(table)
    versions.PINS.write_text(versions.written(found), encoding="utf-8")
    console.print(
        "Written to infra/pins.json: commit it, and run `make preview`: another image renews the nodes.",
        highlight=False,
        soft_wrap=True,
    )
