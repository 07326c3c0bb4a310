"""Whether a platform works, and has all that it had: what is asked after a run that changed its release."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ops.existing import Place
from ops.inventory import Inventory, place_of
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

PATIENCE_S = 300.0
"""Seconds for pods that a controller starts by itself, and for what is being deleted."""
POLL_S = 2.0
_NAMED = 5

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_ADMISSION = "admissionregistration.k8s.io/v1"


class Api(Protocol):
    """What this needs of a cluster. `judged` has the server judge an object again: UserError for what it refuses."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def kinds(self) -> Mapping[tuple[str, str], tuple[str, str]]: ...

    def judged(self, manifest: Manifest) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Health:
    """What was found: sentences about what is wrong, and what went with a definition that somebody let go.

    `webhooks` counts those that were asked, of `configured`.
    """

    wrong: tuple[str, ...]
    went: tuple[Place, ...]
    workloads: int
    objects: int
    webhooks: int
    configured: int

    def __str__(self) -> str:
        went = f"; {len(self.went)} went with their definitions, as accepted" if self.went else ""
        return (
            f"{self.workloads} workloads are available; {self.objects} objects that were there are there{went}; "
            f"{self.webhooks} of {self.configured} webhooks had something to judge, and answered"
        )


def wait(look: Callable[[], Health], patience: float = PATIENCE_S) -> Health:
    """Looks until nothing is wrong, or patience ends."""
    end = time.monotonic() + patience
    while (found := look()).wrong and time.monotonic() < end:
        time.sleep(POLL_S)
    return found


def examine(
    api: Api, ours: frozenset[Place], before: Inventory, after: Inventory, pending: Sequence[Mapping[str, Any]]
) -> Health:
    """What is wrong with a platform.

    `ours` are the objects of the stack, `before` and `after` the custom objects as they were and are, `pending` the
    operations that the state does not know the end of.
    """
    own = [one for kind in _WORKLOADS for one in api.list("apps/v1", kind) if place_of(one) in ours]
    served = {(version.rpartition("/")[0], kind): version for version, kind in api.kinds().values()}
    # A definition that was kept has left the state, with people's objects in the cluster.
    kept = [(served[one], one[1]) for one in before.kinds - after.kinds if one in served]
    missing = before.places - after.places - {place_of(one) for at in kept for one in api.list(*at)}
    went = {one for one in missing if (one.group, one.kind) not in served}
    asked, configured, silent = webhooks(api)
    wrong = [
        *(f"{title(one)} is not available" for one in own if not available(one)),
        *_told("is gone", sorted(missing - went)),
        *_told("is still being deleted", sorted(after.going)),
        *silent,
        *(f"{one['resource']['urn'].rsplit('::', 1)[-1]} is still under way" for one in pending),
    ]
    return Health(
        wrong=tuple(wrong),
        went=tuple(sorted(went)),
        workloads=len(own),
        objects=len(before.places - missing),
        webhooks=asked,
        configured=configured,
    )


def refuse(found: Health, stack: str) -> None:
    """UserError naming what is wrong, if anything is."""
    if found.wrong:
        more = f" and {len(found.wrong) - _NAMED} more" if len(found.wrong) > _NAMED else ""
        raise UserError(
            f"The run has ended, and this is not as it should be: {'; '.join(found.wrong[:_NAMED])}{more}. The same "
            f"command looks again; `make rollback STACK={stack}` goes back."
        )


def available(workload: Manifest) -> bool:
    """Whether a workload has the pods that it wants, in its newest form."""
    kind, status, spec = workload["kind"], workload.get("status") or {}, workload["spec"]
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    if kind == "Deployment":
        return any(one["type"] == "Available" and one["status"] == "True" for one in status.get("conditions") or ())
    if kind == "DaemonSet":
        return int(status.get("numberReady", 0)) >= int(status.get("desiredNumberScheduled", 0))
    return int(status.get("readyReplicas", 0)) >= int(spec.get("replicas", 1))


def webhooks(api: Api) -> tuple[int, int, list[str]]:
    """How many webhooks had an object to judge, how many there are, and a sentence for each that did not answer."""
    served = api.kinds()
    seen: dict[tuple[str, str], Manifest | None] = {}
    asked: set[str] = set()
    names: set[str] = set()
    silent: dict[str, None] = {}
    for kind in _WEBHOOKS:
        for configuration in api.list(_ADMISSION, kind):
            for hook in configuration.get("webhooks") or ():
                names.add(hook["name"])
                for group, resource in _judges(hook):
                    if (group, resource) not in served:
                        continue
                    if (group, resource) not in seen:
                        found = api.list(*served[group, resource])
                        seen[group, resource] = found[0] if found else None
                    if (one := seen[group, resource]) is not None and _selects(hook):
                        asked.add(hook["name"])
                        silent.update(_asked(api, one))
    return len(asked), len(names), [f"a webhook does not answer: {told}" for told in sorted(silent)]


def _asked(api: Api, manifest: Manifest) -> dict[str, None]:
    try:
        api.judged(manifest)
    except UserError as error:
        if "failed calling webhook" in str(error):
            return {str(error): None}
    return {}


def _judges(hook: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The group and resource of what a webhook is asked about when that is updated."""
    for rule in hook.get("rules") or ():
        if {"UPDATE", "*"} & set(rule.get("operations") or ()):
            for group in rule.get("apiGroups") or ():
                yield from ((group, one) for one in rule.get("resources") or () if "*" not in one and "/" not in one)


def _selects(hook: Mapping[str, Any]) -> bool:
    """Whether a webhook is asked about any object: what others select by their labels may be none that is there."""
    return not any((hook.get(name) or {}) for name in ("namespaceSelector", "objectSelector"))


def _told(what: str, places: Iterable[Place]) -> list[str]:
    return [f"{one.kind} {'/'.join(part for part in (one.namespace, one.name) if part)} {what}" for one in places]
