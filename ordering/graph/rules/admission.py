"""Rules about admission webhooks: what stands behind them, and what must wait for them."""

from collections.abc import Iterator

from ordering.graph import selectors
from ordering.graph.controllers import ISTIO, ISTIO_CNI
from ordering.graph.edges import Finding, Gate, Need, Strength, Unresolved
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping, texts
from ordering.graph.pods import references
from ordering.graph.rules.certificates import injected, is_injected
from ordering.graph.rules.facts import Facts
from ordering.graph.webhooks import Webhook, pod_request


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
            yield _interception(id_, webhook, decided, subject)


def _interception(id_: ObjectId, webhook: Webhook, decided: bool, subject: str, verb: str = "goes") -> Need:
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


def backend_needs_own_webhook(facts: Facts) -> Iterator[Finding]:
    """A backend that is ready only once its own configuration carries its CA needs that configuration to exist.

    The configuration is sent first; a gate, which waits for the backend and the caBundle, holds back all that the
    webhook intercepts. On destroy the backend goes before the configuration, so what the webhook intercepts on DELETE
    waits for the gate as well. A webhook that intercepts its own backend cannot come first and gets no gate.
    """
    for configuration, webhooks in facts.webhooks.of.items():
        if is_injected(facts.platform, configuration) or any(w.has_authority or not w.rules for w in webhooks):
            continue
        backends = {w.id: w for webhook in webhooks for w in facts.backends(webhook)}
        waiting = [w for w in backends.values() if _awaits_authority(facts, w, configuration)]
        own = [request for id_ in backends if (request := facts.webhooks.request(id_))]
        own += [pod_request(workload) for workload in backends.values()]
        intercepted = {webhook.configuration for request in own for webhook, _ in facts.webhooks.intercepting(request)}
        if not waiting or configuration in intercepted:
            continue
        reason = f"{configuration.title} must exist before its backend fills its caBundle"
        yield Gate(configuration, reason, early=frozenset(workload.id for workload in waiting))
        for workload in waiting:
            reason = f"is ready only once it has written its CA into {configuration.title}"
            yield Need(workload.id, configuration, reason)
        for id_, request, subject in facts.requests():
            for webhook, decided in facts.webhooks.intercepting(request, "DELETE"):
                if webhook.configuration == configuration:
                    yield _interception(id_, webhook, decided, subject.replace("CREATE", "DELETE"))


def _all(facts: Facts) -> Iterator[Webhook]:
    for webhooks in facts.webhooks.of.values():
        yield from webhooks


def _awaits_authority(facts: Facts, workload: Workload, configuration: ObjectId) -> bool:
    """Whether a backend shows one of the two signs of filling its own caBundle before it is ready.

    It is told the configuration's name (Spark operator: `--mutating-webhook-name`, and its readiness can check the
    bundle), or it mounts a Secret rendered empty that nobody else fills (open-policy-agent/cert-controller in JobSet,
    Trainer and Training operator: ready once the certificate is mounted and injected).
    """
    for container in workload.containers:
        words = [word for field in ("command", "args") for word in texts(container.get(field))]
        if any("webhook" in word and word.partition("=")[2] == configuration.name for word in words):
            return True
    for reference in references(workload):
        place = (workload.namespace, reference.name)
        if reference.kind == "Secret" and reference.use.startswith("volume") and not reference.optional:
            secret = facts.platform.find("", "Secret", *place)
            if secret and place not in facts.certificates and _is_empty(facts.platform, secret):
                return True
    return False


def _is_empty(platform: Platform, secret: ObjectId) -> bool:
    manifest = platform.objects[secret]
    return not mapping(manifest.get("data")) and not mapping(manifest.get("stringData"))
