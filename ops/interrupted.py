"""What a run that was killed left unfinished, found out before the next one goes on.

The engine notes each operation before it begins and strikes it out when it is done. What is still noted was under way
when the run was killed: a create may or may not have made something, of which the state does not even know the id. The
engine only warns of these and would create everything again: a second VPC, or an object that exists already. So each is
put into the state under the id that it must have (`ops.identify`); once AWS works on it no more (`ops.underway`), the
engine reads it, which drops what was never made, and `up` goes on from there. That is what `pulumi refresh` asks a
person to do one by one.
"""

import time
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any

from pulumi import automation

from ordering.errors import UserError
from tools.progress import Reminder

Resource = dict[str, Any]
Deployment = Mapping[str, Any]
Identify = Callable[[Resource, frozenset[str]], str | None]
"""The id that a resource must have, given the ids that others have."""
Ended = Callable[[Collection[Resource]], None]
"""Returns once AWS works on none of these; it raises where that cannot end well."""
Managers = Callable[[Deployment, Collection[Resource]], Mapping[str, str]]
"""The field managers, by URN, of those objects of a deployment that are there."""

MANAGER = "__fieldManager"
"""The output under which the kubernetes provider keeps the name by which it owns an object's fields."""

UNKNOWN = "A run was killed while this was under way, and the result has not been checked yet."
UNREADY = "A run was killed before this was ready."
"""As an initialization error in the state either makes the next `up` bring the resource up to what the program says,
and wait for it, even where nothing differs."""

PATIENCE_S = 600.0
"""Seconds for what is being deleted to go: a namespace waits for all that lives in it."""
_POLL_S = 2.0


def settle(
    stack: automation.Stack,
    exported: automation.Deployment,
    *,
    identify: Identify,
    ended: Ended,
    managers: Managers,
    free: Callable[[Collection[str]], object],
    report: Callable[[str], None],
    until_gone: bool,
) -> list[Resource]:
    """Makes the state say what a killed run has left, and returns its resources; only that after a run that ended.

    `exported` is that state. `free` gets the names of what is going, and ends what holds it. `until_gone` waits for
    what that run was deleting: `up` creates it again, `destroy` deletes it again. It may be killed, too: the state then
    still says what was not looked at. UserError when something does not go.
    """
    before = exported.deployment or {}
    if not unsettled(before):
        return _resources(before)
    noted, urns = note(before, identify)
    noted = owned(noted, managers(noted, unowned(noted, urns)))
    report(f"The last run was interrupted; looking at {len(unsettled(before))} things that it had under way.")
    stack.import_stack(automation.Deployment(version=exported.version, deployment=noted))
    ended([one for one in noted["resources"] if one["urn"] in urns and one.get("id")])
    deadline = time.monotonic() + PATIENCE_S
    remind = Reminder(report)
    while urns:
        stack.refresh(target=sorted(urns), suppress_progress=True)
        exported = stack.export_stack()
        after = exported.deployment or {}
        going = terminating(after, urns)
        if not going or not until_gone:
            marked = unready(after, urns)
            stack.import_stack(automation.Deployment(version=exported.version, deployment=marked))
            return _resources(marked)
        if time.monotonic() > deadline:
            raise UserError(
                f"{', '.join(sorted(going)[:3])} of the interrupted run was not deleted in {PATIENCE_S:.0f} s; "
                "see what holds it (its finalizers), and run the same command again."
            )
        free(going)
        remind(f"until these of the interrupted run are gone: {', '.join(sorted(going)[:3])}")
        time.sleep(_POLL_S)
    return _resources(noted)


def unsettled(deployment: Deployment) -> set[str]:
    """The URNs of what was under way when a run was killed."""
    noted = {str(operation["resource"]["urn"]) for operation in deployment.get("pending_operations") or ()}
    return noted | {one["urn"] for one in deployment.get("resources") or () if UNKNOWN in (one.get("initErrors") or ())}


def note(deployment: Deployment, identify: Identify) -> tuple[Deployment, set[str]]:
    """A deployment without pending operations, in which what they were about is marked, and what is to be read.

    A create becomes a resource under the id that `identify` gives. Without one it is forgotten: making it again does
    no harm. What was to be replaced by it is left to be deleted, as after a create that the engine saw succeed.
    """
    noted = deepcopy(dict(deployment))
    resources: list[Resource] = noted.setdefault("resources", [])
    urns = {one["urn"] for one in resources if UNKNOWN in (one.get("initErrors") or ())}
    for operation in noted.pop("pending_operations", None) or ():
        about: Resource = operation["resource"]
        urn = about["urn"]
        known = [one for one in resources if one["urn"] == urn and not one.get("delete")]
        if operation["type"] == "creating":
            id_ = identify(about, frozenset(str(one["id"]) for one in resources if one.get("id")))
            if id_ is None or any(one.get("id") == id_ for one in known):
                continue
            for one in known:
                one["delete"] = True
            made = {**about, "id": id_, "custom": True, "outputs": deepcopy(about.get("inputs") or {})}
            resources.append(made)
            known = [made]
        for one in known:
            if one.get("custom"):
                one["initErrors"] = [UNKNOWN]
                urns.add(urn)
    return noted, urns


def unowned(deployment: Deployment, urns: Collection[str]) -> list[Resource]:
    """The Kubernetes objects among `urns` of which the state does not know who owns their fields."""
    return [
        one
        for one in deployment.get("resources") or ()
        if one["urn"] in urns and _in_kubernetes(one) and not one.get("delete") and MANAGER not in one["outputs"]
    ]


def owned(deployment: Deployment, managers: Mapping[str, str]) -> Deployment:
    """A deployment that knows these field managers, by URN."""
    resources = [
        {**one, "outputs": {**one["outputs"], MANAGER: managers[one["urn"]]}}
        if one["urn"] in managers and not one.get("delete")
        else one
        for one in deployment.get("resources") or ()
    ]
    return {**deployment, "resources": resources}


def unready(deployment: Deployment, urns: Collection[str]) -> Deployment:
    """A deployment in which of `urns` what lives in Kubernetes has to be waited for again.

    Reading tells that an object exists, not that what comes after it may be sent.
    """
    marked = deepcopy(dict(deployment))
    for one in marked.get("resources") or ():
        if one["urn"] in urns:
            errors = [error for error in one.get("initErrors") or () if error != UNKNOWN]
            one["initErrors"] = errors or ([UNREADY] if _in_kubernetes(one) else [])
    return marked


def terminating(deployment: Deployment, urns: Collection[str]) -> set[str]:
    """The names of those among `urns` that Kubernetes is deleting."""
    return {
        str(one["urn"]).rsplit("::", 1)[-1]
        for one in deployment.get("resources") or ()
        if one["urn"] in urns and _in_kubernetes(one) and _metadata(one).get("deletionTimestamp")
    }


def _resources(deployment: Deployment) -> list[Resource]:
    return list(deployment.get("resources") or ())


def _in_kubernetes(resource: Resource) -> bool:
    return str(resource["type"]).startswith("kubernetes:")


def _metadata(resource: Resource) -> Mapping[str, Any]:
    found = (resource.get("outputs") or {}).get("metadata")
    return found if isinstance(found, Mapping) else {}
