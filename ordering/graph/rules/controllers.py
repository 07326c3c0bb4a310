"""Rules about custom resources that a controller finishes, and about needs that people declare."""

from collections.abc import Iterator

from ordering.errors import UserError
from ordering.graph.controllers import CACHE_DEPLOYER, CONTROLLERS
from ordering.graph.edges import Finding, Need, Strength, Warned
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform
from ordering.graph.operators import is_configured_by
from ordering.graph.rules.facts import Facts

DEPENDS_ON = "config.kubernetes.io/depends-on"


def custom_resource_needs_controller(facts: Facts) -> Iterator[Finding]:
    """A custom resource needs the controller that finishes it, so that it becomes real and its finalizers run.

    The table of controllers says which that is, or, where it does not know the kind, what the manifests show. Derived
    needs are soft, so a guess never closes a cycle, and an operator that is started with a resource's name does not
    hold that resource back.
    """
    for id_ in facts.platform.objects:
        known = [controller for controller in CONTROLLERS if controller.finishes(id_)]
        for controller in known:
            yield from facts.needs_controller(id_, controller, f"{controller.title} finishes {id_.kind}s")
        for operator in () if known else facts.operators.get((id_.group, id_.kind), ()):
            if not is_configured_by(facts.platform.workloads[operator.workload], id_):
                yield Need(id_, operator.workload, operator.reason, Strength.OPTIONAL)


def cache_deployer_needs_signer(facts: Facts) -> Iterator[Finding]:
    """No edges: says that Pipelines' cache deployer gets no certificate on EKS.

    It asks the signer kubernetes.io/kubelet-serving, which on EKS answers nodes only
    (github.com/kubeflow/community-distribution/issues/2165); the distribution's releases have cert-manager instead.
    """
    for id_ in facts.controllers.workloads(CACHE_DEPLOYER):
        yield Warned(
            id_,
            f"{id_.title} asks for a certificate that EKS does not sign: Secret webhook-server-tls does not come "
            "there, and cache-server waits for it; take a variant of Pipelines that has cert-manager",
        )


def object_needs_declared(facts: Facts) -> Iterator[Finding]:
    """What people declare: `config.kubernetes.io/depends-on` annotations, and the overrides of the stack.

    UserError for a reference in an annotation that is malformed or names nothing.
    """
    for id_ in facts.platform.objects:
        for reference in facts.platform.annotation(id_, DEPENDS_ON).split(","):
            if reference := reference.strip():
                yield Need(id_, _declared(facts.platform, id_, reference), f"its annotation {DEPENDS_ON} says so")
    for source, target in facts.overrides.added:
        yield Need(source, target, "an override of the stack says so")


def _declared(platform: Platform, asker: ObjectId, reference: str) -> ObjectId:
    """The object of one reference: GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME, an empty group for core."""
    match reference.split("/"):
        case [group, "namespaces", namespace, kind, name]:
            place = (group, kind, namespace, name)
        case [group, kind, name]:
            place = (group, kind, "", name)
        case _:
            raise UserError(
                f"{asker.title} has {reference!r} in its {DEPENDS_ON}: "
                "write GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME."
            )
    if found := platform.find(*place):
        return found
    fault = f"{asker.title} names {reference!r} in its {DEPENDS_ON}, which no manifest holds"
    raise UserError(f"{fault}: correct or remove it.")
