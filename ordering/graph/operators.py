"""Which workloads finish a custom resource, where no table says so: derived from what the manifests show.

Three kinds of signs, and the first that shows anything decides.

1. Permission to update the `…/finalizers` or `…/status` of the kind: who takes a finalizer off an object needs the
   first (kubebuilder and operator-sdk write both for each kind that they make a controller for). A rule for `*` says
   nothing: dashboards and installers have those. A web page or a consumer may have one of the two: most of them wins.
2. A webhook that converts or admits the kind.
3. What came together: the labels `app.kubernetes.io/*` of the definition and of a workload, or one folder, as
   `config.kubernetes.io/origin` tells where kustomize is asked for it (`buildMetadata`), if they point at one workload.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from posixpath import dirname

import yaml

from ordering.graph.ids import ObjectId
from ordering.graph.index import Definition, Platform, Workload, mapping, mappings, texts
from ordering.graph.permissions import bindings, holders, role_of, rules_of
from ordering.graph.webhooks import Webhook, Webhooks

Kind = tuple[str, str]
"""Group and kind."""

_WRITING = frozenset({"update", "patch", "*"})
_FINISHED = frozenset({"finalizers", "status"})
_RUNNING = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_LABELS = tuple(f"app.kubernetes.io/{part}" for part in ("name", "instance", "part-of"))
_COMPONENT = "app.kubernetes.io/component"
_CONTROLLING = ("controller", "operator", "manager")
_ORIGIN = "config.kubernetes.io/origin"


@dataclass(frozen=True)
class Operator:
    """A workload that finishes a kind, and what shows it, as a reason says it."""

    workload: ObjectId
    signs: tuple[str, ...]

    @property
    def reason(self) -> str:
        """For people: the workload and the signs."""
        return f"{self.workload.title} seems to finish it: it {' and '.join(self.signs)}"


Signs = dict[Kind, dict[ObjectId, list[str]]]


def operators(platform: Platform, webhooks: Webhooks) -> dict[Kind, tuple[Operator, ...]]:
    """For each kind that a manifest defines, the workloads that finish its objects; none where nothing shows any."""
    by_resource = {(d.group, d.plural): (d.group, d.kind) for d in platform.definitions.values()}
    permitted, called = _permitted(platform, by_resource), _called(platform, webhooks, by_resource)
    came = _Came(platform)
    found = {}
    for kind, definition in platform.definitions.items():
        signs = permitted.get(kind) or called.get(kind) or came.together(definition)
        most = max(map(len, signs.values()), default=0)
        found[kind] = tuple(Operator(id_, tuple(shown)) for id_, shown in sorted(signs.items()) if len(shown) == most)
    return found


def _permitted(platform: Platform, by_resource: Mapping[tuple[str, str], Kind]) -> Signs:
    signs: Signs = {}
    for binding in bindings(platform):
        role = role_of(platform, binding)
        finished = sorted(set(_finished(platform, role))) if role else []
        for workload in holders(platform, binding) if finished else ():
            for group, plural, part in finished:
                if kind := by_resource.get((group, plural)):
                    _add(signs, kind, workload, f"may update {plural}/{part}")
    return signs


def _add(signs: Signs, kind: Kind, workload: Workload, sign: str) -> None:
    if workload.id.kind in _RUNNING:
        shown = signs.setdefault(kind, {}).setdefault(workload.id, [])
        if sign not in shown:
            shown.append(sign)


def _finished(platform: Platform, role: ObjectId) -> Iterator[tuple[str, str, str]]:
    """Group, resource and subresource of all that a role lets somebody finish."""
    for rule in rules_of(platform, role):
        if _WRITING.isdisjoint(texts(rule.get("verbs"))):
            continue
        for resource in texts(rule.get("resources")):
            plural, _, part = resource.partition("/")
            if part in _FINISHED and plural != "*":
                yield from ((group, plural, part) for group in texts(rule.get("apiGroups")))


def _called(platform: Platform, webhooks: Webhooks, by_resource: Mapping[tuple[str, str], Kind]) -> Signs:
    signs: Signs = {}
    for kind, definition in platform.definitions.items():
        for workload in _behind(platform, _converter(platform, definition)):
            _add(signs, kind, workload, f"converts {definition.plural}")
    for webhook in (one for listed in webhooks.of.values() for one in listed):
        for workload in _behind(platform, webhook.service):
            for resource in _admitted(webhook):
                if admitted := by_resource.get(resource):
                    _add(signs, admitted, workload, f"admits {resource[1]}")
    return signs


def _admitted(webhook: Webhook) -> Iterator[tuple[str, str]]:
    for rule in webhook.rules:
        for resource in rule.resources:
            yield from ((group, resource.partition("/")[0]) for group in rule.groups)


def _converter(platform: Platform, definition: Definition) -> tuple[str, str] | None:
    conversion = mapping(mapping(platform.objects[definition.id].get("spec")).get("conversion"))
    service = mapping(mapping(mapping(conversion.get("webhook")).get("clientConfig")).get("service"))
    return (str(service.get("namespace")), str(service.get("name"))) if service else None


def _behind(platform: Platform, service: tuple[str, str] | None) -> Sequence[Workload]:
    found = platform.find("", "Service", *service) if service else None
    return platform.behind(found) if found else ()


class _Came:
    """Workloads by what they came with."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._running = [id_ for id_ in platform.workloads if id_.kind in _RUNNING]

    def together(self, definition: Definition) -> dict[ObjectId, list[str]]:
        """The one workload that came with a definition, and what shows it; nothing where there are several."""
        wanted = {key: value for key, value in self._labels(definition.id).items() if key in _LABELS}
        alike = [id_ for id_ in self._running if wanted and wanted.items() <= self._labels(id_).items()]
        if len(alike) > 1:
            alike = [id_ for id_ in alike if any(word in self._component(id_) for word in _CONTROLLING)]
        if len(alike) == 1:
            return {alike[0]: ["carries the labels of its definition"]}
        origin = self._origin(definition.id)
        beside = [id_ for id_ in self._running if origin and self._origin(id_) == origin]
        return {beside[0]: ["comes from the folder of its definition"]} if len(beside) == 1 else {}

    def _labels(self, id_: ObjectId) -> Mapping[str, str]:
        return mapping(mapping(self._platform.objects[id_].get("metadata")).get("labels"))

    def _component(self, id_: ObjectId) -> str:
        return str(self._labels(id_).get(_COMPONENT) or "")

    def _origin(self, id_: ObjectId) -> tuple[str, ...] | None:
        """Repository, version and folder that kustomize read an object from; None where it does not say."""
        text = self._platform.annotation(id_, _ORIGIN)
        try:
            origin = mapping(yaml.safe_load(text)) if text else {}
        except yaml.YAMLError:
            origin = {}
        path = str(origin.get("path") or "")
        return (str(origin.get("repo") or ""), str(origin.get("ref") or ""), dirname(path)) if path else None


def is_configured_by(workload: Workload, id_: ObjectId) -> bool:
    """Whether a workload is started with the name of a custom resource: then it may not become ready before that.

    Contour's `--contour-config-name` is such a flag, and ends the process where the object is not there. The flag or
    variable must speak of configuration or of the kind: many name a namespace or a class that has a resource's name.
    """
    hints = ("config", id_.kind.lower())
    for container in workload.containers:
        words = [word for part in ("command", "args") for word in texts(container.get(part))]
        given = [(flag, value) for flag, _, value in (word.partition("=") for word in words) if value]
        given += pairwise(words)
        given += [(str(one.get("name")), str(one.get("value"))) for one in mappings(container.get("env"))]
        if any(value == id_.name and any(hint in flag.lower() for hint in hints) for flag, value in given):
            return True
    return False
