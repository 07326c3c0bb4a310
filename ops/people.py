"""What people made of the platform's own kinds: deleted while the controllers that finish it live, and before data.

An experiment, a notebook or an inference service has a finalizer, which its controller takes off once it has cleaned up
behind it, perhaps with a database. With the controller gone the object stays, its namespace stays, and so the destroy.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ops.existing import Place, held
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title
from tools.progress import Reminder

Report = Callable[[str], None]
Answer = Literal["wait", "force", "stop"]

PATIENCE_S = 600.0
"""Seconds for everything to go, as for a drain."""
STUCK_S = 60.0
"""Seconds without anything going, after which what holds on is named."""
REPORT_S = 5.0
POLL_S = 2.0

_CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
_NAMED = 5
"""Objects that a line names."""


class Api(Protocol):
    """What this needs of a cluster: metadata of all objects of a kind (none of one that is not served), and to act."""

    def metadata(self, api_version: str, kind: str) -> list[Manifest]: ...

    def delete(self, manifest: Manifest) -> None: ...

    def drop_finalizers(self, manifest: Manifest) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind that the stack defines, by its served versions; any of them tells of all its objects."""

    group: str
    kind: str
    versions: tuple[str, ...]


def kinds(state: Iterable[Mapping[str, Any]]) -> list[Kind]:
    """The kinds whose definitions are in a state."""
    found = []
    for one in state:
        spec = (one.get("inputs") or {}).get("spec")
        if one.get("type") == _CRD and spec:
            served = tuple(str(v["name"]) for v in spec.get("versions") or () if v.get("served"))
            found.append(Kind(group=str(spec["group"]), kind=str(spec["names"]["kind"]), versions=served))
    return sorted(found, key=lambda kind: (kind.group, kind.kind))


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How to wait: what to tell, whom to ask when nothing has gone for `stuck_after` seconds, and for how long in all.

    `stuck` is told what holds on and why, and says to wait on, to give up the finalizers, or to stop; `advice` ends the
    sentence that says what did not go.
    """

    report: Report
    stuck: Callable[[str], Answer]
    patience: float = PATIENCE_S
    stuck_after: float = STUCK_S
    poll: float = POLL_S
    advice: str = (
        "nothing of the stack was destroyed; repair the controllers that have to finish these, or destroy with "
        "FORCE_FINALIZERS=1, which leaves behind what they would have cleaned up."
    )

    def until_gone(self, api: Api, look: Callable[[], list[Manifest]]) -> None:
        """Looks until nothing is left; UserError where somebody stops it, or patience ends."""
        begun = moved = told = time.monotonic()
        before = 0
        while left := look():
            now = time.monotonic()
            moved = now if len(left) < before else moved
            before = len(left)
            if now - begun > self.patience:
                raise UserError(f"After {self.patience:.0f} s there still is {named(left)}: {self.advice}")
            if now - moved > self.stuck_after:
                self._decide(api, left)
                moved = time.monotonic()
            elif now - told >= REPORT_S:
                waited = f"{counted(left)} ({now - begun:.0f} s)"
                self.report(f"waiting until controllers have cleaned up {waited}: {named(left)}")
                told = now
            time.sleep(self.poll)

    def _decide(self, api: Api, left: Sequence[Manifest]) -> None:
        answer = self.stuck(named(left))
        if answer == "stop":
            raise UserError(f"Stopped where {named(left)} holds on: {self.advice}")
        if answer == "force":
            for one in left:
                api.drop_finalizers(one)
            self.report(f"gave up the finalizers of {named(left)}")


def clear(api: Api, state: Sequence[Mapping[str, Any]], waiting: Waiting) -> int:
    """Deletes what people made of the state's kinds, and waits until it is gone; returns how many objects there were.

    Profiles go last, with their namespaces and all else in them. What one of these objects made is left to its owner,
    and waited for; what the platform made is left to the engine.
    """
    known, defined = held(state), kinds(state)
    objects = _People(api, [kind for kind in defined if kind.kind != "Profile"], known, waiting.report)
    waiting.until_gone(api, objects.look)
    profiles = _People(api, [kind for kind in defined if kind.kind == "Profile"], known, waiting.report)
    waiting.until_gone(api, profiles.look)
    waiting.until_gone(api, lambda: _namespaces(api, profiles.names))
    if count := len(objects.names) + len(profiles.names):
        things = "object" if count == 1 else "objects"
        waiting.report(f"deleted {count} {things} that people made of the platform's kinds")
    return count


class _People:
    """The objects of some kinds that people made: each is asked to go when it is first seen."""

    def __init__(self, api: Api, defined: Sequence[Kind], known: Collection[Place], report: Report) -> None:
        self._api, self._kinds, self._known = api, defined, known
        self._remind = Reminder(report)
        self._uids: set[str] = set()
        self._titles: set[str] = set()
        self.names: set[str] = set()
        """Of all that were seen, with their namespaces."""

    def look(self) -> list[Manifest]:
        """Those that are left."""
        left = []
        for one in (one for kind in self._kinds for one in _made(self._api, kind, self._known)):
            uid, owners = str(one["metadata"]["uid"]), _owners(one)
            if not owners and title(one) not in self._titles:
                # One that a controller makes again under its name is its controller's, which goes with the stack.
                self._titles.add(title(one))
                self._uids.add(uid)
                self._api.delete(one)
                # Hundreds, each judged by webhooks, can take longer than a log may be silent.
                self._remind(f"until what people made is asked to go: {len(self._titles)} objects so far")
            elif owners & self._uids:
                self._uids.add(uid)
            if uid in self._uids:
                self.names.add(f"{one['kind']}/{title(one).partition(' ')[2]}")
                left.append(one)
        return left


def _namespaces(api: Api, profiles: Collection[str]) -> list[Manifest]:
    """The namespaces of Profiles that are not gone: a Profile may be, with what lives in its namespace still there."""
    names = {name.partition("/")[2] for name in profiles}
    if not names:
        return []
    found = api.metadata("v1", "Namespace")
    return [{**one, "apiVersion": "v1", "kind": "Namespace"} for one in found if one["metadata"]["name"] in names]


def named(objects: Sequence[Manifest]) -> str:
    """The first few by name, with the finalizers that hold them."""
    told = []
    for one in objects[:_NAMED]:
        finalizers = one["metadata"].get("finalizers") or ()
        told.append(f"{title(one)} (finalizers: {', '.join(finalizers)})" if finalizers else title(one))
    more = f" and {len(objects) - _NAMED} more" if len(objects) > _NAMED else ""
    return ", ".join(told) + more


def counted(objects: Iterable[Manifest]) -> str:
    """How many there are of each kind."""
    counts = Counter(str(one["kind"]) for one in objects)
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(counts.items()))


def _made(api: Api, kind: Kind, known: Collection[Place]) -> list[Manifest]:
    """The objects of a kind that the stack did not make itself."""
    for version in kind.versions:
        found = api.metadata(f"{kind.group}/{version}", kind.kind)
        if found:
            named_ = [{**one, "apiVersion": f"{kind.group}/{version}", "kind": kind.kind} for one in found]
            return [one for one in named_ if _place(kind, one) not in known]
    return []


def _place(kind: Kind, manifest: Manifest) -> Place:
    metadata = manifest["metadata"]
    return Place(kind.group, kind.kind, str(metadata.get("namespace") or ""), str(metadata["name"]))


def _owners(manifest: Manifest) -> set[str]:
    return {str(one["uid"]) for one in manifest["metadata"].get("ownerReferences") or () if one.get("controller")}
