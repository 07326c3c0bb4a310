"""Where the artifacts of pipelines are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import s3

from infra.aws import iam, kept

NONCURRENT_DAYS = 90
LOG_DAYS = 90
MULTIPART_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class BalancerLogs:
    """The load balancers of an account write their access logs under a prefix."""

    account: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """Whether the objects outlive the stack; `kept` names a bucket that is there, and is taken over.

    `logs` says who writes logs into it beside the artifacts, if anybody does.
    """

    on_destroy: Literal["keep", "empty"]
    kept: str | None
    logs: BalancerLogs | None = None
    tags: Mapping[str, str]


class Storage(pulumi.ComponentResource):
    """A private, versioned, encrypted S3 bucket.

    Kept on destroy, it keeps its protection too: everything about it is retained, not only the bucket.
    """

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    policy: pulumi.Resource
    """Once it is there, whoever may write does."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Storage", name, None, opts)
        keep = args.on_destroy == "keep"
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=keep)
        bucket = s3.Bucket(
            kept.bucket_name(name),
            force_destroy=not keep,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(import_=args.kept)),
        )
        s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        closed = s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        versioning = s3.BucketVersioning(
            f"{name}-versions",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="AES256"
                        )
                    )
                )
            ],
            opts=child,
        )
        self.policy = s3.BucketPolicy(
            f"{name}-tls",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(lambda arn: iam.to_json(iam.tls_only_policy(arn, *_writers(args, arn)))),
            # S3 refuses two changes of a bucket's access at the same time.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[closed])),
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="noncurrent",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=(
                        s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                            noncurrent_days=NONCURRENT_DAYS
                        )
                    ),
                ),
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="multipart",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    abort_incomplete_multipart_upload=(
                        s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=MULTIPART_DAYS
                        )
                    ),
                ),
                *_expiry(args.logs),
            ],
            # A rule on old versions needs versions (s3 user guide, "Lifecycle and versioning").
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[versioning])),
        )
        self.bucket = bucket.bucket
        self.bucket_arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "bucket_arn": self.bucket_arn})


def _writers(args: StorageArgs, bucket_arn: str) -> list[iam.Document]:
    return [iam.balancer_logs(args.logs.account, bucket_arn, args.logs.prefix)] if args.logs else []


def _expiry(logs: BalancerLogs | None) -> list[s3.BucketLifecycleConfigurationRuleArgs]:
    if logs is None:
        return []
    return [
        s3.BucketLifecycleConfigurationRuleArgs(
            id="logs",
            status="Enabled",
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=f"{logs.prefix}/"),
            expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=LOG_DAYS),
        )
    ]
