"""Whether a run may bring the release that it would: what `make upgrade` refuses, `make up` refuses as well."""

from collections.abc import Sequence
from typing import Any

from infra.kubeflow import succession
from ops.changes import CRD, Change, kind_of
from ops.inventory import Inventory, place_of
from ops.people import named
from ops.run import Session
from ordering.errors import UserError


def check(session: Session) -> None:
    """UserError for another product than the stack has, or an older release of it, once the program has run."""
    if (given := session.program.given) is not None:
        succession.check(given.settings, given.release.source, _ran(session))


def changes(session: Session) -> bool:
    """Whether the run brings another release than the stack has, once the program has run."""
    given = session.program.given
    return given is not None and succession.changes(given.settings, given.release.source, _ran(session))


def unheld(found: Inventory, planned: Sequence[Change]) -> None:
    """UserError for objects that a controller has to let go of, if their definition goes or they are going already."""
    gone = [one.step.old["spec"] for one in planned if kind_of(one.step.type) == CRD and one.step.change == "delete"]
    kinds = {(spec["group"], spec["names"]["kind"]) for spec in gone}
    held = [
        one
        for one in found.people
        if one["metadata"].get("finalizers")
        and (place_of(one) in found.going or (place_of(one).group, one["kind"]) in kinds)
    ]
    if held:
        raise UserError(
            f"{named(held)}: a controller has to let go of that, and may be gone itself then. Nothing was changed; "
            "delete it, see that it is gone or take the finalizers off, and run the same command again."
        )


def _ran(session: Session) -> Any:
    """The release of the last run, as far as the state says."""
    stacks = (one for one in session.resources if one.get("type") == "pulumi:pulumi:Stack")
    return next(((one.get("outputs") or {}).get(succession.OUTPUT) for one in stacks), None)
