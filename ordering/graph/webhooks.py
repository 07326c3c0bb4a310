"""Which admission webhooks the API server calls when an object is created.

Follows the matching of k8s.io/apiserver (`admission/plugin/webhook`): rules, scope, namespaceSelector against the
labels of the object's namespace, objectSelector, matchConditions, and only failurePolicy Fail, which is the default,
refuses. Pods that a workload's controller makes are requests as well. One form of match condition is decided here;
every other stays undecided, so that its webhook is waited for where that is possible.
"""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ordering.errors import UserError
from ordering.graph import kinds, selectors
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, mapping
from ordering.graph.selectors import Labels, Selector

GROUP = "admissionregistration.k8s.io"
KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
# The API server never sends these through webhooks: nobody could repair a broken one.
_EXEMPT = frozenset(kind for group, kind in kinds.CLUSTER_SCOPED if group == GROUP)
_NAME_LABEL = "kubernetes.io/metadata.name"
# "Not what this account sends", as Katib's pod webhook has it in 1.10.2 and 26.03. Whoever deploys is no account that
# the manifests make, so it holds. Those of kube-system may be meant: its controllers create the pods of workloads.
_SENT_BY_OTHERS = re.compile(
    r"""\s*request\.userInfo\.username\s*!=\s*(["'])system:serviceaccount:(?!kube-system:)[a-z0-9.:-]+\1\s*"""
)


@dataclass(frozen=True)
class Rule:
    """One entry of a webhook's `rules`."""

    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: frozenset[str]
    scope: str

    def matches_resource(self, resource: str) -> bool:
        """Whether the resource itself, not a subresource of it, is meant."""
        return not self.resources.isdisjoint((resource, f"{resource}/*", "*", "*/*"))


@dataclass(frozen=True)
class Webhook:
    """One webhook of a configuration, parsed and checked."""

    configuration: ObjectId
    index: int
    name: str
    service: tuple[str, str] | None
    has_authority: bool
    refuses: bool
    exact: bool
    rules: tuple[Rule, ...]
    namespaces: Selector
    objects: Selector
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """What the API server sees when an object, or a pod that a workload makes, is created."""

    group: str
    version: str
    resource: str
    kind: str
    namespace: str
    name: str
    labels: Labels
    equivalents: frozenset[str]


