"""YAML text to values by kustomize's rules; every error names the file and the line.

kustomize 5.8 cuts a file at its lines of `---`, reads the first document of each piece and refuses a key that stands
twice (kyaml 0.21.1, `kio/byteio_reader.go` and `yaml/rnode.go`). Here, too, but for what it loses without a word: the
text after a `...`, and of an annotation that stands twice the first.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml._yaml import CParser

from ordering.errors import UserError
from ordering.manifests.scalars import STR, plain, refolded, tagged

# Levels in one document, and values in one file. A release has 20 and 420,000.
DEEPEST = 300
LARGEST = 5_000_000

_BREAK = re.compile(r"\n---(.*)\n")


class Spellings:
    """How the values of mappings are written in the file, where they are no text."""

    def __init__(self) -> None:
        # The mapping is kept with the text: the `id` of one that is gone may be another's.
        self._found: dict[tuple[int, str], tuple[dict[str, Any], str]] = {}

    def note(self, mapping: dict[str, Any], key: str, text: str) -> None:
        """Remember what stands in the file for a value."""
        self._found[id(mapping), key] = (mapping, text)

    def of(self, mapping: dict[str, Any], key: str) -> str | None:
        """What stands in the file for a value, if that is not text."""
        found = self._found.get((id(mapping), key))
        return found and found[1]


@dataclass(frozen=True)
class Document:
    """One YAML document, and where it starts: `FILE:LINE`.

    Keys are texts. `odd` says where below the first level one stands that YAML takes for something else, `spelt` how
    values that are no text are written. `alone` says that no `---` parts the file.
    """

    content: Any
    place: str
    odd: str
    spelt: "Spellings"
    alone: bool


def documents(file: Path) -> Iterator[Document]:
    """The documents of a YAML file; UserError with file and line where it is not YAML."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    return parse(data, str(file))


def single(file: Path) -> Any:
    """The only document of a file, None where it is empty; UserError where it has another."""
    return only(documents(file), str(file))


def only(docs: Iterable[Document], name: str) -> Any:
    """The only one of some documents, or None; UserError where there is another."""
    found = list(docs)
    if len(found) > 1:
        raise UserError(f"{found[1].place}: {name} has more than one document; remove what begins there.")
    return found[0].content if found else None


def parse(data: bytes, name: str) -> Iterator[Document]:
    """The documents of YAML text that are not empty; `name` is what messages call it."""
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}:{line} is not YAML: it is not UTF-8 text.") from None
    breaks = list(_BREAK.finditer(text))
    ends = [(match.start() + 1, match.end()) for match in breaks]
    first, budget = 1, LARGEST
    for start, (end, after) in zip([0, *(after for _, after in ends)], [*ends, (len(text), len(text))], strict=True):
        reader = _Reader(text[start:end], name, first, budget)
        first += text.count("\n", start, after)
        if end != after and (rest := text[end + 3 : after].strip()) and not rest.startswith("#"):
            raise UserError(f"{name}:{first - 1} is not YAML that kustomize reads: move {rest!r} to a line of its own.")
        yield from reader.document(alone=not breaks)
        budget -= reader.size


@dataclass(frozen=True, slots=True)
class _Node:
    """A value, and how many values it holds; of a scalar how it is written, and whether YAML takes it for text."""

    value: Any
    size: int = 1
    text: str | None = None
    is_text: bool = False


class _List:
    """A list of which the end is yet to come."""

    __slots__ = ("anchor", "flow", "size", "value")
    wants_key = False

    def __init__(self, anchor: str | None, flow: bool) -> None:
        self.anchor, self.flow, self.size = anchor, flow, 1
        self.value: list[Any] = []


class _Mapping:
    """A mapping of which the end is yet to come; `merges` is what stands after its `<<`."""

    __slots__ = ("anchor", "flow", "key", "lines", "merges", "merging", "size", "value", "wants_key")

    def __init__(self, anchor: str | None, flow: bool) -> None:
        self.anchor, self.flow, self.size = anchor, flow, 1
        self.value: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        self.key = ""
        self.wants_key = True
        self.merging = False
        self.merges: list[dict[str, Any]] | None = None


