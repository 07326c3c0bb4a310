"""A preview as the text of a pull request's comment: pure, from recorded steps to Markdown."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from ops.changes import Change, Class, Live, classify, counts
from ops.steps import Op, Step

if TYPE_CHECKING:
    from ops.drift import Drift
    from policy import Violation

LONGEST = 60_000
"""Characters of a comment: GitHub allows 65,536, and other stacks' previews may share it."""

_ROWS = (200, 80, 30, 10, 3)
"""Rows of a table, tried in turn until the comment is short enough."""

_PATHS, _PATH_LENGTH, _VALUE_LENGTH, _NAME_LENGTH, _MESSAGE_LENGTH = 4, 90, 60, 140, 300

# Values are shown of these properties alone, for no list of names that sound secret is ever complete.
_SHOWN = frozenset(
    {
        "addonVersion",
        "amiType",
        "availabilityZone",
        "cidrBlock",
        "cpu",
        "desiredSize",
        "diskSize",
        "image",
        "instanceType",
        "instanceTypes",
        "maxSize",
        "memory",
        "minSize",
        "replicas",
        "retentionInDays",
        "storage",
        "storageClassName",
        "supportType",
        "version",
        "volumeSize",
    }
)
# What these hold is shown of no property.
_CLOSED = ("kubernetes:core/v1:Secret", "kubernetes:core/v1:ConfigMap", "random:")
# The engine's words, and the SDK's sentinel, for what it hides or does not know yet.
_HIDDEN = re.compile(r"\[secret\]|\[unknown\]|04da6b54-80e4-46f7-96ec-b56ff0331ba9")
_SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')

_MISSING = object()

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """What one line of the monthly bill was and will be, in USD."""

    name: str
    before: float
    after: float


def markdown(
    stack: str,
    steps: Iterable[Step],
    *,
    components: Mapping[tuple[str, str], str],
    costs: Sequence[CostLine] | None = None,
    no_costs: str = "",
    violations: "Sequence[Violation] | None" = None,
    existing: Sequence[str] = (),
    live: Live | None = None,
    notices: Sequence[str] = (),
) -> str:
    """The comment: counts, what it leaves out, what is lost, replaced or deleted, what restarts or moves, cost,
    policies, AWS, Kubernetes.

    `components` names the part of the platform of a Kubernetes object, by its type and name in the engine; Kubernetes
    is told by these. `costs` and `violations` are None where nobody looked; `no_costs` says why there is no price, or
    what it leaves out. `existing` tells what would be made and is in the cluster already, `live` what people have there
    that would go, `notices` are sentences. The text has at most `LONGEST` characters, and no value of anything secret.
    """
    changes = classify(steps, live or {})
    ordered = sorted(steps, key=lambda step: (get_args(Op).index(step.change), step.type, step.name))
    for rows in _ROWS:
        parts = [
            _counts(stack, ordered),
            "\n\n".join(f"> {_plain(notice)}" for notice in notices),
            _classes(changes),
            _dangerous(changes, rows),
            _named(changes, rows),
            _existing(existing, rows),
            _cost(costs, no_costs),
            _policies(violations, rows),
            _others(ordered, rows),
            _kubernetes(ordered, components, rows),
        ]
        text = "\n\n".join(part for part in parts if part) + "\n"
        if len(text) <= LONGEST:
            return text
    return text[: LONGEST - 2] + "…\n"


def failure(stack: str, message: str) -> str:
    """The comment for a preview that failed, with what it said."""
    fence = "````"  # what a message quotes does not end it
    return f"## Preview of `{_plain(stack)}` failed\n\n{fence}text\n{_short(message, LONGEST - 200)}\n{fence}\n"


def drift(stack: str, found: "Drift") -> str:
    """What is not as a stack says, as the text of an issue: no values, only which fields, whose, and since when."""
    rows = [
        (one, told) for one in found.found for told in ([(f.path, f.by, f.since) for f in one.fields] or [("", "", "")])
    ]
    count = len(found.found)
    head = f"## Drift of `{stack}`: {count} resource{'' if count == 1 else 's'} not as the stack says"
    unseen = "\n".join(f"- Not looked at: {_plain(one)}" for one in found.unseen)
    after = f"`make up STACK={stack}` puts it right." if found.found else ""
    for shown in _ROWS:
        table = _table(
            ("resource", "what", "field", "by", "since"),
            rows,
            shown,
            lambda row: (
                _code(row[0].title),
                row[0].change,
                *(_code(one) for one in row[1]),
            ),
        )
        text = "\n\n".join(part for part in (head, table, unseen, after) if part)
        if len(text) <= LONGEST:
            break
    return text


