"""The settings of where pods' images come from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from infra.aws.upstreams import UPSTREAMS
from infra.settings.raw import RawSettings

KEYS = ("imagesFrom", "imagesSecrets")

# Secrets Manager's ARN of a secret by which ECR fetches (ECR API reference, "CreatePullThroughCacheRule").
_SECRET = re.compile(r"arn:aws(-\w+)*:secretsmanager:([a-z0-9-]+):\d{12}:secret:ecr-pullthroughcache/[\w/+=.@-]+")


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Where images come from: where the release has them (`release`), or the account's own registry (`ecr`).

    `secrets` are ARNs by registry: ECR fetches from these with what a secret holds.
    """

    source: Literal["release", "ecr"]
    secrets: Mapping[str, str] = field(default_factory=dict)


def read_images(raw: RawSettings, region: str, *, creates: bool) -> ImageSettings:
    """Where images come from; ECR wants nodes of the stack's own, which get leave to have ECR fetch."""
    source = cast("Literal['release', 'ecr']", raw.text("imagesFrom", ("release", "ecr")))
    secrets = raw.mapping("imagesSecrets")
    if source == "ecr" and not creates:
        raw.problem(
            "imagesFrom", "'ecr' needs the nodes of a cluster to create; set it to release, or clusterMode to create."
        )
    if source == "release" and secrets:
        raw.problem("imagesSecrets", "is for images from ECR; set imagesFrom to ecr, or remove it.")
    known = [registry for registry, upstream in UPSTREAMS.items() if upstream.needs_secret]
    for registry, arn in secrets.items():
        found = _SECRET.fullmatch(arn)
        if registry not in known:
            raw.problem(
                "imagesSecrets", f"names {registry!r}, and ECR takes a secret for {' and '.join(known)}; name those."
            )
        elif not found:
            raw.problem(
                "imagesSecrets",
                f"has {arn!r} for {registry}, which is not the ARN of a secret whose name starts with "
                "ecr-pullthroughcache/, as ECR wants it; store one under such a name.",
            )
        elif raw.sound("aws:region") and found[2] != region:
            raw.problem(
                "imagesSecrets",
                f"has a secret of {found[2]} for {registry}, and ECR reads those of {region} alone; store it there.",
            )
    return ImageSettings(source=source, secrets=secrets)