class _Reader:
    """One piece of a file, read event by event: a parser that composes nodes recurses at each level, and may crash."""

    def __init__(self, text: str, name: str, first: int, budget: int) -> None:
        self._text, self._name, self._first = text, name, first
        self._budget = budget
        self.size = 0
        self._odd = ""
        self._spelt = Spellings()
        # What is yet to be closed stands here, too: an anchor means what last began with its name.
        self._anchors: dict[str, _Node | _List | _Mapping] = {}
        self._stack: list[_List | _Mapping] = []

    def document(self, alone: bool) -> Iterator[Document]:
        """The one document, unless it is empty; UserError where it is not YAML, or another follows."""
        parser = CParser(self._text)
        found: Document | None = None
        try:
            while parser.check_event():
                if not isinstance(parser.get_event(), yaml.DocumentStartEvent):
                    continue
                content, line = self._root(parser)
                if content is None:
                    continue
                if found is not None:
                    raise UserError(f"{self._at(line)}: a document begins on the line of its `---`: put it below.")
                found = Document(content, self._at(line), self._odd, self._spelt, alone)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = self._at(mark.line) if mark else self._name
            raise UserError(f"{place} is not YAML: {error.problem or error.context}.") from None
        except yaml.reader.ReaderError as error:
            line = self._text.encode().count(b"\n", 0, error.position)
            raise UserError(f"{self._at(line)} is not YAML: {error.reason}.") from None
        finally:
            parser.dispose()
        if found is not None:
            yield found

    def _at(self, line: int) -> str:
        return f"{self._name}:{self._first + line}"

    def _root(self, parser: Any) -> tuple[Any, int]:
        """The value of the document whose start has just been read, and the line of its first node."""
        top = _List(None, False)
        self._stack = [top]
        start = -1
        while True:
            event = parser.get_event()
            kind = type(event)
            line = event.start_mark.line
            start = line if start < 0 else start
            if kind is yaml.ScalarEvent:
                node = self._scalar(event, line)
                if event.anchor is not None:
                    self._anchors[event.anchor] = node
                self._put(node, line, merge=node.text == "<<" and not event.style and event.tag is None)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, line)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                closed = self._stack.pop()
                if isinstance(closed, _Mapping) and closed.merges:
                    self._merge(closed.value, closed.merges)
                node = _Node(closed.value, closed.size)
                if closed.anchor is not None and self._anchors[closed.anchor] is closed:
                    self._anchors[closed.anchor] = node
                self._put(node, line)
            elif kind is yaml.AliasEvent:
                self._put(self._meant(event.anchor, line), line, alias=True)
            else:
                self.size += top.size
                return top.value[0], start

    def _open(self, event: Any, line: int) -> None:
        above = self._stack[-1]
        if above.wants_key:
            raise UserError(f"{self._at(line)}: a mapping or a list stands here as a key, which JSON has not: name it.")
        kind = _Mapping if type(event) is yaml.MappingStartEvent else _List
        opened = kind(event.anchor, above.flow or bool(event.flow_style))
        self._stack.append(opened)
        if opened.anchor is not None:
            self._anchors[opened.anchor] = opened
        if len(self._stack) > DEEPEST:
            raise UserError(f"{self._at(line)} nests more than {DEEPEST} levels: flatten it.")

    def _scalar(self, event: Any, line: int) -> _Node:
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            if event.style:
                return _Node(refolded(text) if event.style == ">" else text, 1, text, True)
            value = plain(text)
            return _Node(value, 1, text, value is text)
        try:
            return _Node(tagged(tag, text), 1, text, tag == STR)
        except ValueError as error:
            raise UserError(f"{self._at(line)} is not YAML: {text!r} {error}, as its tag says.") from None

    def _meant(self, anchor: str, line: int) -> _Node:
        meant = self._anchors.get(anchor)
        if meant is None:
            raise UserError(f"{self._at(line)} is not YAML: nothing above is called &{anchor}.")
        if not isinstance(meant, _Node):
            raise UserError(f"{self._at(line)}: the alias *{anchor} stands inside of what it means.")
        return meant

    def _put(self, node: _Node, line: int, merge: bool = False, alias: bool = False) -> None:
        """Add a node to the collection that is open, as the key or as the value that comes next in it."""
        open_ = self._stack[-1]
        open_.size += node.size
        if open_.size > self._budget:
            what = f"more than {LARGEST:,} values once its aliases are spelt out"
            raise UserError(f"{self._at(line)} has {what}: split it.")
        value, changed = node.value, node.text is not None and node.value is not node.text
        if changed and open_.flow and isinstance(value, str) and (":" in str(node.text) or "\n" in value):
            # kustomize prints the text once more in between: within brackets, such a one in quotes.
            value = node.text
        if isinstance(open_, _List):
            open_.value.append(value)
        elif open_.wants_key:
            self._key(open_, node, line, merge)
        else:
            open_.wants_key = True
            if open_.merging:
                open_.merging = False
                open_.merges = self._mergeable(node.value, line, alias)
                return
            open_.value[open_.key] = value
            if changed:
                self._spelt.note(open_.value, open_.key, str(node.text))

    def _key(self, open_: _Mapping, node: _Node, line: int, merge: bool) -> None:
        if node.text is None:
            raise UserError(f"{self._at(line)}: a mapping or a list stands here as a key, which JSON has not: name it.")
        key = node.text
        if (first := open_.lines.get(key)) is not None:
            where = f"first in line {self._first + first}"
            raise UserError(f"{self._at(line)}: the key {key!r} stands twice, {where}: keep one of them.")
        open_.lines[key] = line
        open_.key, open_.merging, open_.wants_key = key, merge, False
        # The first level stands inside the list that holds the root.
        if not node.is_text and not merge and len(self._stack) > 2 and not self._odd:
            self._odd = f"{self._at(line)}: the key {key} is not text: put it in quotes"

    def _mergeable(self, value: Any, line: int, alias: bool) -> list[dict[str, Any]]:
        """The mappings that stand after a `<<`, the one that wins last; an alias means one of them, never a list."""
        sources = value if isinstance(value, list) and not alias else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise UserError(f"{self._at(line)}: `<<` takes a mapping or a list of mappings: {shape(value)} is neither.")
        return sources[::-1]

    def _merge(self, target: dict[str, Any], sources: list[dict[str, Any]]) -> None:
        """Give a mapping what the others have and it has not."""
        merged = {key: (source, value) for source in sources for key, value in source.items() if key not in target}
        for key, (source, value) in merged.items():
            target[key] = value
            if (text := self._spelt.of(source, key)) is not None:
                self._spelt.note(target, key, text)


def shape(value: Any) -> str:
    """What messages call a value that is not what it should be."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "text" if isinstance(value, str) else repr(value)
