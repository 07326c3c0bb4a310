"""Where the images of pipelines are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
from pulumi_aws import ecr

from infra.aws import kept

UNTAGGED_DAYS = 14


def lifecycle_policy(untagged_days: int) -> dict[str, Any]:
    """Expire images that no tag names any more; tagged ones stay, since an old run must be repeatable."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"Untagged for {untagged_days} days",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": untagged_days,
                },
                "action": {"type": "expire"},
            }
        ]
    }


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """The repository's exact name, or None for a generated one, and whether its images outlive the stack.

    `kept` names one that is there, and is taken over.
    """

    repository: str | None
    kept: str | None
    on_destroy: Literal["keep", "empty"]
    tags: Mapping[str, str]


class Registry(pulumi.ComponentResource):
    """An ECR repository whose tags never move and whose images are scanned."""

    repository_url: pulumi.Output[str]
    repository_arn: pulumi.Output[str]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Registry", name, None, opts)
        keep = args.on_destroy == "keep"
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=keep)
        repository = ecr.Repository(
            kept.repository_name(name),
            name=args.repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")],
            force_delete=not keep,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(import_=args.kept)),
        )
        ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            policy=json.dumps(lifecycle_policy(UNTAGGED_DAYS)),
            opts=child,
        )
        self.repository_url = repository.repository_url
        self.repository_arn = repository.arn
        self.register_outputs({"repository_url": self.repository_url, "repository_arn": self.repository_arn})
