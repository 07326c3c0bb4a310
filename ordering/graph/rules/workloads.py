"""Rules about what pods mount and run with: configuration, secrets, what they name."""

from collections.abc import Callable, Iterator

from ordering.graph import kinds, selectors
from ordering.graph.controllers import WRITTEN_CONFIG_MAPS
from ordering.graph.edges import Finding, Need, Strength
from ordering.graph.ids import ObjectId
from ordering.graph.index import Workload, mapping
from ordering.graph.pods import Reference, references
from ordering.graph.rules.facts import Facts

_BUILT_IN = {"ConfigMap": kinds.CONFIG_MAPS, "PriorityClass": kinds.PRIORITY_CLASSES}
_IN_CLUSTER = frozenset({"PriorityClass", "RuntimeClass"})


def workload_needs_references(facts: Facts) -> Iterator[Finding]:
    """A workload needs what its pods name: they wait, or are refused, until it is there."""
    for workload in facts.platform.workloads.values():
        for reference in references(workload):
            yield from _reference(facts, workload, reference)


def _reference(facts: Facts, workload: Workload, reference: Reference) -> Iterator[Finding]:
    namespace = "" if reference.kind in _IN_CLUSTER else workload.namespace
    place = (reference.group, reference.kind, namespace, reference.name)
    strength = Strength.OPTIONAL if reference.optional else Strength.REQUIRED
    reason = f"its pods use {reference.kind} {reference.name} ({reference.use})"
    writer = WRITTEN_CONFIG_MAPS.get(reference.name) if reference.kind == "ConfigMap" else None
    if facts.platform.find(*place):
        yield from facts.needs_object(workload.id, place, reason, strength)
    elif writer and facts.controllers.workloads(writer):
        if not reference.optional:
            yield from facts.needs_controller(workload.id, writer, f"{reason}, which {writer.title} writes")
    elif reference.kind == "Secret" and (namespace, reference.name) in facts.certificates:
        # Rule workload_needs_certificate covers it.
        return
    elif reference.kind == "Secret" and (jobs := facts.secret_makers(namespace, reference.name)):
        for job in jobs:
            if job != workload.id:
                yield Need(workload.id, job, f"{reason}, which {job.title} makes", Strength.OPTIONAL)
    elif reference.name not in _BUILT_IN.get(reference.kind, ()):
        yield from facts.needs_object(workload.id, place, reason, strength)


def stateful_set_needs_service(facts: Facts) -> Iterator[Finding]:
    """A StatefulSet needs the headless Service that gives its pods their names."""
    for id_ in facts.platform.of_kind("apps", "StatefulSet"):
        if name := mapping(facts.platform.objects[id_].get("spec")).get("serviceName"):
            place = ("", "Service", facts.platform.namespace(id_), str(name))
            yield from facts.needs_object(id_, place, f"Service {name} names its pods")


def workload_needs_network_policies(facts: Facts) -> Iterator[Finding]:
    """A workload needs the NetworkPolicies that govern its pods.

    One that denies works alone at once; what another allows, such as the API server's calls to a webhook, would be cut
    off until that one is there too.
    """
    for id_ in facts.platform.of_kind("networking.k8s.io", "NetworkPolicy"):
        spec = mapping(facts.platform.objects[id_].get("spec"))
        selector = selectors.parse(spec.get("podSelector"), _of_policy(id_))
        for workload in facts.platform.selected(facts.platform.namespace(id_), selector):
            yield Need(workload.id, id_, f"NetworkPolicy {id_.name} governs the traffic of its pods")


def _of_policy(id_: ObjectId) -> Callable[[str], str]:
    return lambda fault: f"{id_.title} has a podSelector that {fault}: fix it."


def workload_needs_limits(facts: Facts) -> Iterator[Finding]:
    """A workload needs the LimitRanges of its namespace: its pods get their limits when made."""
    for id_ in facts.platform.of_kind("", "LimitRange"):
        for workload in facts.platform.residents(facts.platform.namespace(id_)):
            yield Need(workload.id, id_, f"LimitRange {id_.name} sets the limits of its pods when they are created")
