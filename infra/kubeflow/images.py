"""Every image that a release names, in pod templates and elsewhere: a cluster that must pull from one place needs all.

What controllers start later is named in ConfigMaps, arguments, environment variables and custom resources. There an
image is the value of a field whose name ends in `image`, or a text that looks like one; a text that is YAML or JSON is
read as such. Istio's injector puts its image together from a hub, a name and a tag. What `_example` of a ConfigMap says
is for people to read (knative.dev/pkg, configmap/parse.go), and pulled by nobody.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ordering.manifests.objects import Manifest, title

# A reference with a repository of two parts at least, and a tag or a digest (distribution/reference v0.6.0).
_REFERENCE = re.compile(
    r"(?<![\w./:@-])((?:[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64}))(?![\w/:@])"
)
# Where releases keep their images: a text that begins with one of these is an image's name, with a tag or without.
REGISTRIES = (
    *("docker.io", "gcr.io", "ghcr.io", "mcr.microsoft.com", "nvcr.io", "public.ecr.aws", "quay.io", "registry.k8s.io"),
)
_HOSTS = "|".join([*map(re.escape, REGISTRIES), r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"])
_HOSTED = re.compile(rf"(?<![\w./:@-])((?:{_HOSTS})(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)(?![\w/:@]|[.-]\w)")
# In a text that is a template of YAML, and so no YAML yet.
_LINE = re.compile(r"^\s*(?:- )?image:\s*[\"']?([a-z0-9][\w.:/@-]*)[\"']?\s*$", re.ASCII | re.MULTILINE)
_NAMED = re.compile(r"[a-z0-9][\w.:/@-]*", re.ASCII)
_EXAMPLE = "_example"
_DEEPEST = 4
"""Texts within texts that are read: a ConfigMap's YAML may hold a template's."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """One place where an image is named: the object, the field in it, and whether that is a container of its pods."""

    image: str
    object: str
    field: str
    in_template: bool


def images(objects: Iterable[Manifest]) -> dict[str, list[Named]]:
    """All images by name, each with the places that name it."""
    found: dict[str, list[Named]] = {}
    for manifest in objects:
        if manifest["kind"] == "CustomResourceDefinition":
            continue
        seen = set()
        for one in _walk({key: value for key, value in manifest.items() if key != "metadata"}, ""):
            if one.image and (one.image, one.field) not in seen:
                seen.add((one.image, one.field))
                place = Named(
                    image=one.image,
                    object=title(manifest),
                    field=one.field,
                    in_template=_is_container(manifest, one.field),
                )
                found.setdefault(one.image, []).append(place)
    return dict(sorted(found.items()))


def renamed(objects: Iterable[Manifest], rename: Callable[[str], str]) -> list[Manifest]:
    """The objects with each image named as `rename` says, wherever `images` finds it, and nothing else changed.

    `rename` is asked for hubs, too, which are the beginning of an image's name.
    """
    return [
        manifest
        if manifest["kind"] == "CustomResourceDefinition"
        else {key: value if key == "metadata" else _renamed(value, rename) for key, value in manifest.items()}
        for manifest in objects
    ]


_WORKLOADS = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"})


def _is_container(manifest: Manifest, field: str) -> bool:
    return manifest["kind"] in _WORKLOADS and re.search(r"ontainers\[\d+\]\.image$", field) is not None


@dataclass(frozen=True)
class _Found:
    """An image in a field, and the text there that names it: for one that is put together its hub.

    A hub by itself names no image.
    """

    image: str
    text: str
    field: str


def _walk(value: Any, field: str, depth: int = 0) -> Iterator[_Found]:
    if isinstance(value, Mapping):
        if proxy := _injected(value):
            yield _Found(proxy, value["global"]["hub"], f"{field}.global")
        if _variable(value):
            yield _Found(value["value"], value["value"], f"{field}.value")
        for key, one in value.items():
            inner = f"{field}.{key}" if field else str(key)
            if key == _EXAMPLE:
                continue
            if depth and isinstance(key, str):
                # A program's text may be YAML by chance, and its first line a key.
                yield from _in_text(key, field, _DEEPEST)
            if _is_image(key, one):
                yield _Found(one, one, inner)
            elif _is_hub(key, one):
                yield _Found("", one, inner)
            else:
                yield from _walk(one, inner, depth)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _walk(one, f"{field}[{index}]", depth)
    elif isinstance(value, str):
        yield from _in_text(value, field, depth)


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: one
            if key == _EXAMPLE
            else rename(one)
            if _is_image(key, one) or _is_hub(key, one) or (key == "value" and _variable(value))
            else _renamed(one, rename)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_renamed(one, rename) for one in value]
    if not isinstance(value, str) or not (named := {one.text for one in _in_text(value, "", 0)}):
        return value
    # As it is written, for a text that is parsed and written again loses its comments and its order.
    longest_first = "|".join(map(re.escape, sorted(named, key=len, reverse=True)))
    return re.sub(rf"(?<![\w./:@-])(?:{longest_first})(?![\w/:@]|[.-]\w)", lambda match: rename(match[0]), value)


def _in_text(text: str, field: str, depth: int) -> Iterator[_Found]:
    if "\n" in text or text.lstrip().startswith("{"):
        inner = _parsed(text) if depth < _DEEPEST else None
        if isinstance(inner, (dict, list)):
            yield from _walk(inner, field, depth + 1)
            return
        for match in _LINE.finditer(text):
            if _is_name(match[1]):
                yield _Found(match[1], match[1], field)
    for match in _REFERENCE.finditer(text):
        if _is_reference(match[1]):
            yield _Found(match[1], match[1], field)
    for match in _HOSTED.finditer(text):
        yield _Found(match[1], match[1], field)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _is_reference(text: str) -> bool:
    """Whether a text is an image and not an address, a time or a port: it has a path, and a host's port is no tag."""
    name, _, tag = text.partition("@")[0].rpartition(":")
    return "/" in text and ("@" in text or ("/" in name and not tag.isdigit()) or "." in tag)


def _injected(values: Mapping[str, Any]) -> str | None:
    """The sidecar that Istio's injector adds, of the values that it is configured with."""
    settings = values.get("global")
    if not isinstance(settings, Mapping) or not isinstance(settings.get("proxy"), Mapping):
        return None
    hub, tag, image = settings.get("hub"), settings.get("tag"), settings["proxy"].get("image")
    return f"{hub}/{'proxyv2' if image == 'auto' else image}:{tag}" if hub and tag and image else None


def _variable(value: Mapping[str, Any]) -> bool:
    """Whether it is an environment variable that says by its name that it is an image."""
    return str(value.get("name", "")).endswith(("_IMAGE", "_IMAGE_NAME")) and _is_name(value.get("value"))


def _is_name(value: Any) -> bool:
    """Whether a text may be an image's name, with or without a tag."""
    return isinstance(value, str) and _NAMED.fullmatch(value) is not None and (":" in value or "/" in value)


def _is_image(key: Any, value: Any) -> bool:
    return str(key).lower().endswith("image") and _is_name(value)


def _is_hub(key: Any, value: Any) -> bool:
    """Whether it is the registry, and maybe a path there, before the name of every image of Istio's."""
    return key == "hub" and _is_name(value) and "." in value.partition("/")[0]
