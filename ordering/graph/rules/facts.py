"""What rules share: the indexed platform, its webhooks, its controllers, and who writes which Secret."""

from collections.abc import Iterator

from ordering.graph.controllers import PROFILE_LABELS, Controller, Controllers, profiles
from ordering.graph.edges import Finding, Need, Strength, Unresolved
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping
from ordering.graph.made import is_made
from ordering.graph.webhooks import Webhook, Webhooks

CERT_MANAGER_GROUP = "cert-manager.io"


class Facts:
    """Read by rules, changed by none."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.controllers = Controllers(platform)
        self.profiles = profiles(platform)
        self.webhooks = Webhooks(platform, dict.fromkeys(self.profiles, PROFILE_LABELS))
        self.certificates: dict[tuple[str, str], ObjectId] = {}
        for id_ in platform.of_kind(CERT_MANAGER_GROUP, "Certificate"):
            secret = mapping(platform.objects[id_].get("spec")).get("secretName")
            self.certificates.setdefault((id_.namespace, str(secret)), id_)

    def backends(self, webhook: Webhook) -> list[Workload]:
        """The workloads that answer a webhook; none when its Service is not among the manifests."""
        if webhook.service is None:
            return []
        service = self.platform.find("", "Service", *webhook.service)
        return self.platform.behind(service) if service else []

    def needs_controller(self, source: ObjectId, controller: Controller, reason: str) -> Iterator[Need]:
        """Needs of every workload that runs a controller, apart from the source itself."""
        for workload in self.controllers.workloads(controller):
            if workload != source:
                yield Need(source, workload, reason)

    def needs_object(
        self,
        source: ObjectId,
        wanted: tuple[str, str, str, str],
        reason: str,
        strength: Strength = Strength.REQUIRED,
    ) -> Iterator[Finding]:
        """The need of the object `wanted` (group, kind, namespace, name); unresolved when required and nowhere.

        What every cluster has is somewhere.
        """
        _, kind, namespace, name = wanted
        if target := self.platform.find(*wanted):
            yield Need(source, target, reason, strength)
        elif strength > Strength.OPTIONAL and not is_made(*wanted):
            called = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
            yield Unresolved(source, called, reason, wanted)
