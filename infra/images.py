"""Images from one place: what a stack's settings and its release make of it, and what must be there before a run."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.aws import upstreams
from infra.kubeflow.sealed import Copy, Seal, lock_file, pulled, read_lock
from infra.settings import Settings
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's region."""

_NAMED = 3
"""Images that an error names."""
_AT_ONCE = 8
"""Repositories that are asked for at the same time; a release has some fifty."""


def seal_of(stack: Settings, account: str, root: Path) -> Seal | None:
    """Where the stack's images come from, with the digests of its release's lock; None for where the release says.

    `root` is the project's folder. UserError for a lock that cannot be read.
    """
    if stack.images.source == "release":
        return None
    end = "amazonaws.com.cn" if stack.region.startswith("cn-") else "amazonaws.com"
    return Seal(
        host=f"{account}.dkr.ecr.{stack.region}.{end}",
        prefix=upstreams.prefix(stack.name),
        # The first pull of an image that ECR fetches needs a way out beside the endpoints (ECR user guide,
        # "Considerations for using pull through cache rules").
        cached=upstreams.cached(stack.region, stack.images.secrets) if stack.network.nat != "none" else {},
        digests=read_lock(root, stack.kubeflow.release),
    )


def check_lock(stack: Settings, seal: Seal, objects: Sequence[Manifest], root: Path) -> None:
    """UserError unless the lock of the stack's release has the digest of every image of these objects."""
    if missing := seal.unlocked(pulled(objects)):
        path = lock_file(root, stack.kubeflow.release).relative_to(root)
        raise UserError(f"{path} has no digest of {_listed(missing)}; run `make images-lock STACK={stack.stack}`.")


def check_secrets(client: Client, stack: Settings) -> None:
    """UserError unless the secrets are there by which ECR fetches; one that nobody may look at counts as there."""
    from botocore.exceptions import ClientError

    for registry, arn in stack.images.secrets.items():
        try:
            found = client("secretsmanager").describe_secret(SecretId=arn)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if "AccessDenied" in code:
                continue
            if code != "ResourceNotFoundException":
                raise
            found = {"DeletedDate": True}
        if found.get("DeletedDate"):
            raise UserError(
                f"imagesSecrets has {arn} for {registry}, and Secrets Manager has no such secret in {stack.region}; "
                "store the registry's user name and access token there."
            )


def absent(ecr: Any, seal: Seal, objects: Sequence[Manifest]) -> list[Copy]:
    """What of these objects' images must be copied to ECR and is not there, by digest where that is known."""
    from botocore.exceptions import ClientError

    def there(repository: str) -> tuple[set[str], set[str]]:
        try:
            pages = ecr.get_paginator("list_images").paginate(repositoryName=repository)
            ids = [one for page in pages for one in page["imageIds"]]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "RepositoryNotFoundException":
                raise
            ids = []
        return {str(one["imageDigest"]) for one in ids}, {str(one["imageTag"]) for one in ids if "imageTag" in one}

    copies = seal.copies(pulled(objects))
    repositories = sorted({one.repository for one in copies})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(repositories, pool.map(there, repositories), strict=True))

    def is_there(copy: Copy) -> bool:
        digests, tags = found[copy.repository]
        return (not copy.by_tag or copy.tag in tags) and (not copy.source.digest or copy.source.digest in digests)

    return [copy for copy in copies if not is_there(copy)]


def sentence(stack: Settings, missing: Sequence[Copy]) -> str:
    """What to say of images that are not in ECR; empty for none."""
    if not missing:
        return ""
    return (
        f"ECR does not have {_listed([str(one) for one in missing])}, and fetches none of these by itself; run `make "
        f"mirror STACK={stack.stack}`, which copies them."
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
