"""Parts of a release: what is wanted of it, what that needs, and what the cluster has already.

An object belongs to a component, which `ordering.plan.components` tells by its labels, and a part is one or a few of
those. A part needs another where an object of it needs one of the other's, by a rule of the graph; what no manifest
shows is in `HIDDEN`. What many share (a namespace, a definition, a NetworkPolicy) comes by itself, without its part.
"""

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ordering.errors import UserError
from ordering.graph import Edge, Graph, ObjectId, id_of
from ordering.graph.index import Platform, mapping
from ordering.graph.selectors import parse
from ordering.manifests.objects import Manifest
from ordering.plan.components import components

PARTS: Mapping[str, tuple[str, ...]] = {
    "cert-manager": ("cert-manager", "cainjector", "webhook"),
    "dashboard": ("centraldashboard",),
    "gateway": (),
    "istio": ("istio", "istio-system"),
    "jobset": ("jobset", "jobset.x-k8s.io"),
    "katib": ("katib",),
    "knative": ("knative-serving",),
    "kserve": ("kserve", "kserve-models-web-app"),
    "login": ("oauth2-proxy", "dex", "dex.coreos.com", "auth"),
    "notebooks": ("jupyter-web-app", "notebook-controller"),
    "pipelines": ("kubeflow-pipelines", "cache-server-cert-manager"),
    "poddefaults": ("poddefaults",),
    "profiles": ("profiles",),
    "roles": ("cluster",),
    "spark": ("spark-operator", "sparkoperator.k8s.io"),
    "tensorboards": ("tensorboards-web-app", "tensorboard-controller"),
    "training": ("trainer", "trainer.kubeflow.org", "kubeflow-system", "training-operator"),
    "volumes": ("volumes-web-app", "pvc-viewer", "pvcviewer"),
}
"""The names that people use, and the components of each; any other component is a part by its own name.

`gateway` are custom resources of Istio's in a namespace that many share, such as the gateway that all are reached by.
"""

_SIGNED_IN = "it takes whoever the gateway says has signed in"
_IN_PROFILES = "what people make lives in the namespaces of profiles"

HIDDEN: Mapping[str, Mapping[str, str]] = {
    "dashboard": {"login": _SIGNED_IN, "profiles": "it shows the namespaces that somebody may use"},
    "katib": {"login": _SIGNED_IN, "profiles": _IN_PROFILES},
    "kserve": {"knative": "an InferenceService is a Knative Service by default"},
    "knative": {"istio": "net-istio is its network"},
    "login": {"istio": "Istio's gateway asks it about each request", "gateway": "all is reached through it"},
    "notebooks": {"login": _SIGNED_IN, "profiles": _IN_PROFILES, "poddefaults": "its form offers them"},
    "pipelines": {"login": _SIGNED_IN, "profiles": _IN_PROFILES},
    "profiles": {"roles": "a profile binds them to its owner"},
    "tensorboards": {"login": _SIGNED_IN, "profiles": _IN_PROFILES},
    "training": {"jobset": "a TrainJob becomes a JobSet"},
    "volumes": {"login": _SIGNED_IN, "profiles": _IN_PROFILES},
}
"""What no manifest shows: the parts that a part needs, and why; those that a release lacks do not count."""

# Rules that say when, not whether: without the other object nothing is missing.
ORDER_ONLY = frozenset({"aggregate_needs_parts", "gate", "object_needs_policy", "object_needs_webhook"})
# Rules whose target comes by itself.
ALONE = frozenset(
    {
        "object_needs_namespace",
        "workload_needs_limits",
        "workload_needs_network_policies",
        "workload_needs_watched_kinds",
    }
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part that is installed: how many objects of it, and why."""

    name: str
    objects: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is installed of a release: the objects, the parts, and single objects of other parts, by title with why.

    `existing` are the objects of parts that the cluster has already.
    """

    objects: list[Manifest]
    existing: list[Manifest]
    parts: tuple[Part, ...]
    singles: Mapping[str, str]


def choose(graph: Graph, wanted: Collection[str], existing: Collection[str]) -> Selection:
    """The wanted parts (all of them for none) with all that they need, but for what exists.

    UserError for a part that the release does not have, or that is both wanted and existing.
    """
    part_of = _parts(graph)
    check_names(wanted, existing, set(part_of.values()))
    needs = _needs(graph)
    members: dict[str, list[ObjectId]] = defaultdict(list)
    for id_, name in part_of.items():
        members[name].append(id_)
    why = dict.fromkeys(wanted, "wanted") or dict.fromkeys(sorted(members), "the whole release is wanted")
    why = {name: reason for name, reason in why.items() if name not in existing}
    singles: dict[ObjectId, str] = {}
    queue: list[ObjectId] = [id_ for name in why for id_ in members[name]]
    for name in list(why):
        _add_hidden(name, why, existing, members, queue)
    seen: set[ObjectId] = set()
    while queue:
        id_ = queue.pop(0)
        if id_ in seen:
            continue
        seen.add(id_)
        for edge, target in needs.get(id_, ()):
            name = part_of[target]
            if name in existing or name in why:
                continue
            if edge.rule in ALONE:
                singles.setdefault(target, edge.reason)
                queue.append(target)
                continue
            why[name] = f"{id_.title} of {part_of[id_]} needs it: {edge.reason}"
            queue += members[name]
            _add_hidden(name, why, existing, members, queue)
    nodes = [node for node in graph.nodes if node.gate is None]
    chosen = {id_ for id_ in (*seen, *singles) if part_of[id_] not in existing}
    return Selection(
        objects=[node.manifest for node in nodes if node.id in chosen],
        existing=[node.manifest for node in nodes if part_of[node.id] in existing],
        parts=tuple(Part(name=name, objects=len(members[name]), why=reason) for name, reason in why.items()),
        singles={id_.title: reason for id_, reason in singles.items() if part_of[id_] not in why},
    )


def check_names(wanted: Collection[str], existing: Collection[str], known: Collection[str]) -> None:
    """UserError for a part that is not known, with the nearest ones, or one in both settings."""
    for key, names in (("kubeflowParts", wanted), ("kubeflowExisting", existing)):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=2)
                hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(sorted(known))}."
                raise UserError(f"{key} names {name!r}, which is no part of this release; {hint}")
    if both := sorted({*wanted} & {*existing}):
        raise UserError(f"{both[0]} is in kubeflowParts and in kubeflowExisting; keep it in one of them.")