def _counts(stack: str, steps: Sequence[Step]) -> str:
    counted = Counter(step.change for step in steps)
    told = [f"{counted[change]} to {change}" for change in ("replace", "delete", "update", "create") if counted[change]]
    return f"## Preview of `{_plain(stack)}`: {', '.join(told) or 'no changes'}, {counted['same']} unchanged"


def _classes(changes: Sequence[Change]) -> str:
    told = ", ".join(f"{count} {kind}" for kind, count in counts(changes).items())
    return f"By class: {told}" if told else ""


def _dangerous(changes: Sequence[Change], rows: int) -> str:
    found = [one for one in changes if one.step.change in ("replace", "delete")]
    found += [one for one in changes if one.kind == "data" and one not in found]
    if not found:
        return ""
    table = _table(("", "Resource", "Type", "Because of", "Lost, or stops meanwhile"), found, rows, _dangerous_row)
    return f"### Replaced or deleted\n\n{table}"


def _dangerous_row(one: Change) -> tuple[str, ...]:
    step = one.step
    why = _differences(step, step.causes or step.paths) if step.change == "replace" else ""
    if step.was_protected:
        why = f"it is protected, so `up` will refuse; {why}".rstrip("; ")
    lost = f"**lost: {_plain(one.data)}**" if one.data else _plain(one.stops)
    return f"**{one.kind}**", _code(step.name), _code(step.type), why, lost


def _named(changes: Sequence[Change], rows: int) -> str:
    """What restarts or moves, by name."""
    shown: tuple[Class, ...] = ("restarted", "moved")
    found = [one for one in changes if one.kind in shown]
    table = _table(("", "Object", "Why"), found, rows, lambda one: (one.kind, _code(one.name), _plain(one.why)))
    return f"### Restarted or moved\n\n{table}" if table else ""


def _existing(existing: Sequence[str], rows: int) -> str:
    if not existing:
        return ""
    table = _table(("Object",), existing, rows, lambda one: (_plain(one),))
    return f"### In the cluster already, so `up` will refuse\n\n{table}"


def _cost(costs: Sequence[CostLine] | None, why_not: str) -> str:
    note = f"\n\n{_plain(why_not)}" if why_not else ""
    if costs is None:
        return f"### Cost: not known{note}" if why_not else ""
    before, after = sum(line.before for line in costs), sum(line.after for line in costs)
    head = f"### Cost: {after - before:+,.2f} USD a month ({before:,.2f} now, {after:,.2f} then)"
    changed = [line for line in costs if round(line.before, 2) != round(line.after, 2)]
    if not changed:
        return head + note
    lines = ["| | now | then | difference |", "|---|---:|---:|---:|"]
    lines += [
        f"| {_plain(line.name)} | {line.before:,.2f} | {line.after:,.2f} | {line.after - line.before:+,.2f} |"
        for line in changed
    ]
    return "\n".join([head, "", *lines]) + note


def _policies(violations: "Sequence[Violation] | None", rows: int) -> str:
    if violations is None:
        return ""
    if not violations:
        return "### Policies: all kept"
    ordered = sorted(violations, key=lambda one: (one.level != "mandatory", one.rule, one.urn))
    stops = sum(one.level == "mandatory" for one in ordered)
    head = f"### Policies: {stops} broken, which stops `up`" if stops else "### Policies: warnings only"
    table = _table(("", "Policy", "Resource", "What is wrong"), ordered, rows, _policy_row)
    return f"{head}\n\n{table}"


def _policy_row(one: "Violation") -> tuple[str, ...]:
    level = "**stops**" if one.level == "mandatory" else "warns"
    return level, _code(one.rule), _code(one.urn.rsplit("::", 1)[-1]), _plain(_short(one.message, _MESSAGE_LENGTH))


def _others(steps: Sequence[Step], rows: int) -> str:
    found = [
        step
        for step in steps
        if step.change in ("update", "create") and not _is_object(step) and step.type != "pulumi:pulumi:Stack"
    ]
    if not found:
        return ""
    table = _table(("", "Resource", "Type", "What changes"), found, rows, _change_row)
    return f"### AWS and the rest\n\n{table}"


