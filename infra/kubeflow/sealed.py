"""Images from one place: what the stack's own registry calls each image of a release, and what must be copied there.

Of some registries ECR fetches by itself what is pulled (`cached`: the registry's name, and ECR's for it). Of the others
images are copied beforehand. What a lock has the digest of is named by it, too; an image whose name has no tag is one
to which a program adds the tag, so it gets none.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ordering.errors import UserError

FOLDER = "locks"
DOCKER_HUB = "docker.io"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NEWEST = "latest"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image's name in its parts; `tag` and `digest` may be empty."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """Without tag and digest."""
        return f"{self.registry}/{self.repository}"


def parse(image: str) -> Reference:
    """An image's name as a container runtime reads it (distribution/reference v0.6.0, ParseNormalizedNamed).

    >>> str(parse("mysql:8.4"))
    'docker.io/library/mysql:8.4'
    """
    rest, _, digest = image.partition("@")
    first, slash, after = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first, after
    else:
        registry, path = DOCKER_HUB, rest if slash else f"library/{rest}"
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = DOCKER_HUB
    repository, _, tag = path.partition(":")
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """An image that must be in a repository of the stack's own: what it is copied from, and under which tag."""

    source: Reference
    repository: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The place that all images come from: a registry's host, and the beginning of the names of repositories there."""

    host: str
    prefix: str
    cached: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def name(self, image: str) -> str:
        """What an image of a release is called here; one that is in a registry of ECR's stays as it is."""
        given = parse(image)
        if ".dkr.ecr." in given.registry or given.registry == self.host:
            return image
        digest = given.digest or (self.digests.get(str(given), "") if given.tag else "")
        return str(Reference(registry=self.host, repository=self._repository(given), tag=given.tag, digest=digest))

    def source(self, image: str) -> Reference | None:
        """Where an image comes from that is called like this here; None for one that is not the seal's."""
        given = parse(image)
        if given.registry != self.host or not given.repository.startswith(f"{self.prefix}/"):
            return None
        short, _, repository = given.repository.removeprefix(f"{self.prefix}/").partition("/")
        registry = next((one for one, name in self.cached.items() if name == short), short.replace("_", ":"))
        return Reference(registry=registry, repository=repository, tag=given.tag, digest=given.digest)

    def copies(self, images: Iterable[str]) -> list[Copy]:
        """What must be copied for images that are named as here, each once.

        An image without a tag is one that is tagged elsewhere, or the newest.
        """
        named = {str(one): one for image in images if (one := self.source(image)) and one.registry not in self.cached}
        tagged = {one.name for one in named.values() if one.tag}
        found = {
            (one.name, tag): Copy(
                source=one, repository=_repository(self.prefix, one.registry, one.repository), tag=tag
            )
            for one in named.values()
            if one.tag or one.digest or one.name not in tagged
            for tag in [one.tag or one.digest.replace(":", "-") or _NEWEST]
        }
        return [found[key] for key in sorted(found)]

    def _repository(self, given: Reference) -> str:
        return _repository(self.prefix, self.cached.get(given.registry, given.registry), given.repository)


def _repository(prefix: str, registry: str, repository: str) -> str:
    """A port's colon is none of the characters that ECR takes, and a host has no underscore."""
    return f"{prefix}/{registry.replace(':', '_')}/{repository}"


def lock_file(root: Path, release: str) -> Path:
    """Where the digests of a release's images are."""
    return root / FOLDER / f"{release}.json"


def read_lock(root: Path, release: str) -> dict[str, str]:
    """The digests by image, whole names with their tags; none without a file. UserError for one that is damaged."""
    path = lock_file(root, release)
    shown = path.relative_to(root)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    again = "delete it, and run `make mirror` to have it written again."
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise UserError(f"{shown} is not JSON ({error}); {again}") from None
    images = found.get("images") if isinstance(found, dict) else None
    if not isinstance(images, dict):
        raise UserError(f"{shown} has no images; {again}")
    if found.get("release") != release:
        raise UserError(f"{shown} has the images of {found.get('release')}, and kubeflowRelease is {release}; {again}")
    for image, digest in images.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise UserError(f"{shown} says {digest!r} of {image}, which is no digest; {again}")
    return images


def write_lock(root: Path, release: str, digests: Mapping[str, str]) -> Path:
    """Write the digests of a release's images; where it is."""
    path = lock_file(root, release)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"release": release, "images": dict(sorted(digests.items()))}, indent=2) + "\n")
    return path
