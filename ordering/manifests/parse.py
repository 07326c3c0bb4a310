"""YAML text to Kubernetes objects; every error names the file, the line and, where there is one, the object."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml._yaml import CParser

from ordering.errors import UserError
from ordering.manifests.objects import Manifest, group_of, title

# kustomize keeps these objects to itself and never emits them.
LOCAL_CONFIG = "config.kubernetes.io/local-config"


# Levels in one document, and values in one file. A release has 20 and 420,000.
DEEPEST = 300
LARGEST = 5_000_000


class _Loader(yaml.CSafeLoader):
    """Scalars as the API server's clients read them.

    PyYAML follows YAML 1.1 to the letter: `2012-10-17` becomes a date and `22:22` becomes 1342, which Go's decoders
    leave as text; and `1e3` stays text, which they read as a number.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("bool", "null", "merge")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)$"),
    list("-+0123456789."),
)


class _EngineLoader(_Loader):
    """Scalars as the engine reads them (yaml.v3 of Go), to which `yes` and `on` are text."""


_EngineLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] != "bool"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_EngineLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class Document:
    """One YAML document, and where it starts: `FILE:LINE`."""

    content: Any
    place: str


def documents(file: Path, loader: type[_Loader] = _Loader) -> Iterator[Document]:
    """The documents of a YAML file; UserError with file and line where it is not YAML."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    return parse(data, str(file), loader)


def single(file: Path) -> Any:
    """The only document of a file that the engine reads, None where it is empty; UserError where it has another."""
    return only(documents(file, _EngineLoader), str(file))


def only(docs: Iterable[Document], name: str) -> Any:
    """The only one of some documents, or None; UserError where there is another."""
    found = list(docs)
    if len(found) > 1:
        raise UserError(f"{found[1].place}: {name} has more than one document; remove what begins there.")
    return found[0].content if found else None


def parse(data: bytes, name: str, kind: type[_Loader] = _Loader) -> Iterator[Document]:
    """The documents of YAML text that are not empty; `name` is what messages call it."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}:{line} is not YAML: it is not UTF-8 text.") from None
    loader: Any = None
    try:
        _check_bounds(text, name)
        loader = kind(text)
        while loader.check_node():
            node = loader.get_node()
            content = loader.construct_document(node)
            if content is not None:
                yield Document(content, f"{name}:{node.start_mark.line + 1}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise UserError(f"{place} is not YAML: {error.problem or error.context}.") from None
    except ValueError as error:
        # A number of thousands of digits, or a date that no calendar has.
        raise UserError(f"{name} has a value that cannot be read: {str(error).partition(';')[0]}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{name}:{line} is not YAML: {error.reason}.") from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_bounds(text: str, name: str) -> None:
    """UserError for text that would crash the parser or fill the memory.

    That is one that nests too deep, for libyaml's composer recurses at each level, and one that is too large once its
    aliases are spelt out: a few lines of aliases of aliases have any size. Events nest nothing.
    """
    parser = CParser(text)
    sizes: dict[str, int] = {}
    # Of each collection that is open, its anchor and its nodes so far; the first stands for the file.
    open_: list[tuple[str | None, int]] = [(None, 0)]
    try:
        while parser.check_event():
            event: Any = parser.get_event()
            anchor, size = getattr(event, "anchor", None), 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((anchor, 1))
                if len(open_) > DEEPEST:
                    raise UserError(f"{_place(name, event)} nests more than {DEEPEST} levels: flatten it.")
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                anchor, size = open_.pop()
            elif isinstance(event, yaml.AliasEvent):
                if any(anchor == outer for outer, _ in open_):
                    raise UserError(f"{_place(name, event)}: the alias *{anchor} stands inside of what it means.")
                anchor, size = None, sizes.get(str(event.anchor), 1)
            elif not isinstance(event, yaml.ScalarEvent):
                continue
            if anchor is not None:
                sizes[anchor] = size
            outer, nodes = open_[-1]
            open_[-1] = (outer, nodes + size)
            if nodes + size > LARGEST:
                what = f"more than {LARGEST:,} values once its aliases are spelt out"
                raise UserError(f"{_place(name, event)} has {what}: split it.")
    finally:
        parser.dispose()


def _place(name: str, event: Any) -> str:
    return f"{name}:{event.start_mark.line + 1}"


def objects(docs: Iterable[Document]) -> Iterator[tuple[Manifest, str]]:
    """The Kubernetes objects of some documents and their places, with lists expanded; UserError for what is none."""
    for doc in docs:
        for manifest in _expand(doc.content, doc.place):
            _check(manifest, doc.place)
            annotations = manifest["metadata"].get("annotations") or {}
            if str(annotations.get(LOCAL_CONFIG)).lower() != "true":
                yield manifest, doc.place


def unique(found: Iterable[tuple[Manifest, str]]) -> list[Manifest]:
    """The objects alone; UserError when one stands there twice, in whatever version."""
    result: list[Manifest] = []
    places: dict[tuple[str, str, str, str], str] = {}
    for manifest, place in found:
        metadata = manifest["metadata"]
        identity = (group_of(manifest), manifest["kind"], metadata.get("namespace") or "", metadata["name"])
        if identity in places:
            raise UserError(f"{title(manifest)} appears twice, at {places[identity]} and at {place}: keep one of them.")
        places[identity] = place
        result.append(manifest)
    return result


def _expand(content: Any, place: str) -> Iterator[Any]:
    """An object itself, or the items of a `List` or `…List`, which may leave out what the list's kind already says."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or not kind.endswith("List") or not isinstance(content.get("items", []), list):
        yield content
        return
    if isinstance(content.get("metadata"), dict) and content["metadata"].get("name"):
        yield content
        return
    defaults = {} if kind == "List" else {"apiVersion": content.get("apiVersion"), "kind": kind.removesuffix("List")}
    for item in content.get("items", []):
        if not isinstance(item, dict):
            raise UserError(f"{place}: the {kind} has an item that is {_shape(item)}, not an object.")
        yield from _expand({**defaults, **item}, place)


def _check(manifest: Any, place: str) -> None:
    if not isinstance(manifest, dict):
        raise UserError(f"{place}: expected a Kubernetes object, found {_shape(manifest)}.")
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


def _shape(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "text" if isinstance(value, str) else repr(value)
