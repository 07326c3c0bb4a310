"""What rules share: the indexed platform, its webhooks and controllers, and who may do, makes and writes what."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from ordering.graph.controllers import PROFILE_GROUP, PROFILE_LABELS, Controller, Controllers, profiles
from ordering.graph.edges import Finding, Need, Strength, Unresolved
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping
from ordering.graph.made import is_made
from ordering.graph.makers import Makers
from ordering.graph.operators import Kind, Operator, operators
from ordering.graph.overrides import overrides
from ordering.graph.pods import arguments, first, references, values
from ordering.graph.policies import Policies
from ordering.graph.powers import Powers
from ordering.graph.selectors import Labels
from ordering.graph.webhooks import Request, Webhook, Webhooks, pod_request

CERT_MANAGER_GROUP = "cert-manager.io"


class Facts:
    """Read by rules, changed by none."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.overrides = overrides(platform)
        self.controllers = Controllers(platform)
        self.profiles = profiles(platform)
        self.powers = Powers(platform)
        self.makers = Makers(platform, self.powers)
        self.webhooks = Webhooks(platform, dict.fromkeys(self.profiles, PROFILE_LABELS))
        self.certificates: dict[tuple[str, str], ObjectId] = {}
        for id_ in platform.of_kind(CERT_MANAGER_GROUP, "Certificate"):
            secret = mapping(platform.objects[id_].get("spec")).get("secretName")
            self.certificates.setdefault((id_.namespace, str(secret)), id_)

    @cached_property
    def operators(self) -> Mapping[Kind, tuple[Operator, ...]]:
        """The workloads that seem to finish the objects of a kind, for the kinds that no table knows."""
        return operators(self.platform, self.webhooks)

    @cached_property
    def policies(self) -> Policies:
        """The admission policies of this platform and their bindings."""
        return Policies(self.platform, self.webhooks)

    def requests(self) -> Iterator[tuple[ObjectId, Request, str]]:
        """Each object with the requests that create it and its pods, and what to call them.

        A Profile counts with a pod in its namespace, of none of the labels that webhooks ask for: other controllers
        make some as soon as it is there, such as the server of artifacts that Pipelines attaches.
        """
        for id_ in self.platform.objects:
            if request := self.webhooks.request(id_):
                yield id_, request, "its CREATE"
        for workload in self.platform.workloads.values():
            if workload.id.kind != "Pod":
                request = pod_request(workload.namespace, workload.labels)
                yield workload.id, request, "the CREATE of its pods"
        for profile in self.platform.of_kind(PROFILE_GROUP, "Profile"):
            yield profile, pod_request(profile.name, Labels()), "the CREATE of pods in its namespace"

    def backends(self, webhook: Webhook) -> list[Workload]:
        """The workloads that answer a webhook; none when its Service is not among the manifests."""
        if webhook.service is None:
            return []
        service = self.platform.find("", "Service", *webhook.service)
        return self.platform.behind(service) if service else []

    def secrets_of(self, workload: Workload) -> frozenset[str]:
        """The Secrets of its namespace that its arguments name, in a flag that says so (`--secret-name=NAME`)."""
        flags = (word.partition("=") for word in arguments(workload))
        return frozenset(value for flag, _, value in flags if value and flag.startswith("-") and "secret" in flag)

    def secret_makers(self, namespace: str, name: str) -> list[ObjectId]:
        """What makes a Secret that no manifest holds: Jobs whose arguments name it, else workloads that seem to.

        Such a workload may create Secrets there, names this one (in its arguments or environment, as an optional
        reference, or in its role), and starts without it: KEDA's operator `kedaorg-certs`, MetalLB's controller
        `memberlist`, an init container of Argo CD's Redis `argocd-redis` (their manifests of August 2026).
        """
        residents = self.platform.residents(namespace)
        jobs = [one.id for one in residents if one.id.kind == "Job" and name in self.secrets_of(one)]
        return jobs or [one.id for one in residents if self._makes(one, name)]

    def _makes(self, workload: Workload, secret: str) -> bool:
        place = workload.namespace
        found = [one for one in references(workload) if (one.kind, one.name) == ("Secret", secret)]
        named = (
            any(one.optional for one in found)
            or any(secret == word.rpartition("=")[2] for word in arguments(workload))
            or secret in values(workload)
            or self.powers.names_object(workload, "secrets", secret, namespace=place)
        )
        return (
            named
            and self.powers.may(workload, ("create",), "", "secrets", namespace=place)
            and not any((one.kind, one.name, one.optional) == ("Secret", secret, False) for one in first(workload))
        )

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
