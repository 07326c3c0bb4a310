"""A stack whose images come from ECR, as the commands around its images need it."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.images import seal_of
from infra.inputs import load_release
from infra.kubeflow.sealed import Seal
from infra.preflight import check_aws
from infra.present import unknown
from infra.settings import Settings
from ops.project import PROJECT_ROOT
from ops.settings import stack_settings
from ordering.errors import UserError
from ordering.manifests.objects import Manifest


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A stack's settings, where its images come from, and its release's objects, which name them there."""

    settings: Settings
    seal: Seal
    objects: Sequence[Manifest]


def sealed(stack: str, release: str) -> Sealed:
    """A stack, with another release where one is named; UserError where its images do not come from ECR."""
    settings = stack_settings(stack, {"kubeflowRelease": release} if release else None).settings
    if settings.images.source != "ecr":
        raise UserError(f"imagesFrom of {stack} is {settings.images.source}; set it to ecr to have its images there.")
    if settings.emulated:
        raise UserError(f"The AWS of {stack} is played on this machine and keeps no images; name a stack on AWS.")
    seal = seal_of(settings, check_aws(settings.region).account, PROJECT_ROOT)
    assert seal, "images come from ECR"
    found = load_release(settings, None, PROJECT_ROOT, unknown, seal)
    return Sealed(settings=settings, seal=seal, objects=found.objects)
