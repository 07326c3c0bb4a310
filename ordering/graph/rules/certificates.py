"""Rules about cert-manager: who issues, who writes the Secret, who puts the CA where it is trusted."""

from collections.abc import Iterator

from ordering.errors import UserError
from ordering.graph.controllers import CA_INJECTOR, CERT_MANAGER, CERT_MANAGER_WEBHOOK
from ordering.graph.edges import Finding, Need, Strength, Unresolved
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, mapping
from ordering.graph.pods import references
from ordering.graph.rules.facts import CERT_MANAGER_GROUP, Facts

FROM_CERTIFICATE = "cert-manager.io/inject-ca-from"
FROM_SECRET = "cert-manager.io/inject-ca-from-secret"
FROM_API_SERVER = "cert-manager.io/inject-apiserver-ca"
_ISSUERS = ("Issuer", "ClusterIssuer")


def workload_needs_certificate(facts: Facts) -> Iterator[Finding]:
    """A workload whose pods use a Secret that a Certificate writes needs that Certificate, Ready."""
    for workload in facts.platform.workloads.values():
        for reference in references(workload):
            certificate = facts.certificates.get((workload.namespace, reference.name))
            if reference.kind == "Secret" and certificate:
                strength = Strength.OPTIONAL if reference.optional else Strength.REQUIRED
                secret = f"Secret {reference.name} ({reference.use})"
                reason = f"its pods use {secret}, which Certificate {certificate.name} writes"
                yield Need(workload.id, certificate, reason, strength)


def certificate_needs_issuer(facts: Facts) -> Iterator[Finding]:
    """A Certificate needs its issuer, Ready."""
    for id_ in facts.platform.of_kind(CERT_MANAGER_GROUP, "Certificate"):
        place = _issuer(facts, id_)
        yield from facts.needs_object(id_, place, f"is issued by {place[1]} {place[3]}, which must be Ready")


def _issuer(facts: Facts, certificate: ObjectId) -> tuple[str, str, str, str]:
    reference = mapping(mapping(facts.platform.objects[certificate].get("spec")).get("issuerRef"))
    kind = str(reference.get("kind") or "Issuer")
    namespace = "" if kind.startswith("Cluster") else certificate.namespace
    return str(reference.get("group") or CERT_MANAGER_GROUP), kind, namespace, str(reference.get("name"))


def issuer_needs_secret(facts: Facts) -> Iterator[Finding]:
    """An issuer that signs with a CA needs the Secret that holds it, or the Certificate that writes that Secret."""
    controllers = facts.controllers.workloads(CERT_MANAGER)
    # cert-manager keeps the Secrets of ClusterIssuers in its own namespace unless it is told otherwise.
    cluster_namespace = controllers[0].namespace if controllers else "cert-manager"
    for kind in _ISSUERS:
        for id_ in facts.platform.of_kind(CERT_MANAGER_GROUP, kind):
            authority = mapping(mapping(facts.platform.objects[id_].get("spec")).get("ca"))
            if name := authority.get("secretName"):
                place = (id_.namespace if kind == "Issuer" else cluster_namespace, str(name))
                reason = f"signs with the CA in Secret {place[0]}/{name}"
                if certificate := facts.certificates.get(place):
                    yield Need(id_, certificate, f"{reason}, which Certificate {certificate.name} writes")
                else:
                    yield from facts.needs_object(id_, ("", "Secret", *place), reason)


def issuer_needs_cert_manager(facts: Facts) -> Iterator[Finding]:
    """An issuer needs cert-manager: its Deployments, and its webhooks, which every request for a certificate passes.

    So does a Certificate whose issuer is not among the manifests.
    """
    platform, workloads = facts.platform, facts.controllers.workloads
    ours = {id_ for part in (CERT_MANAGER, CERT_MANAGER_WEBHOOK, CA_INJECTOR) for id_ in workloads(part)}
    issuers = [id_ for kind in _ISSUERS for id_ in platform.of_kind(CERT_MANAGER_GROUP, kind)]
    orphans = [
        id_ for id_ in platform.of_kind(CERT_MANAGER_GROUP, "Certificate") if not platform.find(*_issuer(facts, id_))
    ]
    configurations = sorted(
        id_
        for id_, webhooks in facts.webhooks.of.items()
        if any(workload.id in ours for webhook in webhooks for workload in facts.backends(webhook))
    )
    for id_ in (*issuers, *orphans):
        for workload in sorted(ours):
            yield Need(id_, workload, f"{workload.title} is part of cert-manager, which finishes {id_.kind}s")
        for configuration in configurations:
            yield Need(id_, configuration, f"requests for certificates pass {configuration.title}")


def is_injected(platform: Platform, id_: ObjectId) -> bool:
    """Whether cert-manager is asked to fill the object's caBundle."""
    return any(platform.annotation(id_, name) for name in (FROM_CERTIFICATE, FROM_SECRET, FROM_API_SERVER))


def injected(facts: Facts, id_: ObjectId) -> Iterator[Finding]:
    """What an object whose caBundle cert-manager is to fill needs for that; UserError for a malformed annotation."""
    platform = facts.platform
    values = {name: platform.annotation(id_, name) for name in (FROM_CERTIFICATE, FROM_SECRET, FROM_API_SERVER)}
    for name in (FROM_CERTIFICATE, FROM_SECRET):
        if not values[name]:
            continue
        namespace, slash, source = values[name].partition("/")
        if not (namespace and slash and source) or "/" in source:
            raise UserError(f"{id_.title} has {values[name]!r} as its {name}: write NAMESPACE/NAME.")
        reason = f"its caBundle comes from {'Certificate' if name == FROM_CERTIFICATE else 'Secret'} {values[name]}"
        if name == FROM_CERTIFICATE:
            found = platform.find(CERT_MANAGER_GROUP, "Certificate", namespace, source)
            if not found:
                yield Unresolved(id_, f"Certificate {values[name]}", reason)
        else:
            # A Secret that is nowhere is written at run time, as cert-manager's own is.
            found = facts.certificates.get((namespace, source)) or platform.find("", "Secret", namespace, source)
        if found:
            yield Need(id_, found, reason, readiness=True)
    if any(values.values()):
        injectors = facts.controllers.workloads(CA_INJECTOR)
        for injector in injectors:
            yield Need(id_, injector, f"{CA_INJECTOR.title} fills its caBundle", readiness=True)
        if not injectors:
            yield Unresolved(id_, CA_INJECTOR.title, "fills its caBundle")
