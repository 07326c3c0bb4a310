"""`make upgrade-nodes`: pin the images that a stack's nodes run to the newest releases, and renew the nodes."""

from dataclasses import replace

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from infra import versions
from infra.aws import instances
from infra.preflight import check_aws
from ops import console as terminal
from ops import offered, peaks
from ops.commands.up import bring
from ops.options import answer_option, format_option, stack_option
from ops.settings import sound_settings
from ordering.errors import UserError


@click.command("upgrade-nodes")
@stack_option
@answer_option("--yes", meaning="Do not ask; the preview is shown all the same.")
@format_option("text", "json")
def command(stack: str, yes: bool, form: str) -> None:
    """Pin the images of a stack's nodes to what AWS recommends now, and bring the stack up, which renews the nodes."""
    settings = sound_settings(stack)
    if settings.cluster.mode != "create":
        raise UserError(
            f"The cluster of {stack} is not the stack's own, and neither are its nodes; upgrade them there."
        )
    if settings.emulated:
        raise UserError(f"The nodes of {stack} are played, and have no images; name a stack on AWS.")
    version = settings.cluster.version
    check_aws(settings.region)
    kinds = {instances.image(one.instance_types[0]) for one in peaks.asked(settings)}
    try:
        found = offered.images(boto3.client("ssm", region_name=settings.region), version, kinds)
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"AWS does not say which images it recommends ({error}); allow what docs/iam-preview-policy.json does."
        ) from None
    console = terminal.console(json=form != "text")
    known = versions.KUBERNETES[version]
    for kind, release in found.items():
        before = known.images.get(kind)
        told = "as before" if before == release else f"was {before or 'not pinned'}"
        console.print(f"{kind} for Kubernetes {version}: {release} ({told})", highlight=False, soft_wrap=True)
    if found != {kind: known.images.get(kind) for kind in found}:
        versions.KUBERNETES[version] = replace(known, images={**known.images, **found})
        versions.PINS.write_text(versions.written(versions.KUBERNETES), encoding="utf-8")
        console.print("Written to infra/pins.json: commit it.", highlight=False)
    bring(stack, pods="instant", yes=yes, form=form, adopt=False)
