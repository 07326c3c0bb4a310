"""What operators registered at run time behind the stack's Services, and nobody would take away.

A webhook configuration stays when the Service behind it goes, and refuses from then on whatever it is for: the rest of
the destroy, and everybody else's objects in a cluster that others use, too. An APIService without its Service keeps
every namespace from going, for nobody can list what is in it. Kyverno and Pipelines' cache deployer are two that make
such; neither takes its own away in time (kyverno 2623 and 9551). An admission policy whose parameters are of a kind
that goes refuses all that it is for, too.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from ops.existing import Place, held
from ops.people import kinds
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

POLL_S = 2.0
"""Seconds between two looks: an operator may make it again as long as it lives."""
PATIENCE_S = 10.0
"""Seconds that a look gets to end: a cluster that goes may leave a question unanswered."""

_GROUP = "admissionregistration.k8s.io"
_VERSION = f"{_GROUP}/v1"
_CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_POLICIES = {"MutatingAdmissionPolicy": f"{_GROUP}/v1beta1", "ValidatingAdmissionPolicy": _VERSION}
_REGISTRATION = "apiregistration.k8s.io"

Service = tuple[str, str]
"""Namespace and name."""


class Api(Protocol):
    """What this needs of a cluster; `metadata` is all of a kind without the rest of the objects."""

    def metadata(self, api_version: str, kind: str) -> list[Manifest]: ...

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def delete(self, manifest: Manifest) -> None: ...

    def set_webhooks(self, manifest: Manifest, webhooks: Sequence[Any]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Going:
    """What of a cluster goes with a stack, or with a part of it: its objects, and the kinds that it defines, by group.

    `staying` are objects of the stack that an `up` keeps.
    """

    objects: Collection[Place]
    kinds: Collection[tuple[str, str]] = ()
    staying: Collection[Place] = ()

    def holds(self, place: Place) -> bool:
        """Whether an object is the stack's own, and so the engine's to keep or to delete."""
        return place in self.objects or place in self.staying

    def has(self, service: Service) -> bool:
        """Whether a Service is the stack's, or lives in a namespace of the stack."""
        namespace, name = service
        places = (Place("", "Service", namespace, name), Place("", "Namespace", "", namespace))
        return any(place in self.objects for place in places)

    def uses(self, group: str) -> bool:
        """Whether the stack has objects of a group."""
        return any(place.group == group for place in self.objects)


def going(state: Sequence[Mapping[str, Any]]) -> Going:
    """What goes with the stack of a state."""
    return Going(objects=held(state), kinds={(one.group, one.kind) for one in kinds(state)})


@dataclass(frozen=True, kw_only=True)
class Dead:
    """What nobody will answer for any more, in words, and how it is taken away; `later` for what still serves."""

    what: str
    remove: Callable[[], None]
    later: bool = False


def remove(api: Api, ours: Going, others: set[str]) -> list[str]:
    """Takes away what nobody will answer for any more; returns what it was, in words.

    A configuration with other backends as well keeps what is theirs. `others` are versions of configurations that were
    looked at and are somebody else's; it is added to. An APIService stays while the stack has objects of its group,
    until its Service is gone.
    """
    removed = []
    for one in find(api, ours, others):
        if not one.later:
            one.remove()
            removed.append(one.what)
    return removed


def find(api: Api, ours: Going, others: set[str]) -> Iterator[Dead]:
    """All that `remove` takes away, now or later."""
    yield from _configurations(api, ours, others)
    yield from _policies(api, ours)
    yield from _registrations(api, ours)


def _configurations(api: Api, ours: Going, others: set[str]) -> Iterator[Dead]:
    for kind in _CONFIGURATIONS:
        for about in (one["metadata"] for one in api.metadata(_VERSION, kind)):
            version = f"{about['uid']} {about['resourceVersion']}"
            if version in others or ours.holds(Place(_GROUP, kind, "", about["name"])):
                continue
            one = api.get(_VERSION, kind, "", about["name"])
            webhooks = (one or {}).get("webhooks") or []
            dead = [webhook for webhook in webhooks if _goes(ours, webhook.get("clientConfig"))]
            if one is None or not dead:
                others.add(version)
                continue
            left = [webhook for webhook in webhooks if webhook not in dead]
            what = f"what {title(one)} asks there" if left else f"{title(one)}, made at run time"
            act = partial(api.set_webhooks, one, left) if left else partial(api.delete, one)
            yield Dead(what=f"{what}: {_places(dead)} behind it goes", remove=act)