def _add_hidden(
    name: str,
    why: dict[str, str],
    existing: Collection[str],
    members: Mapping[str, Sequence[ObjectId]],
    queue: list[ObjectId],
) -> None:
    """Adds the parts that a part needs though no manifest shows it, and theirs."""
    for other, reason in HIDDEN.get(name, {}).items():
        if other in members and other not in why and other not in existing:
            why[other] = f"{name} needs it: {reason}"
            queue += members[other]
            _add_hidden(other, why, existing, members, queue)


def _parts(graph: Graph) -> dict[ObjectId, str]:
    """The part of every object; gates are none."""
    of_component = {component: name for name, several in PARTS.items() for component in several}
    found = components(graph)
    nodes = [node for node in graph.nodes if node.gate is None]
    platform = Platform([node.manifest for node in nodes])
    definitions = {kind: definition.id for kind, definition in platform.definitions.items()}
    homes = {node.id.name: of_component.get(found[node.id], "") for node in nodes if node.id.kind == "Namespace"}
    about = _about(graph, found, of_component)
    parts = {}
    for node in nodes:
        component = about.get(node.id, found[node.id])
        definition = definitions.get((node.id.group, node.id.kind))
        if selected := {found[id_] for id_ in _selected(node.manifest, platform)}:
            # A policy belongs to whom it is about, whoever wrote it.
            component = component if component in selected else min(selected)
        elif (component not in of_component and definition) or (of_component.get(component) == "roles" and definition):
            component = about.get(definition, found[definition])
        part = of_component.get(component, component)
        if part == "istio" and node.id.namespace and node.id.group.endswith("istio.io"):
            part = homes.get(node.id.namespace) or "gateway"
        parts[node.id] = part
    return parts


def _about(graph: Graph, labelled: Mapping[ObjectId, str], known: Collection[str]) -> dict[ObjectId, str]:
    """The components of what says little of itself, where one alone is told.

    Workloads are of their account, definitions of the one who watches, webhooks of who answers or completes them.
    """
    pairs = [
        (edge.rule, graph.node(edge.source).gate or edge.source, graph.node(edge.target).gate or edge.target)
        for edge in graph.edges
    ]
    accounts = {
        source: labelled[target]
        for rule, source, target in pairs
        if rule == "workload_needs_account" and labelled[source] not in known
    }
    found = {**labelled, **accounts}
    told: dict[ObjectId, set[str]] = defaultdict(set)
    for rule, source, target in pairs:
        if rule == "webhook_needs_backend":
            told[source].add(found[target])
        elif rule == "backend_needs_own_webhook" or (
            rule == "workload_needs_watched_kinds" and found[target] not in known
        ):
            told[target].add(found[source])
    return accounts | {id_: several.pop() for id_, several in told.items() if len(several) == 1}


def _selected(manifest: Manifest, platform: Platform) -> Iterator[ObjectId]:
    """The workloads that a policy is about."""
    spec = mapping(manifest.get("spec"))
    selector = spec.get("podSelector") if manifest["kind"] == "NetworkPolicy" else spec.get("selector")
    if manifest["kind"] in ("AuthorizationPolicy", "NetworkPolicy", "RequestAuthentication") and selector:
        id_ = id_of(manifest)
        for workload in platform.selected(platform.namespace(id_), parse(selector, lambda fault: fault)):
            yield workload.id


def _needs(graph: Graph) -> dict[ObjectId, list[tuple[Edge, ObjectId]]]:
    """What each object needs besides being in order, also where a need was dropped; a gate stands for its object."""
    found: dict[ObjectId, list[tuple[Edge, ObjectId]]] = defaultdict(list)
    for edge in (*graph.edges, *(one.edge for one in graph.dropped)):
        if edge.rule not in ORDER_ONLY:
            source, target = (graph.node(id_).gate or id_ for id_ in (edge.source, edge.target))
            found[source].append((edge, target))
    return found