class Webhooks:
    """All webhooks of a platform, indexed by the resources that they ask for."""

    def __init__(self, platform: Platform, made: Mapping[str, Mapping[str, str]]) -> None:
        """`made` are namespaces that controllers make, with the labels known of them.

        UserError names the configuration and the webhook that is malformed.
        """
        self._platform = platform
        self.of: dict[ObjectId, list[Webhook]] = {}
        self._index: dict[tuple[str, str], list[tuple[Webhook, Rule]]] = defaultdict(list)
        for kind in KINDS:
            for id_ in platform.of_kind(GROUP, kind):
                self.of[id_] = list(_webhooks(id_, platform.objects[id_]))
                for webhook in self.of[id_]:
                    self._add(webhook)
        self._namespaces = {name: Labels({_NAME_LABEL: name}) for name in kinds.NAMESPACES}
        self._namespaces |= {
            name: Labels({**labels, _NAME_LABEL: name}, complete=False) for name, labels in made.items()
        }
        self._namespaces |= {
            id_.name: Labels({**_labels(platform.objects[id_]), _NAME_LABEL: id_.name})
            for id_ in platform.of_kind("", "Namespace")
        }

    def _add(self, webhook: Webhook) -> None:
        for rule in webhook.rules:
            for group in rule.groups:
                for resource in rule.resources:
                    self._index[group, resource.partition("/")[0]].append((webhook, rule))

    def intercepting(self, request: Request, operation: str = "CREATE") -> Iterator[tuple[Webhook, bool]]:
        """The webhooks that refuse the request while nobody answers; False where the manifests do not decide it."""
        seen: set[tuple[ObjectId, int]] = set()
        for group in (request.group, "*"):
            for resource in (request.resource, "*"):
                for webhook, rule in self._index.get((group, resource), ()):
                    key = (webhook.configuration, webhook.index)
                    if key in seen or not webhook.refuses or not asks(rule, request, operation, exact=webhook.exact):
                        continue
                    seen.add(key)
                    answer = self.selects(webhook.namespaces, webhook.objects, webhook.conditions, request)
                    if answer is not False:
                        yield webhook, answer is True

    def selects(
        self, namespaces: Selector, objects: Selector, conditions: Iterable[str], request: Request
    ) -> bool | None:
        """Whether selectors and match conditions let a request through; None where the manifests do not decide it."""
        answers = [selectors.matches(objects, request.labels)]
        if (labels := self._namespace_labels(request)) is not None:
            answers.append(selectors.matches(namespaces, labels))
        answers += [True if _SENT_BY_OTHERS.fullmatch(condition) else None for condition in conditions]
        if False in answers:
            return False
        return None if None in answers else True

    def _namespace_labels(self, request: Request) -> Labels | None:
        """What a namespaceSelector looks at; None where it does not apply: objects of the cluster."""
        if request.kind == "Namespace" and not request.group:
            return Labels({**request.labels.known, _NAME_LABEL: request.name})
        if not request.namespace:
            return None
        unknown = Labels({_NAME_LABEL: request.namespace}, complete=False)
        return self._namespaces.get(request.namespace, unknown)

    def request(self, id_: ObjectId) -> Request | None:
        """The request that creates an object; None when webhooks never see it."""
        if id_.group == GROUP and id_.kind in _EXEMPT:
            return None
        definition = self._platform.definitions.get((id_.group, id_.kind))
        equivalents = definition.served if definition else kinds.EQUIVALENT_VERSIONS.get(id_.group, frozenset())
        return Request(
            group=id_.group,
            version=id_.api_version.rpartition("/")[2],
            resource=self._platform.plural(id_),
            kind=id_.kind,
            namespace=self._platform.namespace(id_),
            name=id_.name,
            labels=Labels(_labels(self._platform.objects[id_])),
            equivalents=equivalents,
        )


def pod_request(namespace: str, labels: Labels) -> Request:
    """The request by which a controller creates a pod; its name is not known beforehand."""
    return Request(
        group="",
        version="v1",
        resource="pods",
        kind="Pod",
        namespace=namespace,
        name="",
        labels=labels,
        equivalents=frozenset(),
    )


def asks(rule: Rule, request: Request, operation: str, *, exact: bool) -> bool:
    """Whether a rule is for a request; `exact` where another version of the same objects is another matter."""
    if rule.operations.isdisjoint((operation, "*")) or not rule.matches_resource(request.resource):
        return False
    if rule.groups.isdisjoint((request.group, "*")):
        return False
    versions = {request.version, "*"} | (set() if exact else request.equivalents)
    if rule.versions.isdisjoint(versions):
        return False
    in_namespace = bool(request.namespace)
    return rule.scope == "*" or (rule.scope == "Namespaced") == in_namespace


def _labels(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in mapping(mapping(manifest["metadata"]).get("labels")).items()}


def _webhooks(id_: ObjectId, manifest: Mapping[str, Any]) -> Iterator[Webhook]:
    listed = manifest.get("webhooks") or []
    if not isinstance(listed, list):
        raise UserError(f"{id_.title} has {listed!r} as its webhooks, which must be a list: fix it.")
    for index, entry in enumerate(listed):
        name = mapping(entry).get("name") or f"number {index + 1}"

        def broken(fault: str, name: object = name) -> UserError:
            return UserError(f"The webhook {name} of {id_.title} {fault}: fix it.")

        if not isinstance(entry, dict):
            raise broken(f"is {entry!r}, not a mapping")
        yield _webhook(id_, index, entry, broken)


