"""The policy rules over a run of the engine: its events in, violations out."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi.automation.events import EngineEvent, OpType, StepEventStateMetadata
from rich.console import Console
from rich.table import Table

from ordering.errors import UserError

if TYPE_CHECKING:
    from policy import Rule, Violation

_GONE = {OpType.DELETE, OpType.DELETE_REPLACED, OpType.DISCARD, OpType.DISCARD_REPLACED}


@dataclass
class Judge:
    """Takes the engine's events; afterwards `violations` says what is wrong with the resources that will exist."""

    rules: "Sequence[Rule]"
    _resources: dict[str, StepEventStateMetadata] = field(default_factory=dict)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        if event.resource_pre_event is not None:
            metadata = event.resource_pre_event.metadata
            if metadata.new is not None and metadata.op not in _GONE:
                self._resources[metadata.urn] = metadata.new

    def violations(self) -> "list[Violation]":
        """What the rules find, those that stop a run first."""
        from policy import Resource, check, plain

        resources = [
            Resource(type=new.type, urn=urn, inputs=plain(new.inputs or {}), protect=bool(new.protect))
            for urn, new in self._resources.items()
        ]
        return sorted(check(resources, self.rules), key=lambda violation: violation.level != "mandatory")


def load() -> Judge:
    """The rules of policy/, ready for events; UserError when they cannot be loaded."""
    try:
        rules = importlib.import_module("policy").RULES
    except Exception as error:  # a broken rule can fail in any way, and people shall still get one sentence
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise UserError(
            f"The policy rules in policy/ cannot be loaded ({type(error).__name__}: {reason}); fix them, since "
            "nothing is deployed unchecked."
        ) from None
    return Judge(rules=rules)


def refuse(violations: "Sequence[Violation]") -> None:
    """UserError naming the violations that stop a run, if there is one."""
    mandatory = [violation for violation in violations if violation.level == "mandatory"]
    if mandatory:
        count = f"{len(mandatory)} policy rule{'s are' if len(mandatory) > 1 else ' is'} broken"
        raise UserError(f"{count}:" + "".join(f"\n  - {violation}" for violation in mandatory))


def print_violations(console: Console, violations: "Sequence[Violation]") -> None:
    """The violations as a table; nothing when there are none."""
    if not violations:
        return
    table = Table(title="Policy", title_justify="left", box=None, pad_edge=False)
    for column in ("level", "rule", "resource", "what"):
        table.add_column(column, overflow="fold")
    for violation in violations:
        table.add_row(violation.level, violation.rule, violation.urn.split("::", 3)[3], violation.message)
    console.print()
    console.print(table)
