"""Kubernetes objects out of YAML documents, as kustomize 5.8 takes them: lists expanded, annotations made texts.

Refused on top is what no API server would accept, or what kustomize would lose: an object without an apiVersion, of a
name that is no text, a second one in another version, an annotation that is a mapping.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ordering.errors import UserError
from ordering.manifests.objects import Manifest, group_of, title
from ordering.manifests.parse import Document, Spellings, shape

# kustomize keeps an object with this annotation to itself, unless it says false (`DropLocalNodes` in api 0.21.1).
LOCAL_CONFIG = "config.kubernetes.io/local-config"
# What kustomize notes while it builds and removes at the end (`BuildAnnotations` in api 0.21.1, resource/resource.go).
_NOTES = frozenset(
    {
        *("config.kubernetes.io/index", "config.kubernetes.io/path", "config.kubernetes.io/origin"),
        *("config.k8s.io/id", "alpha.config.kubernetes.io/transformations"),
    }
)
_NOTES_UNDER = "internal.config.kubernetes.io/"


def objects(docs: Iterable[Document]) -> Iterator[tuple[Manifest, str]]:
    """The Kubernetes objects of some documents and their places; UserError for what is none."""
    for doc in docs:
        for manifest, spelt in _expand(doc.content, doc, doc.spelt):
            _check(manifest, doc.place)
            if doc.odd:
                raise UserError(f"{doc.odd} ({title(manifest)}).")
            annotations = _annotations(manifest, doc.place, spelt)
            if annotations.get(LOCAL_CONFIG, "false") != "false":
                continue
            metadata = {key: value for key, value in manifest["metadata"].items() if key != "annotations"}
            kept = {key: text for key, text in annotations.items() if not _is_note(key)}
            yield {**manifest, "metadata": {**metadata, "annotations": kept} if kept else metadata}, doc.place


def unique(found: Iterable[tuple[Manifest, str]]) -> list[Manifest]:
    """The objects alone; UserError when one stands there twice, in whatever version."""
    result: list[Manifest] = []
    places: dict[tuple[str, str, str, str], str] = {}
    for manifest, place in found:
        metadata = manifest["metadata"]
        identity = (group_of(manifest), manifest["kind"], metadata.get("namespace") or "default", metadata["name"])
        if identity in places:
            raise UserError(f"{title(manifest)} appears twice, at {places[identity]} and at {place}: keep one of them.")
        places[identity] = place
        result.append(manifest)
    return result


def _expand(content: Any, doc: Document, spelt: Spellings | None) -> Iterator[tuple[Any, Spellings | None]]:
    """An object, or those of a list, and how their values are spelt, where that outlives the reading.

    kustomize takes the items of a `List` that has its file for itself as they stand, and those of other lists by way of
    JSON, in which `0x10` is 16.
    """
    if content in (None, {}, []):
        return
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or not kind.endswith("List") or ("items" not in content and kind != "List"):
        yield content, spelt
        return
    items = content.get("items")
    if not isinstance(items, list | None):
        raise UserError(f"{doc.place}: the items of the {kind} are {shape(items)}, and must be a list.")
    for item in items or ():
        if not isinstance(item, dict | list | None):
            raise UserError(f"{doc.place}: the {kind} has an item that is {shape(item)}, not an object.")
        yield from _expand(item, doc, spelt if kind == "List" and doc.alone else None)


def _check(manifest: Any, place: str) -> None:
    if not isinstance(manifest, dict):
        raise UserError(f"{place}: expected a Kubernetes object, found {shape(manifest)}.")
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    fields = {"apiVersion": manifest.get("apiVersion"), "kind": manifest.get("kind"), "metadata.name": name}
    for field, value in fields.items():
        if isinstance(value, str) and value:
            continue
        known = " ".join(str(v) for v in (manifest.get("kind"), name) if v)
        which = f"the object {known}" if known else "an object"
        fault = f"has no {field}" if value in (None, "") else f"has {value!r} as its {field}, which must be text"
        raise UserError(f"{place}: {which} {fault}: give it one.")


def _annotations(manifest: Manifest, place: str, spelt: Spellings | None) -> dict[str, str]:
    """The annotations with values as texts: what is no text in YAML as it is written there (`port: 0x10`)."""
    annotations = manifest["metadata"].get("annotations")
    if annotations is None or annotations == {}:
        return {}
    if not isinstance(annotations, dict):
        raise UserError(f"{place}: the annotations of {title(manifest)} are {shape(annotations)}, not a mapping.")
    texts = {}
    for key, value in annotations.items():
        if isinstance(value, dict | list):
            raise UserError(f"{place}: the annotation {key} of {title(manifest)} is {shape(value)}: put it in quotes.")
        text = spelt.of(annotations, key) if spelt else None
        texts[key] = text if text is not None else value if isinstance(value, str) else json.dumps(value)
    return texts


def _is_note(annotation: str) -> bool:
    return annotation in _NOTES or annotation.startswith(_NOTES_UNDER)
