"""Rules about what pods mount and run with: configuration, secrets, what they name."""

from collections.abc import Callable, Iterator

from ordering.graph import selectors
from ordering.graph.controllers import WRITTEN
from ordering.graph.edges import Finding, Need, Strength
from ordering.graph.ids import ObjectId
from ordering.graph.index import Workload, mapping
from ordering.graph.pods import Reference, references
from ordering.graph.rules.facts import Facts

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
    writer = WRITTEN.get((reference.kind, reference.name))
    if not facts.platform.find(*place):
        if writer and facts.controllers.workloads(writer):
            if not reference.optional:
                yield from facts.needs_controller(workload.id, writer, f"{reason}, which {writer.title} writes")
            return
        if reference.kind == "Secret" and (namespace, reference.name) in facts.certificates:
            # Rule workload_needs_certificate covers it.
            return
        if reference.kind == "Secret" and (makers := facts.secret_makers(namespace, reference.name)):
            for maker in makers:
                # A pod starts without what is optional; a Job is there for nothing else.
                if maker != workload.id and (maker.kind == "Job" or not reference.optional):
                    yield Need(workload.id, maker, f"{reason}, which {maker.title} makes", Strength.OPTIONAL)
            return
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
