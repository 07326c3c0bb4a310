"""Rules about admission webhooks: what stands behind them, and what must wait for them."""

from collections.abc import Iterator

from ordering.graph import selectors
from ordering.graph.controllers import ISTIO, ISTIO_CNI
from ordering.graph.edges import Finding, Need, Strength, Unresolved
from ordering.graph.ids import ObjectId
from ordering.graph.rules.certificates import injected
from ordering.graph.rules.facts import Facts
from ordering.graph.webhooks import Webhook


def webhook_needs_backend(facts: Facts) -> Iterator[Finding]:
    """A webhook configuration needs its Service and the workloads behind it: from its first second it refuses."""
    for configuration, webhooks in facts.webhooks.of.items():
        for webhook in webhooks:
            if webhook.service is None:
                continue
            place = "/".join(webhook.service)
            service = facts.platform.find("", "Service", *webhook.service)
            if service is None:
                yield Unresolved(configuration, f"Service {place}", f"answers the webhook {webhook.name}")
                continue
            yield Need(configuration, service, f"Service {place} leads to the webhook's backend", readiness=True)
            for workload in facts.platform.behind(service):
                reason = f"{workload.id.title} must be Available to answer the webhook"
                yield Need(configuration, workload.id, reason, readiness=True)


def webhook_needs_certificate(facts: Facts) -> Iterator[Finding]:
    """A webhook configuration that cert-manager completes needs the Certificate and the CA injector.

    Only a filled caBundle makes it answer: a backend that is Available is not enough (cert-manager issue 2908).
    """
    for configuration in facts.webhooks.of:
        yield from injected(facts, configuration)


def injector_needs_network_plugin(facts: Facts) -> Iterator[Finding]:
    """Istio's injector needs the network plugin on the nodes, if it is part of the platform.

    The pods that it changes check in an init container that the plugin has redirected their traffic, and fail if not.
    """
    injectors = set(facts.controllers.workloads(ISTIO))
    for configuration, webhooks in facts.webhooks.of.items():
        if any(rule.matches_resource("pods") for webhook in webhooks for rule in webhook.rules) and any(
            workload.id in injectors for webhook in webhooks for workload in facts.backends(webhook)
        ):
            yield from facts.needs_controller(configuration, ISTIO_CNI, "the pods that it changes fail without it")


def object_needs_webhook(facts: Facts) -> Iterator[Finding]:
    """An object needs a webhook when its own CREATE, or that of the pods it makes, goes through it."""
    for id_, request, subject in facts.requests():
        for webhook, decided in facts.webhooks.intercepting(request):
            yield interception(id_, webhook, decided, subject)


def interception(id_: ObjectId, webhook: Webhook, decided: bool, subject: str, verb: str = "goes") -> Need:
    """The need of an object for the webhook that its request goes through, or may go through."""
    may = verb if decided else "may go"
    reason = f"{subject} {may} through the webhook {webhook.name}"
    strength = Strength.INTERCEPTED if decided else Strength.UNDECIDED
    return Need(id_, webhook.configuration, reason, strength)


def backend_needs_configuration(facts: Facts) -> Iterator[Finding]:
    """The backend of a webhook rendered without rules needs the ConfigMaps that the webhook will intercept.

    Knative fills the rules in when it starts; from then on those ConfigMaps pass the webhook, so they exist before.
    """
    platform = facts.platform
    for webhook in _all(facts):
        if webhook.rules or not webhook.objects:
            continue
        for id_ in platform.of_kind("", "ConfigMap"):
            request = facts.webhooks.request(id_)
            if request is None or selectors.matches(webhook.objects, request.labels) is not True:
                continue
            for workload in facts.backends(webhook):
                reason = f"its webhook {webhook.name} will intercept ConfigMap {id_.name}, which must exist before"
                yield Need(workload.id, id_, reason)


def _all(facts: Facts) -> Iterator[Webhook]:
    for webhooks in facts.webhooks.of.values():
        yield from webhooks
