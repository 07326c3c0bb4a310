"""Rules about where an object lives and what defines its kind: namespaces, definitions, conversion, aggregation."""

from collections import defaultdict
from collections.abc import Iterator

from ordering.errors import UserError
from ordering.graph import kinds
from ordering.graph.controllers import PROFILES
from ordering.graph.edges import Finding, Gate, Need, Strength, Unresolved, Warned
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, mapping
from ordering.graph.rules.certificates import injected
from ordering.graph.rules.facts import Facts
from ordering.graph.webhooks import has_authority


def object_needs_namespace(facts: Facts) -> Iterator[Finding]:
    """Whatever lives in a namespace needs it: the API server answers 404 otherwise."""
    platform = facts.platform
    for id_ in platform.objects:
        namespace = platform.namespace(id_)
        if namespace in kinds.NAMESPACES or namespace in facts.profiles or not namespace:
            # Rule object_needs_profile covers the namespaces that Profiles make.
            continue
        yield from facts.needs_object(id_, ("", "Namespace", "", namespace), f"Namespace {namespace} must exist")


def object_needs_profile(facts: Facts) -> Iterator[Finding]:
    """What lives in a namespace that no manifest creates needs the Profile whose controller creates it."""
    for id_ in facts.platform.objects:
        if profile := facts.profiles.get(facts.platform.namespace(id_)):
            yield Need(id_, profile, f"Namespace {profile.name} is made by {PROFILES.title} for Profile {profile.name}")


def custom_resource_needs_definition(facts: Facts) -> Iterator[Finding]:
    """A custom resource needs its CustomResourceDefinition, Established; UserError when its version is not served."""
    platform = facts.platform
    for id_ in platform.objects:
        version = id_.api_version.rpartition("/")[2]
        definition = platform.definitions.get((id_.group, id_.kind))
        if definition is not None:
            if version not in definition.served:
                served = ", ".join(sorted(definition.served))
                fault = f"{id_.title} is written in {id_.api_version}, which {definition.id.name} does not serve"
                raise UserError(f"{fault}: use {served}.")
            yield Need(id_, definition.id, f"CustomResourceDefinition {definition.id.name} must be Established")
        elif facts.makers.of.get(id_) == ():
            reason = f"no manifest defines the kind {id_.kind}"
            yield Unresolved(id_, f"CustomResourceDefinition for {id_.kind} in {id_.group}", reason)


def custom_resource_needs_maker(facts: Facts) -> Iterator[Finding]:
    """A custom resource whose kind no manifest defines comes after what makes that kind at run time.

    What only may make it is a guess, and dropped where it would close a circle; so are workloads, whatever they name.
    """
    for id_, makers in facts.makers.of.items():
        for maker in makers:
            required = maker.named and maker.id not in facts.platform.workloads
            reason = f"{maker.id.title} {'makes' if maker.named else 'may make'} the kind {id_.kind} when it runs"
            yield Need(id_, maker.id, reason, Strength.REQUIRED if required else Strength.OPTIONAL)


def custom_resource_needs_conversion(facts: Facts) -> Iterator[Finding]:
    """A custom resource needs what converts it between versions; its definition never does.

    When one is written in another version than the stored one, its own CREATE is converted: that waits until the
    definition's caBundle is filled as well.
    """
    platform = facts.platform
    written = defaultdict(list)
    for id_ in platform.objects:
        if definition := platform.definitions.get((id_.group, id_.kind)):
            written[definition.id].append(id_)
    for definition in platform.definitions.values():
        conversion = mapping(mapping(platform.objects[definition.id].get("spec")).get("conversion"))
        client = mapping(mapping(conversion.get("webhook")).get("clientConfig"))
        service = mapping(client.get("service"))
        resources = written[definition.id]
        if conversion.get("strategy") != "Webhook" or not service or not resources:
            continue
        place = ("", "Service", str(service.get("namespace")), str(service.get("name")))
        reason = f"answers conversions of {definition.plural}.{definition.group}"
        found = platform.find(*place)
        backends = [found, *(workload.id for workload in platform.behind(found))] if found else []
        if not backends:
            yield Unresolved(definition.id, f"Service {place[2]}/{place[3]}", reason)
        for id_ in resources:
            yield from (Need(id_, backend, f"{backend.title} {reason}") for backend in backends)
        converted = frozenset(id_ for id_ in resources if id_.api_version.rpartition("/")[2] != definition.stored)
        if converted and not has_authority(client.get("caBundle")):
            yield Gate(definition.id, f"{definition.id.name} converts only once its caBundle is filled", held=converted)
            for backend in backends:
                yield Need(definition.id, backend, f"{backend.title} {reason}", readiness=True)
            yield from injected(facts, definition.id)


def api_service_needs_backend(facts: Facts) -> Iterator[Finding]:
    """An APIService needs its Service and the workloads behind it, Available, and the CA it is to be trusted by."""
    platform = facts.platform
    for id_ in platform.of_kind("apiregistration.k8s.io", "APIService"):
        service = mapping(mapping(platform.objects[id_].get("spec")).get("service"))
        if not service:
            continue
        place = ("", "Service", str(service.get("namespace")), str(service.get("name")))
        yield from facts.needs_object(id_, place, f"Service {place[2]}/{place[3]} serves {id_.name}")
        if found := platform.find(*place):
            for workload in platform.behind(found):
                yield Need(id_, workload.id, f"{workload.id.title} must be Available to serve {id_.name}")
        yield from injected(facts, id_)


def object_needs_api_service(facts: Facts) -> Iterator[Finding]:
    """An object of an aggregated group needs the group's APIService, Available."""
    platform = facts.platform
    services = _api_services(platform)
    for id_ in platform.objects if services else ():
        if service := services.get((id_.group, id_.api_version.rpartition("/")[2])):
            yield Need(id_, service, f"APIService {service.name} must be Available")


def service_selects_workloads(facts: Facts) -> Iterator[Finding]:
    """No edges: says which Services select nothing, which often is a typing mistake."""
    platform = facts.platform
    for id_ in platform.of_kind("", "Service"):
        if mapping(platform.objects[id_].get("spec")).get("selector") and not platform.behind(id_):
            yield Warned(id_, f"{id_.title} selects the pods of no workload in the manifests")


def _api_services(platform: Platform) -> dict[tuple[str, str], ObjectId]:
    """APIServices with a Service behind them, by group and version; the others are served by the API server itself."""
    found = {}
    for id_ in platform.of_kind("apiregistration.k8s.io", "APIService"):
        spec = mapping(platform.objects[id_].get("spec"))
        if spec.get("service"):
            found[str(spec.get("group") or ""), str(spec.get("version"))] = id_
    return found
