"""What the commands say, as JSON for programs. docs/json.md describes each document; keys are added, never renamed.

`make plan` has its own, `ordering.plan.document`. Amounts are US dollars a month, times seconds.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pulumi.automation import OutputValue

from ops import changes, prices
from ops.comment import CostLine
from ops.cost import Bill, Change, Line, total
from ops.costs.culling import Saving
from ops.doctor.finding import Finding
from ops.drift import Drift
from ops.leftovers import Leftover
from ops.preview import Preview
from ops.run import Session

if TYPE_CHECKING:
    from policy import Violation

VERSION = 1
"""The form of all documents; another number means that a program must look again."""

Document = dict[str, Any]


def text(document: Document) -> str:
    """A document as it is printed."""
    return json.dumps(document, indent=1, ensure_ascii=False)


def doctor(stack: str, findings: Sequence[Finding]) -> Document:
    """What was looked at and found."""
    counts = Counter(finding.state for finding in findings)
    return {
        **_head("doctor", stack),
        "findings": [
            {"check": one.check, "state": one.state, "found": one.found, "advice": one.advice} for one in findings
        ],
        "counts": {state: counts[state] for state in ("ok", "warning", "broken")},
    }


def cost(
    stack: str,
    region: str,
    bill: Bill,
    changes: Mapping[str, str],
    differing: Sequence[Change],
    savings: Sequence[Saving] = (),
    week: Document | None = None,
) -> Document:
    """The bill; with `changes` of settings also the lines that they change, and what is saved by stopping notebooks.

    `week` is a trace that was played.
    """
    return {
        **_head("cost", stack),
        "region": region,
        "pricesAsOf": prices.AS_OF.isoformat(),
        "note": bill.note,
        "lines": [{"name": line.name, "what": line.what, **_amounts(line)} for line in bill.lines],
        "total": _amounts(total(bill.lines)),
        "settings": dict(changes),
        "changes": [
            {
                "name": one.name,
                "before": _amount(one.before.on_demand) if one.before else 0,
                "after": _amount(one.after.on_demand) if one.after else 0,
                "difference": _amount(one.delta),
            }
            for one in differing
        ],
        "difference": _amount(sum((one.delta for one in differing), Decimal(0))),
        "savings": [
            {
                "group": one.group,
                "idleMinutes": one.minutes,
                "hours": round(float(one.hours), 1),
                "monthly": _amount(one.monthly),
            }
            for one in savings
        ],
        "week": week,
    }


def leftovers(
    stack: str,
    region: str,
    left: Sequence[Leftover],
    *,
    lives: bool,
    deleted: bool,
    failed: Iterable[tuple[Leftover, str]] = (),
) -> Document:
    """What is left, or in use where the stack lives, and what became of it where it was to be deleted."""
    reasons = {(one.kind, one.id): reason for one, reason in failed}
    return {
        **_head("leftovers", stack),
        "region": region,
        "inUse": lives,
        "leftovers": [
            {
                "kind": one.kind,
                "id": one.id,
                "what": one.what,
                "monthly": _amount(one.monthly),
                "kept": one.kept,
                "deleted": deleted and not one.kept and (one.kind, one.id) not in reasons,
                "error": reasons.get((one.kind, one.id), ""),
            }
            for one in left
        ],
        "total": _amount(sum((one.monthly for one in left), Decimal(0))),
    }


def preview(found: Preview) -> Document:
    """What `up` would change."""
    return {**_head("preview", found.stack), **_preview(found)}


def up(
    session: Session, outputs: Mapping[str, OutputValue], planned: Preview | None, violations: "Iterable[Violation]"
) -> Document:
    """What `up` did, and the preview that it began with, where it did."""
    kinds = Counter(node.id.kind for node in session.program.graph.nodes if node.gate is None)
    asked = session.ground.asked()
    return {
        **_head("up", session.stack.name),
        "counts": dict(session.tracker.changes),
        "stages": [
            {"name": name, "resources": len(stage.done), "seconds": round(stage.seconds, 1)}
            for name, stage in session.tracker.stages.items()
        ],
        "seconds": {name: round(seconds, 1) for name, seconds in session.seconds.items()},
        "standIns": list(session.ground.stand_ins),
        "recorded": dict(session.ground.recorded()),
        "kubeflow": {
            "objects": sum(kinds.values()),
            "levels": len(session.program.graph.levels),
            "kinds": dict(kinds.most_common()),
        },
        "requests": None
        if asked is None
        else {
            "writes": asked.writes,
            "refused": [str(one) for one in asked.refused],
            "webhookCalls": asked.calls,
            "webhookCallsRefused": [str(one) for one in asked.refused_calls],
        },
        "outputs": [
            {"name": name, "secret": output.secret, "value": None if output.secret else output.value}
            for name, output in sorted(outputs.items())
        ],
        "violations": _violations(violations),
        "preview": None if planned is None else _preview(planned),
    }


def drift(stack: str, found: Drift) -> Document:
    """What is not as the stack says."""
    return {
        **_head("drift", stack),
        "drifted": [
            {
                "urn": one.urn,
                "type": one.type,
                "name": one.name,
                "change": one.change,
                "fields": [{"path": told.path, "by": told.by, "since": told.since} for told in one.fields],
            }
            for one in found.found
        ],
        "unseen": list(found.unseen),
    }


def _head(command: str, stack: str) -> Document:
    return {"version": VERSION, "command": command, "stack": stack}


def _preview(found: Preview) -> Document:
    return {
        "counts": {change: found.counts[change] for change in ("replace", "delete", "update", "create", "same")},
        "classes": changes.counts(found.changes),
        "changes": [_change(one) for one in found.changes],
        "cost": None if found.costs is None else _costs(found.costs),
        "note": found.note,
        "existing": [{"id": str(one.id), "owner": one.owner, "beingDeleted": one.going} for one in found.existing],
        "notices": list(found.notices),
        "unseen": list(found.unseen),
        "violations": _violations(found.violations),
    }


def _change(one: changes.Change) -> Document:
    step = one.step
    return {
        "change": step.change,
        "class": one.kind,
        "object": one.name,
        "why": one.why,
        "stops": one.stops,
        "urn": step.urn,
        "type": step.type,
        "name": step.name,
        "properties": list(step.paths),
        "causes": list(step.causes),
        "protected": step.was_protected,
        "retained": step.retained,
        "data": one.data,
    }


def _costs(lines: Sequence[CostLine]) -> Document:
    before, after = sum(line.before for line in lines), sum(line.after for line in lines)
    return {
        "before": round(before, 2),
        "after": round(after, 2),
        "difference": round(after - before, 2),
        "lines": [
            {"name": line.name, "before": round(line.before, 2), "after": round(line.after, 2)} for line in lines
        ],
    }


def _violations(found: "Iterable[Violation]") -> list[Document]:
    return [{"rule": one.rule, "level": one.level, "urn": one.urn, "message": one.message} for one in found]


def _amounts(line: Line) -> Document:
    return {
        "onDemand": _amount(line.on_demand),
        "savingsPlan": _amount(line.savings_plan),
        "spot": _amount(line.spot),
    }


def _amount(amount: Decimal) -> float:
    return float(round(amount, 2))
