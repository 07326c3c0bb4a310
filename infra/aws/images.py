"""Images from the account's own registry: what ECR fetches by itself, and the copies of what it does not."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
from pulumi_aws import ecr
from pulumi_aws import iam as aws_iam

from infra.aws import iam
from infra.aws.cluster import Cluster
from infra.aws.upstreams import UPSTREAMS

CACHED_IMAGES = 100
"""Images that a repository of fetched ones keeps: of a name with platforms each has one, and the list of them."""


def lifecycle_policy(count: int) -> dict[str, Any]:
    """Expire all but the newest images: what is fetched by digest has no tag, and what is missing is fetched again."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"More than {count}",
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count},
                "action": {"type": "expire"},
            }
        ]
    }


def fetching_policy(region: str, account: str, prefix: str) -> iam.Document:
    """Lets nodes have ECR fetch what nobody pulled before, into repositories under a prefix alone."""
    return iam.document(
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"],
            "Resource": f"arn:{iam.partition(region)}:ecr:{region}:{account}:repository/{prefix}/*",
        }
    )


@dataclass(frozen=True, kw_only=True)
class ImagesArgs:
    """The beginning of the repositories' names, and what is in them.

    `cached` are the registries that ECR fetches from, with their short names, and `secrets` the ARNs by which it signs
    in there. `copied` are the repositories of what is copied; those of `kept` are there, and are taken over.
    """

    prefix: str
    secrets: Mapping[str, str]
    cached: Mapping[str, str]
    copied: Sequence[str]
    cluster: Cluster
    region: str
    account: str
    on_destroy: Literal["keep", "empty"]
    kept: Collection[str]
    protect: bool = False
    tags: Mapping[str, str]


class Images(pulumi.ComponentResource):
    """A rule for each registry that ECR fetches from, and a repository for each image that it does not.

    The repositories that ECR makes when it fetches are nobody's resources: a template says what they are like.
    """

    ready: list[pulumi.Resource]
    """With these a node gets every image of the stack."""

    def __init__(self, name: str, args: ImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Images", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        for repository in args.copied:
            self._copied(repository)
        self.ready = self._fetching() if args.cached else []
        self.register_outputs({})

    def _copied(self, repository: str) -> None:
        """Filled by `make mirror` before this, so it is there and taken over, but for on an emulator."""
        args = self._args
        keep = args.on_destroy == "keep"
        ecr.Repository(
            f"{self._name}-{repository.removeprefix(f'{args.prefix}/')}",
            name=repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")],
            force_delete=not keep,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(
                    protect=args.protect,
                    retain_on_delete=keep,
                    import_=repository if repository in args.kept else None,
                ),
            ),
        )

    def _fetching(self) -> list[pulumi.Resource]:
        name, args = self._name, self._args
        template = ecr.RepositoryCreationTemplate(
            f"{name}-images",
            prefix=args.prefix,
            description=f"What ECR fetches for {name}",
            applied_fors=["PULL_THROUGH_CACHE"],
            # What a tag names elsewhere moves, and ECR brings its copy up to that.
            image_tag_mutability="MUTABLE",
            encryption_configurations=[
                ecr.RepositoryCreationTemplateEncryptionConfigurationArgs(encryption_type="AES256")
            ],
            lifecycle_policy=json.dumps(lifecycle_policy(CACHED_IMAGES)),
            opts=self._child,
        )
        policy = aws_iam.RolePolicy(
            f"{name}-images",
            role=args.cluster.node_role.name,
            policy=iam.to_json(fetching_policy(args.region, args.account, args.prefix)),
            opts=self._child,
        )
        # A repository that is made before the template is there keeps none of it.
        child = pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[template]))
        rules = [
            ecr.PullThroughCacheRule(
                f"{name}-images-{short}",
                ecr_repository_prefix=f"{args.prefix}/{short}",
                upstream_registry_url=UPSTREAMS[registry].url,
                credential_arn=args.secrets.get(registry),
                opts=child,
            )
            for registry, short in args.cached.items()
        ]
        return [policy, *rules]