def _policies(api: Api, ours: Going) -> Iterator[Dead]:
    """Bindings first: a policy without any judges nothing."""
    for kind, version in _POLICIES.items():
        for one in api.list(version, kind):
            name, parameters = one["metadata"]["name"], (one.get("spec") or {}).get("paramKind") or {}
            of = (str(parameters.get("apiVersion")).rpartition("/")[0], str(parameters.get("kind")))
            if of not in ours.kinds or ours.holds(Place(_GROUP, kind, "", name)):
                continue
            bindings = [b for b in api.list(version, f"{kind}Binding") if b["spec"]["policyName"] == name]
            what = f"{title(one)} and its bindings, made beside the stack: {of[1]}, the kind of its parameters, goes"
            yield Dead(what=what, remove=partial(_delete, api, [*bindings, one]))


def _registrations(api: Api, ours: Going) -> Iterator[Dead]:
    for one in api.list(f"{_REGISTRATION}/v1", "APIService"):
        spec = one.get("spec") or {}
        service = _service(spec)
        if service is None or ours.holds(Place(_REGISTRATION, "APIService", "", one["metadata"]["name"])):
            continue
        if ours.has(service):
            serves = ours.uses(spec.get("group") or "") and api.get("v1", "Service", *service) is not None
            what = f"{title(one)}, made at run time: Service {'/'.join(service)} behind it goes"
            yield Dead(what=what, remove=partial(api.delete, one), later=serves)


def _delete(api: Api, objects: Sequence[Manifest]) -> None:
    for one in objects:
        api.delete(one)


def _service(client: Any) -> Service | None:
    service = (client or {}).get("service")
    return (str(service.get("namespace")), str(service.get("name"))) if service else None


def _goes(ours: Going, client: Any) -> bool:
    service = _service(client)
    return service is not None and ours.has(service)


def _places(webhooks: Sequence[Mapping[str, Any]]) -> str:
    services = {_service(webhook["clientConfig"]) for webhook in webhooks}
    return " and ".join(f"Service {'/'.join(service)}" for service in sorted(filter(None, services)))


@dataclass
class Registered:
    """Looks again and again, from `begin` to the end of the block, and once more then.

    `report` is told each object once.
    """

    report: Callable[[str], object]
    _told: set[str] = field(default_factory=set)
    _others: set[str] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _last: Callable[[], object] = lambda: None

    def begin(self, api: Api, ours: Going, connect: Callable[[], AbstractContextManager[Api]], *, whole: bool) -> None:
        """The first look; `connect` reaches the cluster for the others, and raises OSError where it does not answer.

        A cluster that goes as a whole (`whole`) is left alone once it stops answering, and not looked at in the end.
        """

        def look(until: Callable[[], bool]) -> bool:
            try:
                with connect() as found:
                    self._remove(found, ours)
                    while not until():
                        self._remove(found, ours)
            except (OSError, UserError):
                return False
            return True

        def go_on() -> None:
            while not self._ended.wait(POLL_S):
                if not look(lambda: self._ended.wait(POLL_S)) and whole:
                    return

        self._remove(api, ours)
        if not whole:
            self._last = lambda: look(lambda: True)
        self._thread = threading.Thread(target=go_on, daemon=True)
        self._thread.start()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ends the looks with the block."""
        try:
            yield
        finally:
            self._ended.set()
            if self._thread is not None:
                self._thread.join(PATIENCE_S)
            self._last()

    def _remove(self, api: Api, ours: Going) -> None:
        for line in remove(api, ours, self._others):
            if line not in self._told:
                self._told.add(line)
                self.report(f"deleted {line}")
