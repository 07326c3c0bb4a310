"""Whether every image of a stack would be in ECR: the lock, the secrets by which ECR fetches, and the copies."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.images import seal_of
from infra.kubeflow.sealed import pulled, use_seal
from infra.preflight import check_aws, check_images
from infra.settings import Settings
from ops.doctor.finding import Finding, broken, ok, split
from ordering.manifests.objects import Manifest


def check_sealed(settings: Settings, objects: Sequence[Manifest], root: Path) -> Iterator[Finding]:
    """Whether an `up` would find its images, where they are to come from ECR; asks ECR about each repository."""
    seal = seal_of(settings, check_aws(settings.region).account, root)
    if seal is None:
        return
    named = use_seal(objects, seal)
    if missing := check_images(settings, seal, named, root):
        yield broken("images", *split(missing))
    else:
        images = pulled(named)
        fetched = len(images) - len(seal.copies(images))
        yield ok("images", f"{len(images)} from {seal.host}, {fetched} of them fetched by ECR itself")
