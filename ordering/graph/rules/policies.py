"""Rules about admission policies: what they judge by, and what they judge.

Parameters come before the binding that names them, and the binding before what it judges. Taken away in reverse, an
object goes while its policy still has all that it judges by: where a parameter is missing, the API server refuses the
garbage collector's updates, too, and what is being deleted stays (kubernetes/kubernetes 129883 and 133827).
"""

from collections.abc import Iterator

from ordering.graph import kinds
from ordering.graph.edges import Finding, Need, Strength, Unresolved, Warned
from ordering.graph.rules.facts import Facts

# kubernetes/kubernetes 130887, open in November 2026: `calculatePolicyData` in admission/plugin/policy/generic of
# apiserver 0.35.4 cancels the shared informer of a kind that no binding needs, and such a one never starts again.
_STALE = (
    "once its binding has been gone for a second, an API server keeps the parameters that it had until then, also for "
    "the next binding; take a kind of its own for them"
)


def binding_needs_policy(facts: Facts) -> Iterator[Finding]:
    """A binding needs its policy: until then it judges nothing."""
    for id_ in facts.policies.bindings:
        place = facts.policies.policy_of(id_)
        yield from facts.needs_object(id_, place, f"binds {place[1]} {place[3]}")


def policy_needs_parameter_kind(facts: Facts) -> Iterator[Finding]:
    """A policy needs the definition of its parameters' kind: without it, it refuses all that it is for."""
    for id_ in facts.policies.policies:
        kind = facts.policies.parameter_kind(id_)
        if kind is None:
            continue
        if kind[0] in kinds.BUILT_IN_GROUPS:
            yield Warned(id_, f"{id_.title} judges by {kind[1]}s: {_STALE}")
        elif definition := facts.platform.definitions.get(kind):
            yield Need(id_, definition.id, f"its parameters are {kind[1]}s")
        else:
            yield Unresolved(id_, f"CustomResourceDefinition for {kind[1]} in {kind[0]}", "its parameters are of it")


def binding_needs_parameters(facts: Facts) -> Iterator[Finding]:
    """A binding needs the parameters that it judges by."""
    for id_ in facts.policies.bindings:
        found, missing = facts.policies.parameters(id_)
        for parameter in found:
            yield Need(id_, parameter, f"judges by {parameter.title}")
        if missing:
            yield Unresolved(id_, missing, "refuses everything that it judges while this is not there")


def object_needs_policy(facts: Facts) -> Iterator[Finding]:
    """An object needs the bindings that judge its own CREATE, or that of the pods it makes: else nobody judges it."""
    for id_, request, subject in facts.requests() if facts.policies.bindings else ():
        for bound, decided in facts.policies.judging(request):
            reason = f"{subject} {'is' if decided else 'may be'} judged by {bound.policy.title}"
            yield Need(id_, bound.id, reason, Strength.INTERCEPTED if decided else Strength.UNDECIDED)
