"""How a stand-in keeps one resource type: a row of its table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.providers.values import Properties


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a row's function is called with.

    `session` is what Configure made (for aws: clients), `inputs` the properties wanted, `old` the inputs before,
    `state` the outputs before, `log` a way to tell the person who runs the engine something.
    """

    session: Any
    urn: str
    name: str
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    old: Properties = field(default_factory=dict)
    state: Properties = field(default_factory=dict)
    log: Callable[[str], None] = lambda _: None

    def changed(self, *names: str) -> bool:
        """Whether any of these inputs differs from before."""
        return any(self.inputs.get(name) != self.old.get(name) for name in names)


@dataclass(frozen=True, kw_only=True)
class Autoname:
    """The property that gets `NAME-` and seven random hex digits when the program leaves it out."""

    property: str = "name"
    prefix_property: str = "namePrefix"
    longest: int = 255
    lower: bool = False
    before: str = ""


def _nothing(_: Call) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One resource type.

    `create` makes it and returns its id (with outputs that no cloud keeps, when there are such, for `read` to find in
    `state`); `setup` brings what the creation cannot say up to `inputs` and runs after
    `create` and at each update; `read` gives its outputs, or None when it is gone; `delete` may raise the cloud's
    not-found error. `replaces` names the inputs (dotted below the first level) whose change makes a new resource.
    `computed` names inputs that the cloud chooses when they are left out, `volatile` outputs that each update
    changes. `documents` hold JSON (objects are written as text), `unordered` are sets.
    """

    token: str
    create: Callable[[Call], str | tuple[str, Properties]]
    read: Callable[[Call], Properties | None]
    delete: Callable[[Call], None] = _nothing
    setup: Callable[[Call], None] = _nothing
    retag: Callable[[Call, list[str], dict[str, str]], None] | None = None
    check: Callable[[Properties], None] = lambda _: None
    replaces: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    autoname: Autoname | None = None
    delete_before_replace: bool = False


def names(text: str) -> frozenset[str]:
    """A set of names from words."""
    return frozenset(text.split())
