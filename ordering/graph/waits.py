"""What must be true of an object before anything that needs it may go.

The conditions are those of kstatus, spelled for the annotation `pulumi.com/waitFor`. What pulumi-kubernetes 4.34 does
by itself: workloads wait for their own rollout, PersistentVolumeClaims for Bound (or Pending, with
WaitForFirstConsumer), Jobs for completion, Ingresses for an address; a Service with a selector waits 10 s and then
passes with no pod behind it; everything else, custom resources and their definitions among it, is done as soon as the
POST is answered. Whatever may wait for ever, and that nothing needs, is not waited for.

A path in `jsonpath={…}` is satisfied as soon as it selects something, and it is read from the live object, so the
annotation works on a `…Patch` resource too. A Patch of an object that does not exist creates it: a Patch of the
Namespace that a Profile is to make would take the namespace away from the controller. So the wait for it is on the
Profile: its controller adds `profile-finalizer` as its last step, when namespace, accounts and bindings are made.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ordering.errors import UserError
from ordering.graph.edges import Gate, Warned
from ordering.graph.expressions import fault
from ordering.graph.ids import ObjectId
from ordering.graph.index import CRD, mapping
from ordering.graph.pods import references
from ordering.graph.policies import SETTLE_S
from ordering.graph.rules.certificates import is_injected
from ordering.graph.rules.facts import CERT_MANAGER_GROUP, Facts
from ordering.manifests.objects import Manifest

WAIT_FOR = "pulumi.com/waitFor"
SKIP_AWAIT = "pulumi.com/skipAwait"
PATCH_FORCE = "pulumi.com/patchForce"


@dataclass(frozen=True)
class Wait:
    """The readiness of one object: expressions that must all hold, no wait at all, or what the provider does itself.

    `seconds` pass after that, where nothing tells when the object takes effect.
    """

    expressions: tuple[str, ...] = ()
    skip: bool = False
    seconds: float = 0

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations that make pulumi-kubernetes wait like this; none for the provider's default."""
        if self.skip:
            return {SKIP_AWAIT: "true"}
        if not self.expressions:
            return {}
        one = len(self.expressions) == 1
        return {WAIT_FOR: self.expressions[0] if one else json.dumps(list(self.expressions))}

    def __str__(self) -> str:
        if self.seconds:
            return f"{self.seconds:g} s"
        return "skip" if self.skip else ", ".join(self.expressions) or "default"


DEFAULT = Wait()
SKIP = Wait(skip=True)
_BY_KIND = {
    CRD: Wait(("condition=Established",)),
    ("", "Service"): SKIP,
}
# Where something needs them: an issuer may be outside of the cluster, and never answer.
_BY_KIND_IF_NEEDED = {
    (CERT_MANAGER_GROUP, "Certificate"): Wait(("condition=Ready",)),
    (CERT_MANAGER_GROUP, "Issuer"): Wait(("condition=Ready",)),
    (CERT_MANAGER_GROUP, "ClusterIssuer"): Wait(("condition=Ready",)),
}
_INGRESS = (("networking.k8s.io", "Ingress"), ("extensions", "Ingress"))
_PATCHED = f"jsonpath={{.metadata.annotations['{PATCH_FORCE}']}}=true"
_PROFILE = Wait(("jsonpath={.metadata.finalizers[0]}=profile-finalizer",))


def check_waits(objects: Mapping[ObjectId, Manifest]) -> None:
    """UserError for a manifest whose own `pulumi.com/waitFor` the provider could not read."""
    for id_, manifest in objects.items():
        value = mapping(mapping(manifest.get("metadata")).get("annotations")).get(WAIT_FOR)
        if isinstance(value, str) and (why := fault(value)):
            raise UserError(f"The annotation {WAIT_FOR} of {id_.title} is {value!r}, which {why}.")


