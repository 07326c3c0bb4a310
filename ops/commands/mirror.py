"""`make mirror`: copy to ECR what it does not fetch by itself."""

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.images import absent, check_lock
from ops.crane import crane
from ops.mirror import mirror
from ops.options import stack_option
from ops.project import PROJECT_ROOT
from ops.sealing import sealed
from ordering.errors import UserError


@click.command("mirror")
@stack_option
@click.option("--release", default="", help="The images of a release that the stack is to go to.")
def command(stack: str, release: str) -> None:
    """Copy the images of a stack's release to ECR that ECR does not fetch by itself, and that are not there."""
    given = sealed(stack, release)
    check_lock(given.settings, given.seal, given.objects, PROJECT_ROOT)
    try:
        ecr = boto3.client("ecr", region_name=given.settings.region)
        missing = absent(ecr, given.seal, given.objects)
        if not missing:
            click.echo("ECR has every image that it does not fetch by itself.")
            return
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        with crane({given.seal.host: token}) as registries:
            mirror(ecr, registries, given.seal, missing, given.settings.resource_tags, click.echo)
    except (BotoCoreError, ClientError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"ECR takes no images ({reason}); allow what docs/iam-policy-options.json does.") from None
