"""What ECR does not fetch by itself, copied there before a stack comes up; and the digests of a release's images."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from botocore.exceptions import ClientError

from infra.kubeflow.sealed import Copy, Reference, Seal
from ordering.errors import UserError

Say = Callable[[str], object]

_DIGITS = 12


class Registries(Protocol):
    """What this needs of images' registries."""

    def digest(self, image: str) -> str: ...

    def copy(self, source: str, to: str) -> None: ...


def mirror(
    ecr: Any, registries: Registries, seal: Seal, missing: Sequence[Copy], tags: Mapping[str, str], say: Say
) -> None:
    """Copies images to the stack's registry, into repositories that are made for them with the stack's tags.

    A tag there never moves: where it names an older image, the new one gets a longer tag. UserError at the end, with
    all that could not be copied.
    """
    made: set[str] = set()
    wrong: list[str] = []
    for number, copy in enumerate(missing, 1):
        try:
            if copy.repository not in made:
                _repository(ecr, copy.repository, tags)
                made.add(copy.repository)
            to = f"{seal.host}/{copy.repository}:{_free(ecr, copy)}"
            registries.copy(_exact(copy.source), to)
        except UserError as error:
            wrong.append(str(error))
            say(f"{number} of {len(missing)}: {copy.source} failed")
        else:
            say(f"{number} of {len(missing)}: {copy}")
    if wrong:
        raise UserError(
            f"{len(wrong)} of {len(missing)} images were not copied, and the same command goes on:" + _lines(wrong)
        )


def lock(registries: Registries, images: Iterable[str], before: Mapping[str, str], say: Say) -> dict[str, str]:
    """The digests of images, asked of their registries, over those of a lock; says which are new or another's now.

    UserError, with all that is wrong, when a registry does not say one.
    """
    found, wrong = dict(before), []
    for image in sorted(set(images)):
        try:
            digest = registries.digest(image)
        except UserError as error:
            wrong.append(str(error))
            continue
        if (old := before.get(image)) != digest:
            say(f"{image} is {digest}{f', and was {old}' if old else ''}")
        found[image] = digest
    if wrong:
        raise UserError(f"The lock stays as it was, for {len(wrong)} images have no digest:" + _lines(wrong))
    return found


def _repository(ecr: Any, name: str, tags: Mapping[str, str]) -> None:
    """Makes a repository as the program has it (`infra.aws.images`), which then takes it over."""
    try:
        ecr.create_repository(
            repositoryName=name,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            encryptionConfiguration={"encryptionType": "AES256"},
            tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code != "RepositoryAlreadyExistsException":
            raise UserError(
                f"ECR does not make the repository {name} ({code}); allow what docs/security.md names."
            ) from None


def _free(ecr: Any, copy: Copy) -> str:
    """The copy's tag, or a longer one where that names another image already."""
    there = {
        one["imageTag"]: one["imageDigest"]
        for page in ecr.get_paginator("list_images").paginate(repositoryName=copy.repository)
        for one in page["imageIds"]
        if "imageTag" in one
    }
    if there.get(copy.tag) in (None, copy.source.digest):
        return copy.tag
    return f"{copy.tag}-{copy.source.digest.removeprefix('sha256:')[:_DIGITS]}"


def _exact(source: Reference) -> str:
    return f"{source.name}@{source.digest}" if source.digest else str(source)


def _lines(sentences: Iterable[str]) -> str:
    return "".join(f"\n  - {one}" for one in sentences)