def _webhook(id_: ObjectId, index: int, entry: dict[str, Any], broken: Callable[[str], UserError]) -> Webhook:
    service, has_authority = _client(entry.get("clientConfig"), broken)
    for field, allowed in (("failurePolicy", ("Fail", "Ignore")), ("matchPolicy", ("Exact", "Equivalent"))):
        if (value := entry.get(field)) is not None and value not in allowed:
            raise broken(f"has {value!r} as its {field}; allowed are {' and '.join(allowed)}")

    def where(field: str) -> Callable[[str], str]:
        article = "an" if field[0] in "aeiou" else "a"
        return lambda fault: str(broken(f"has {article} {field} that {fault}"))

    return Webhook(
        configuration=id_,
        index=index,
        name=str(entry.get("name") or index),
        service=service,
        has_authority=has_authority,
        refuses=entry.get("failurePolicy") != "Ignore",
        exact=entry.get("matchPolicy") == "Exact",
        rules=tuple(parse_rules(entry.get("rules"), broken)),
        namespaces=selectors.parse(entry.get("namespaceSelector"), where("namespaceSelector")),
        objects=selectors.parse(entry.get("objectSelector"), where("objectSelector")),
        conditions=tuple(parse_conditions(entry.get("matchConditions"), broken)),
    )


def _client(client: Any, broken: Callable[[str], UserError]) -> tuple[tuple[str, str] | None, bool]:
    """The Service that a clientConfig points to, if any, and whether it carries a CA bundle already."""
    service = mapping(client).get("service")
    if not isinstance(client, dict) or (service is None) == (not client.get("url")):
        raise broken("has a clientConfig without exactly one of service and url")
    bundle = has_authority(client.get("caBundle"))
    if service is None:
        return None, bundle
    namespace, name = mapping(service).get("namespace"), mapping(service).get("name")
    if not isinstance(namespace, str) or not isinstance(name, str):
        raise broken(f"has {service!r} as its service, which needs a namespace and a name")
    return (namespace, name), bundle


def has_authority(bundle: Any) -> bool:
    """Whether a rendered caBundle holds anything: tools put an encoded newline there where a controller will write."""
    if not isinstance(bundle, str):
        return False
    try:
        return bool(base64.b64decode(bundle).strip())
    except (binascii.Error, ValueError):
        return True


def parse_rules(rules: Any, broken: Callable[[str], UserError]) -> Iterator[Rule]:
    """The rules of a webhook or a policy; what `broken` makes of the fault for one that is malformed."""
    if rules is not None and not isinstance(rules, list):
        raise broken(f"has {rules!r} as its rules, which must be a list")
    for rule in rules or []:
        if not isinstance(rule, dict):
            raise broken(f"has the rule {rule!r}, which must be a mapping")
        lists = {}
        for field in ("operations", "apiGroups", "apiVersions", "resources"):
            values = rule.get(field)
            if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
                raise broken(f"has a rule with {values!r} as its {field}, which must be a list of texts")
            lists[field] = frozenset(values)
        scope = rule.get("scope") or "*"
        if scope not in ("*", "Namespaced", "Cluster"):
            raise broken(f"has a rule with the scope {scope!r}; allowed are Namespaced, Cluster and *")
        if unknown := sorted(lists["operations"] - {"*", "CREATE", "UPDATE", "DELETE", "CONNECT"}):
            raise broken(f"has a rule for the unknown operation {unknown[0]!r}")
        yield Rule(lists["operations"], lists["apiGroups"], lists["apiVersions"], lists["resources"], scope)


def parse_conditions(conditions: Any, broken: Callable[[str], UserError]) -> Iterator[str]:
    """The match conditions of a webhook or a policy; what `broken` makes of the fault for one that is malformed."""
    if conditions is not None and not isinstance(conditions, list):
        raise broken(f"has {conditions!r} as its matchConditions, which must be a list")
    for condition in conditions or []:
        expression = mapping(condition).get("expression")
        if not isinstance(expression, str):
            raise broken(f"has the match condition {condition!r}, which lacks an expression")
        yield expression
