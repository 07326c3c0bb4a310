"""What the engine intends, one step a resource, recorded from its events."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pulumi.automation.events import EngineEvent, PolicyEvent, StepEventMetadata

from infra.kubeflow.earlier import UNJUDGED
from ops.policies import Judge
from ops.progress import Tracker

if TYPE_CHECKING:
    from policy import Violation

Op = Literal["replace", "delete", "update", "create", "same"]

# A replacement is told three times, as `replace`, `create-replacement` and `delete-replaced`; a resource whose provider
# goes away is `discard`ed or `remove-pending-replace`d without being touched.
_CHANGES: dict[str, Op] = {
    "replace": "replace",
    "delete": "delete",
    "update": "update",
    "create": "create",
    "import": "create",
    "same": "same",
}

# A provider that the engine made by itself. It leaves those out when it counts a run's changes (v3.259,
# sdk/go/common/providers/reference.go: IsDefaultProvider).
_DEFAULT_PROVIDER = re.compile(r"(?:::|\$)pulumi:providers:[^:$]+::default")

# The engine's colour marks, such as `<{%reset%}>`.
_MARKUP = re.compile(r"<\{%[^%]*%\}>")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource's step.

    `paths` are the properties that differ, such as `spec.template.spec.containers[0].image`; `causes` those among them
    that force a replacement. `old` and `new` are the inputs before and after, in which the engine writes `[secret]`
    for what is marked secret; what a Kubernetes Secret holds is not always marked. What is `retained` stays where it
    is when the stack deletes or replaces it.
    """

    urn: str
    type: str
    change: Op
    paths: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    was_protected: bool = False
    retained: bool = False

    @property
    def name(self) -> str:
        """The resource's name in the engine, the end of its URN."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass
class Recorder(Tracker):
    """A tracker that also keeps every step, and judges it by the policy rules.

    `judge` applies the rules here; `analyzed` is what a policy pack of the engine's own found.
    """

    judge: Judge | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    analyzed: "list[Violation]" = field(default_factory=list)

    @classmethod
    def after(cls, tracker: Tracker, judge: Judge) -> "Recorder":
        """One for the same command's next run of the engine."""
        return cls(console=tracker.console, expected=tracker.expected, left_out=tracker.left_out, judge=judge)

    def violations(self) -> "list[Violation]":
        """Every broken rule, told once."""
        found = self.judge.violations() if self.judge else []
        return found + [one for one in self.analyzed if one not in found]

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        super().__call__(event)
        if self.judge is not None:
            self.judge(event)
        if event.resource_pre_event is not None:
            metadata = event.resource_pre_event.metadata
            change = _CHANGES.get(metadata.op.value)
            if change is not None and not _DEFAULT_PROVIDER.search(metadata.urn):
                self.steps[metadata.urn] = _step(metadata, change)
        elif event.policy_event is not None:
            self.analyzed.append(_violation(event.policy_event))


def _step(metadata: StepEventMetadata, change: Op) -> Step:
    old, new = metadata.old, metadata.new
    return Step(
        urn=metadata.urn,
        type=metadata.type,
        change=change,
        paths=tuple(sorted(one for one in metadata.detailed_diff or metadata.diffs or () if UNJUDGED not in one)),
        causes=tuple(sorted(metadata.keys or ())),
        old=(old.inputs if old else None) or {},
        new=(new.inputs if new else None) or {},
        was_protected=bool(old and old.protect),
        retained=bool(old and old.retain_on_delete),
    )


def _violation(event: PolicyEvent) -> "Violation":
    from policy import Violation  # not above: rules that cannot be loaded are `ops.policies`'s to tell

    return Violation(
        rule=event.policy_name,
        level="mandatory" if event.enforcement_level == "mandatory" else "advisory",
        urn=event.resource_urn or "",
        message=_MARKUP.sub("", event.message).strip(),
    )