class Waits:
    """The wait of every object and gate, given what others need and what is sent before it can be ready."""

    def __init__(self, facts: Facts, needed: frozenset[ObjectId], early: frozenset[ObjectId]) -> None:
        self._facts, self._needed, self._early = facts, needed, early
        self._claimed = {
            (workload.namespace, reference.name)
            for workload in facts.platform.workloads.values()
            for reference in references(workload)
            if reference.kind == "PersistentVolumeClaim"
        }
        self._populated = {profile for name, profile in facts.profiles.items() if self._has_objects(name)}

    def of(self, id_: ObjectId) -> Wait:
        """The wait that an object's own resource carries."""
        platform = self._facts.platform
        if id_ in self._facts.webhooks.of:
            return DEFAULT if id_ in self._early else self._authorities(id_)
        if id_ in self._populated:
            return _PROFILE
        if id_ in self._facts.policies.bindings:
            return Wait(seconds=SETTLE_S) if id_ in self._needed else DEFAULT
        if (id_.group, id_.kind) == ("", "PersistentVolumeClaim"):
            # A class that binds at the first consumer leaves it Pending; the pods that mount it are waited for anyway.
            return SKIP if (platform.namespace(id_), id_.name) in self._claimed else self._if_needed(id_, DEFAULT)
        if (id_.group, id_.kind) in _INGRESS or self._stalls(id_):
            return self._if_needed(id_, DEFAULT)
        if wait := _BY_KIND_IF_NEEDED.get((id_.group, id_.kind)):
            return wait if id_ in self._needed else DEFAULT
        if (id_.group, id_.kind) == ("apiregistration.k8s.io", "APIService"):
            service = mapping(mapping(platform.objects[id_].get("spec")).get("service"))
            place = ("", "Service", str(service.get("namespace")), str(service.get("name")))
            return Wait(("condition=Available",)) if platform.find(*place) or id_ in self._needed else DEFAULT
        return _BY_KIND.get((id_.group, id_.kind), DEFAULT)

    def warnings(self) -> Iterator[Warned]:
        """What is waited for because something needs it, and comes only with what the manifests do not show."""
        for id_ in self._needed:
            if missing := self._stalls(id_):
                yield Warned(id_, f"{id_.title} is waited for, since others need it: {missing}")

    def _if_needed(self, id_: ObjectId, wait: Wait) -> Wait:
        """A wait that only others' needs are worth, or the object's own annotation."""
        asked = id_ in self._needed or self._facts.platform.annotation(id_, WAIT_FOR)
        return wait if asked else SKIP

    def _stalls(self, id_: ObjectId) -> str:
        """What the object lacks to become ready, as far as the manifests show; empty when nothing holds it up."""
        spec = mapping(self._facts.platform.objects[id_].get("spec")) if id_ in self._facts.platform.objects else {}
        match id_.group, id_.kind:
            case kind if kind in _INGRESS:
                named = str(spec.get("ingressClassName") or "")
                if not named or not self._facts.platform.find("networking.k8s.io", "IngressClass", "", named):
                    class_ = f"of class {named}" if named else "of its class"
                    return f"it gets an address only from a controller {class_}, which no manifest brings"
            case "batch", "Job" if spec.get("suspend"):
                return "it is suspended, and completes only once somebody sets spec.suspend to false"
            case "apps", "Deployment" if spec.get("paused"):
                return "it is paused, and rolls out only once somebody sets spec.paused to false"
        return ""

    def of_gate(self, gate: Gate) -> Wait:
        """The wait that the gate in front of an object carries: its caBundle, and the gate's own annotation.

        The provider looks at the object as its watch saw it last, which may be before the patch: it would keep that in
        the state, and the next preview would miss the annotations.
        """
        if gate.target in self._facts.webhooks.of:
            return Wait((*self._bundles(gate.target), _PATCHED))
        return Wait(("jsonpath={.spec.conversion.webhook.clientConfig.caBundle}", _PATCHED))

    def _authorities(self, id_: ObjectId) -> Wait:
        """The wait for caBundles that somebody here will fill.

        cert-manager fills what it is asked to. A backend that fills its own is waited for only where an object needs
        it: nothing in the manifests says that it will.
        """
        backed = any(self._facts.backends(webhook) for webhook in self._facts.webhooks.of[id_])
        filled = is_injected(self._facts.platform, id_) or (id_ in self._needed and backed)
        return Wait(tuple(self._bundles(id_))) if filled else DEFAULT

    def _bundles(self, id_: ObjectId) -> list[str]:
        """One path for each webhook behind a Service whose CA is not rendered; rules yet to come may come without."""
        return [
            f"jsonpath={{.webhooks[{webhook.index}].clientConfig.caBundle}}"
            for webhook in self._facts.webhooks.of[id_]
            if webhook.service and webhook.rules and not webhook.has_authority
        ]

    def _has_objects(self, namespace: str) -> bool:
        platform = self._facts.platform
        return any(platform.namespace(id_) == namespace for id_ in platform.objects)
