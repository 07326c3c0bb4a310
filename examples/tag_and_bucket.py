"""An extension: every IAM role gets one more tag, and the stack a second bucket.

Copy it to `extensions.py` beside Pulumi.yaml; docs/extending.md says what such a file may do.
"""

from typing import Any

import pulumi
from pulumi_aws import s3

from infra.components import Components
from infra.settings import Settings


def change(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Tags every role, also those that `eks.Cluster` makes for itself."""
    if args.type_ != "aws:iam/role:Role":
        return None
    tags: Any = args.props.get("tags") or {}
    props = {**args.props, "tags": {**tags, "cost-center": "ml-research"}}
    return pulumi.ResourceTransformResult(props, args.opts)


def add(settings: Settings, made: Components) -> None:
    """A bucket for data sets, next to the one for artifacts; it goes with the stack only when it is empty."""
    name = f"{settings.name}-datasets"
    datasets = s3.Bucket(name, tags=settings.resource_tags, opts=pulumi.ResourceOptions(protect=settings.protect))
    s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=datasets.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=pulumi.ResourceOptions(parent=datasets),
    )
    pulumi.export("datasets", datasets.bucket)
