"""Rules about who fills the caBundle of a webhook configuration where cert-manager is not asked to."""

from collections.abc import Iterator, Sequence

from ordering.graph.controllers import WATCHES_ITS_WEBHOOKS
from ordering.graph.edges import Finding, Gate, Need, Strength
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping
from ordering.graph.pods import arguments, references
from ordering.graph.rules.admission import interception
from ordering.graph.rules.certificates import is_injected
from ordering.graph.rules.facts import Facts
from ordering.graph.webhooks import GROUP, pod_request


def backend_needs_own_webhook(facts: Facts) -> Iterator[Finding]:
    """A backend that fills the caBundle of its own configuration needs that configuration to exist.

    Many are ready only once it is filled, and some end where it is not there. The configuration is sent first; a gate,
    which waits for the backend and the caBundle, holds back all that the webhook intercepts. On destroy the backend
    goes before the configuration, so what the webhook intercepts on DELETE waits for the gate as well. A webhook that
    intercepts its own backend cannot come first and gets no gate.
    """
    for configuration in _unfilled(facts):
        backends = {w.id: w for webhook in facts.webhooks.of[configuration] for w in facts.backends(webhook)}
        filling = [w for w in backends.values() if _fills_own(facts, w, configuration)]
        if not filling or configuration in _interceptors(facts, list(backends.values())):
            continue
        yield from _gate(facts, configuration, filling, "its backend fills its caBundle")
        for workload in filling:
            reason = f"is ready only once it has written its CA into {configuration.title}"
            yield Need(workload.id, configuration, reason)


def job_needs_webhook(facts: Facts) -> Iterator[Finding]:
    """A Job that patches the CA of a webhook configuration needs it, and what the webhook intercepts needs the Job.

    So ingress-nginx and others have it, with kube-webhook-certgen: one Job makes a Secret, and the next writes the CA
    in it into the configuration; it fails where either is not there.
    """
    jobs = [facts.platform.workloads[id_] for id_ in facts.platform.of_kind("batch", "Job")]
    for configuration in _unfilled(facts) if jobs else ():
        filling = _patching(facts, jobs, configuration)
        if not filling or configuration in _interceptors(facts, filling):
            continue
        yield from _gate(facts, configuration, filling, "a Job patches its caBundle")
        for job in filling:
            yield Need(job.id, configuration, f"patches the caBundle of {configuration.title}")
            yield Need(configuration, job.id, f"{job.id.title} patches its caBundle", readiness=True)
            for other in jobs:
                for name in facts.secrets_of(other) & facts.secrets_of(job) if other not in filling else ():
                    reason = f"reads Secret {name}, which {other.id.title} makes"
                    yield Need(job.id, other.id, reason, Strength.OPTIONAL)


def _unfilled(facts: Facts) -> Iterator[ObjectId]:
    """The configurations whose caBundles somebody must fill at run time, unasked by an annotation."""
    for configuration, webhooks in facts.webhooks.of.items():
        if not is_injected(facts.platform, configuration) and all(w.rules and not w.has_authority for w in webhooks):
            yield configuration


def _interceptors(facts: Facts, workloads: Sequence[Workload]) -> set[ObjectId]:
    """The configurations that workloads, or their pods, pass when they are created."""
    own = [request for workload in workloads if (request := facts.webhooks.request(workload.id))]
    own += [pod_request(workload.namespace, workload.labels) for workload in workloads]
    return {webhook.configuration for request in own for webhook, _ in facts.webhooks.intercepting(request)}


def _gate(facts: Facts, configuration: ObjectId, filling: Sequence[Workload], by: str) -> Iterator[Finding]:
    early = frozenset(workload.id for workload in filling)
    yield Gate(configuration, f"{configuration.title} must exist before {by}", early=early)
    for id_, request, subject in facts.requests():
        for webhook, decided in facts.webhooks.intercepting(request, "DELETE"):
            if webhook.configuration == configuration:
                yield interception(id_, webhook, decided, subject.replace("CREATE", "DELETE"))


def _fills_own(facts: Facts, workload: Workload, configuration: ObjectId) -> bool:
    """Whether a backend shows one of the three signs of filling the caBundle of its own configuration.

    It is told the configuration's name (Spark operator: `--mutating-webhook-name`, and its readiness can check the
    bundle), or it mounts a Secret rendered empty that nobody else fills (open-policy-agent/cert-controller in JobSet,
    Trainer and Training operator: ready once the certificate is mounted and injected), or it may write into the
    configuration (CloudNativePG, pkg/certs/k8s.go, issue 3753: it ends where one of its configurations is not there).
    """
    if any("webhook" in word and word.partition("=")[2] == configuration.name for word in arguments(workload)):
        return True
    for reference in references(workload):
        place = (workload.namespace, reference.name)
        if reference.kind == "Secret" and reference.use.startswith("volume") and not reference.optional:
            secret = facts.platform.find("", "Secret", *place)
            if secret and place not in facts.certificates and _is_empty(facts.platform, secret):
                return True
    watches = any(workload.id in facts.controllers.workloads(one) for one in WATCHES_ITS_WEBHOOKS)
    return not watches and _may_write(facts, workload, configuration)


def _patching(facts: Facts, jobs: Sequence[Workload], configuration: ObjectId) -> list[Workload]:
    """The Jobs that may write into a configuration and whose arguments name it; else those that run beside it."""
    allowed = [job for job in jobs if _may_write(facts, job, configuration)]
    places = {webhook.service[0] for webhook in facts.webhooks.of[configuration] if webhook.service}
    named = [job for job in allowed if any(configuration.name == word.rpartition("=")[2] for word in arguments(job))]
    return named or [job for job in allowed if job.namespace in places]


def _may_write(facts: Facts, workload: Workload, configuration: ObjectId) -> bool:
    resource = f"{configuration.kind.lower()}s"
    return facts.powers.may(workload, ("patch", "update"), GROUP, resource, configuration.name)


def _is_empty(platform: Platform, secret: ObjectId) -> bool:
    manifest = platform.objects[secret]
    return not mapping(manifest.get("data")) and not mapping(manifest.get("stringData"))
