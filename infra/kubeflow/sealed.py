"""Images from one place: what the stack's own registry calls each image of a release, and what must be copied there.

Of some registries ECR fetches by itself what is pulled (`cached`: the registry's name, and ECR's for it). Of the others
images are copied beforehand. What a lock has the digest of is named by it, too; an image whose name has no tag is one
to which a program adds the tag, so it gets none.

KServe does the like with images of serving runtimes: it puts the `runtimeVersion` of an InferenceService in place of
the tag, and `-gpu` behind that of two of them where a pod asks for a GPU (`UpdateImageTag` in
pkg/controller/v1beta1/inferenceservice/utils, read on its main branch, where it leaves an image with a digest alone).
So these keep their tags alone.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.kubeflow.compiled import spelled_out
from infra.kubeflow.images import images, renamed
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

FOLDER = "locks"
DOCKER_HUB = "docker.io"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NEWEST = "latest"
_RUNTIMES = frozenset({"ClusterServingRuntime", "ServingRuntime"})
_WITH_GPU = ("/tensorflow/serving", "/pytorch/torchserve-kfs")
"""Images of serving runtimes that have a second one for GPUs."""

# Knative asks a registry itself which digest a tag has, with no credentials of a node's, unless it is among these.
_UNASKED = "registries-skipping-tag-resolving"
_UNASKED_BY_DEFAULT = "kind.local,ko.local,dev.local"


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
    """An image that must be in a repository of the stack's own: what it is copied from, and under which tag.

    `by_tag` says that some pod names it by its tag alone; for all others its digest is enough.
    """

    source: Reference
    repository: str
    tag: str
    by_tag: bool

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


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
        digest = self._digest(given) if given.tag else given.digest
        return str(Reference(registry=self.host, repository=self._repository(given), tag=given.tag, digest=digest))

    def source(self, image: str) -> Reference | None:
        """Where an image comes from that is called like this here; None for one that is not the seal's."""
        given = parse(image)
        if given.registry != self.host or not given.repository.startswith(f"{self.prefix}/"):
            return None
        short, _, repository = given.repository.removeprefix(f"{self.prefix}/").partition("/")
        registry = next((one for one, name in self.cached.items() if name == short), short.replace("_", ":"))
        return Reference(registry=registry, repository=repository, tag=given.tag, digest=given.digest)

    def tagged(self, images: Iterable[str]) -> list[str]:
        """Where those of images that are named as here come from that have a tag, so that a lock has their digests."""
        sources = [one for image in images if (one := self.source(image))]
        return sorted({str(replace(one, digest="")) for one in sources if one.tag})

    def unlocked(self, images: Iterable[str]) -> list[str]:
        """Where those of images that are named as here come from whose digest the lock does not have."""
        sources = [one for image in images if (one := self.source(image))]
        return sorted({str(one) for one in sources if one.tag and not one.digest} - self.digests.keys())

    def copies(self, images: Iterable[str]) -> list[Copy]:
        """What must be copied for images that are named as here, each once.

        An image without a tag is one that is tagged elsewhere, or the newest.
        """
        named = [
            one for image in sorted(set(images)) if (one := self.source(image)) and one.registry not in self.cached
        ]
        tagged = {one.name for one in named if one.tag}
        found: dict[tuple[str, str], Copy] = {}
        for one in named:
            if one.tag or one.digest or one.name not in tagged:
                tag = one.tag or one.digest.replace(":", "-") or _NEWEST
                before = found.get((one.name, tag))
                found[one.name, tag] = Copy(
                    source=replace(one, tag=tag if not one.digest else one.tag, digest=self._digest(one)),
                    repository=_repository(self.prefix, one.registry, one.repository),
                    tag=tag,
                    by_tag=not one.digest or (before is not None and before.by_tag),
                )
        return [found[key] for key in sorted(found)]

    def _digest(self, given: Reference) -> str:
        return given.digest or self.digests.get(str(given), "")

    def _repository(self, given: Reference) -> str:
        return _repository(self.prefix, self.cached.get(given.registry, given.registry), given.repository)


def _repository(prefix: str, registry: str, repository: str) -> str:
    """A port's colon is none of the characters that ECR takes, and a host has no underscore."""
    return f"{prefix}/{registry.replace(':', '_')}/{repository}"


def use_seal(objects: Iterable[Manifest], seal: Seal) -> list[Manifest]:
    """The objects with every image from the seal's registry, those too that a program knows by itself.

    Knative does not ask that registry for digests.
    """
    by_tag = replace(seal, digests={})
    return [
        _unasked(one, seal.host)
        for manifest in spelled_out(objects)
        for one in renamed([manifest], by_tag.name if manifest["kind"] in _RUNTIMES else seal.name)
    ]


def _unasked(manifest: Manifest, host: str) -> Manifest:
    if (manifest["kind"], manifest["metadata"]["name"]) != ("ConfigMap", "config-deployment"):
        return manifest
    data = manifest.get("data") or {}
    if host in (before := str(data.get(_UNASKED) or _UNASKED_BY_DEFAULT)).split(","):
        return manifest
    return {**manifest, "data": {**data, _UNASKED: f"{before},{host}"}}


def pulled(objects: Sequence[Manifest]) -> list[str]:
    """Every image that pods of these objects, and of what controllers make of them, pull."""
    found = list(images(objects))
    runtimes = images(one for one in objects if one["kind"] in _RUNTIMES)
    return [*found, *(f"{image}-gpu" for image in runtimes if f"/{parse(image).repository}".endswith(_WITH_GPU))]


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
    again = "delete it, and run `make images-lock` to have it written again."
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
