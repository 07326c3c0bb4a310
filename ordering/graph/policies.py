"""Which admission policies judge an object, and by which parameters.

Follows k8s.io/apiserver 0.35 (`admission/plugin/policy`): a request is judged where the policy's `matchConstraints` and
the binding's `matchResources` both match it; no rules at all match everything. Validating and mutating policies are
alike in this. A policy whose `paramKind` is not served refuses, by default, all that it is for; so does a binding whose
parameters are not there and whose `parameterNotFoundAction` is Deny.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ordering.errors import UserError
from ordering.graph import selectors
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, mapping, mappings, texts
from ordering.graph.selectors import Labels, Selector
from ordering.graph.webhooks import GROUP, Request, Rule, Webhooks, asks, parse_conditions, parse_rules

KINDS = ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy")
SETTLE_S = 2.0
"""Seconds until every API server judges by a new binding.

Each looks once a second whether a policy or a binding has changed, and compiles it then (`policyRefreshIntervalDefault`
in admission/plugin/policy/generic/policy_source.go of apiserver 0.35.4); nothing that can be asked tells that it has.
"""


@dataclass(frozen=True)
class Match:
    """What a policy or a binding is for: rules with the names that they are limited to, exceptions, selectors."""

    rules: tuple[tuple[Rule, frozenset[str]], ...]
    excluded: tuple[tuple[Rule, frozenset[str]], ...]
    namespaces: Selector
    objects: Selector
    exact: bool

    def asks(self, request: Request, operation: str) -> bool:
        """Whether the rules are for a request. A pod that a controller makes has no name beforehand."""

        def matches(rules: tuple[tuple[Rule, frozenset[str]], ...]) -> bool:
            return any(
                asks(rule, request, operation, exact=self.exact) and (not names or request.name in names)
                for rule, names in rules
            )

        return not matches(self.excluded) and (not self.rules or matches(self.rules))


@dataclass(frozen=True)
class Binding:
    """A binding whose policy is among the manifests."""

    id: ObjectId
    policy: ObjectId
    matches: tuple[Match, ...]
    conditions: tuple[str, ...]


class Policies:
    """All bindings of a platform; UserError names the policy or binding that is malformed."""

    def __init__(self, platform: Platform, webhooks: Webhooks) -> None:
        self._platform, self._webhooks = platform, webhooks
        self.policies = [id_ for kind in KINDS for id_ in platform.of_kind(GROUP, kind)]
        self.bindings = [id_ for kind in KINDS for id_ in platform.of_kind(GROUP, f"{kind}Binding")]
        self._bound = [bound for id_ in self.bindings if (bound := self._binding(id_))]

    def policy_of(self, binding: ObjectId) -> tuple[str, str, str, str]:
        """Where the policy of a binding is: group, kind, no namespace, name."""
        name = str(mapping(self._platform.objects[binding].get("spec")).get("policyName"))
        return GROUP, binding.kind.removesuffix("Binding"), "", name

    def judging(self, request: Request, operation: str = "CREATE") -> Iterator[tuple[Binding, bool]]:
        """The bindings that judge a request; False where the manifests do not decide it."""
        for bound in self._bound:
            if all(match.asks(request, operation) for match in bound.matches):
                answers = [self._webhooks.selects(m.namespaces, m.objects, (), request) for m in bound.matches]
                answers.append(self._webhooks.selects((), (), bound.conditions, request))
                if False not in answers:
                    yield bound, None not in answers

    def parameter_kind(self, policy: ObjectId) -> tuple[str, str] | None:
        """Group and kind of a policy's parameters."""
        kind = mapping(mapping(self._platform.objects[policy].get("spec")).get("paramKind"))
        group = str(kind.get("apiVersion")).rpartition("/")[0]
        return (group, str(kind.get("kind"))) if kind else None

    def parameters(self, binding: ObjectId) -> tuple[list[ObjectId], str]:
        """The parameters of a binding, and the name of those that must be there and are nowhere.

        A binding that names no namespace takes the parameter from the namespace of what it judges: any of that name.
        """
        policy = self._platform.find(*self.policy_of(binding))
        kind = self.parameter_kind(policy) if policy else None
        reference = mapping(mapping(self._platform.objects[binding].get("spec")).get("paramRef"))
        if kind is None or not reference:
            return [], ""
        namespace, name = str(reference.get("namespace") or ""), str(reference.get("name") or "")
        selector = selectors.parse(
            reference.get("selector"), lambda fault: f"{binding.title} has a selector that {fault}"
        )
        found = [
            id_
            for id_ in self._platform.of_kind(*kind)
            if namespace in ("", self._platform.namespace(id_))
            and (id_.name == name if name else selectors.matches(selector, _labels(self._platform.objects[id_])))
        ]
        wanted = name and not found and reference.get("parameterNotFoundAction") == "Deny"
        return found, f"{kind[1]} {namespace}/{name}" if wanted and namespace else f"{kind[1]} {name}" if wanted else ""

    def _binding(self, id_: ObjectId) -> Binding | None:
        policy = self._platform.find(*self.policy_of(id_))
        if policy is None:
            return None
        broken = _broken(policy)
        spec = mapping(self._platform.objects[policy].get("spec"))
        own = mapping(self._platform.objects[id_].get("spec")).get("matchResources")
        matches = [_match(spec.get("matchConstraints"), broken)]
        matches += [_match(own, _broken(id_))] if own else []
        conditions = tuple(parse_conditions(spec.get("matchConditions"), broken))
        return Binding(id_, policy, tuple(matches), conditions)


def _broken(id_: ObjectId) -> Callable[[str], UserError]:
    return lambda fault: UserError(f"{id_.title} {fault}: fix it.")


def _match(given: Any, broken: Callable[[str], UserError]) -> Match:
    match = mapping(given)

    def rules(field: str) -> tuple[tuple[Rule, frozenset[str]], ...]:
        parsed = parse_rules(match.get(field), broken)
        names = [frozenset(texts(rule.get("resourceNames"))) for rule in mappings(match.get(field))]
        return tuple(zip(parsed, names, strict=True))

    def selector(field: str) -> Selector:
        return selectors.parse(match.get(field), lambda fault: str(broken(f"has a {field} that {fault}")))

    return Match(
        rules=rules("resourceRules"),
        excluded=rules("excludeResourceRules"),
        namespaces=selector("namespaceSelector"),
        objects=selector("objectSelector"),
        exact=match.get("matchPolicy") == "Exact",
    )


def _labels(manifest: Mapping[str, Any]) -> Labels:
    return Labels({str(k): str(v) for k, v in mapping(mapping(manifest["metadata"]).get("labels")).items()})