def _change_row(step: Step) -> tuple[str, ...]:
    return step.change, _code(step.name), _code(step.type), _differences(step, step.paths)


def _kubernetes(steps: Sequence[Step], components: Mapping[tuple[str, str], str], rows: int) -> str:
    found = [step for step in steps if _is_object(step) and step.change != "same"]
    if not found:
        return ""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for step in found:
        counted[_component(step, components)][step.change] += 1
    columns = [
        change for change in ("replace", "delete", "update", "create") if any(counted[c][change] for c in counted)
    ]
    ranked = sorted(counted, key=lambda name: (-counted[name].total(), name))
    summary = _table(
        ("Component", *columns),
        ranked,
        rows,
        lambda name: (_plain(name), *(str(counted[name][change] or "") for change in columns)),
    )
    objects = _table(
        ("", "Object", "Kind", "What changes"),
        [step for step in found if step.change != "delete"],
        rows,
        lambda step: (step.change, _code(step.name), _code(_kind(step)), _differences(step, step.paths)),
    )
    details = f"\n\n<details><summary>Objects</summary>\n\n{objects}\n\n</details>" if objects else ""
    return f"### Kubernetes, by component\n\n{summary}{details}"


def _is_object(step: Step) -> bool:
    return step.type.startswith("kubernetes:")


def _kind(step: Step) -> str:
    return step.type.rpartition(":")[2]


def _component(step: Step, components: Mapping[tuple[str, str], str]) -> str:
    """The component of an object; one that the new release no longer has is told by its namespace."""
    known = components.get((step.type, step.name))
    return known or (step.name.partition("/")[0] if "/" in step.name else "cluster")


def _differences(step: Step, paths: Sequence[str]) -> str:
    shown = [_difference(step, path) for path in paths[:_PATHS]] if step.change in ("update", "replace") else []
    if len(paths) > _PATHS and shown:
        shown.append(f"{len(paths) - _PATHS} more")
    return ", ".join(shown)


def _difference(step: Step, path: str) -> str:
    name = _code(_short(path, _PATH_LENGTH))
    segments = _segments(path)
    words = [segment for segment in segments if isinstance(segment, str)]
    if step.type.startswith(_CLOSED) or not words or words[-1] not in _SHOWN:
        return name
    before, after = _value(step.old, segments), _value(step.new, segments)
    return f"{name} {before} → {after}" if before and after and before != after else name


def _segments(path: str) -> list[str | int]:
    """The keys and indexes of a property's path.

    >>> _segments('spec.containers[0].labels["a.b/c"]')
    ['spec', 'containers', 0, 'labels', 'a.b/c']
    """
    return [int(index) if index else (quoted or bare) for quoted, index, bare in _SEGMENT.findall(path)]


def _value(inputs: Any, segments: Sequence[str | int]) -> str:
    """A property as code; empty for what is hidden, unknown or has parts."""
    found: Any = inputs
    for segment in segments:
        if isinstance(found, Mapping):
            found = found.get(segment, _MISSING)
        elif isinstance(found, Sequence) and not isinstance(found, str) and isinstance(segment, int):
            found = found[segment] if segment < len(found) else _MISSING
        else:
            found = _MISSING
    if found is _MISSING or found is None:
        return "(not set)"
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        found = ", ".join(found)
    if not isinstance(found, (str, int, float, bool)) or _HIDDEN.search(str(found)):
        return ""
    if isinstance(found, float) and found.is_integer():
        found = int(found)  # the engine has no other numbers than floats
    return _code(_short(found if isinstance(found, str) else json.dumps(found), _VALUE_LENGTH))


def _table(columns: Sequence[str], items: Sequence[_T], rows: int, row: Callable[[_T], Sequence[str]]) -> str:
    if not items:
        return ""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(row(item))} |" for item in items[:rows]]
    if len(items) > rows:
        lines.append(f"\n{len(items) - rows} more are not shown.")
    return "\n".join(lines)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 2) :]}"


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave alone, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#@])", r"\\\1", flat)


def _code(text: str) -> str:
    """Text as code in a cell of a table."""
    flat = " ".join(_short(text, _NAME_LENGTH).split()).replace("`", "'").replace("|", "\\|")
    return f"`{flat}`" if flat else ""
