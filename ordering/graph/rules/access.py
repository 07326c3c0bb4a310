"""Rules about permissions: roles, bindings, accounts, and the workloads that act through them."""

from collections.abc import Iterator, Mapping, Sequence

from ordering.graph.controllers import PROFILE_ACCOUNTS
from ordering.graph.edges import Finding, Need, Strength
from ordering.graph.ids import ObjectId
from ordering.graph.index import Definition, Platform, account_of, mapping, mappings, texts
from ordering.graph.rules.facts import Facts
from ordering.graph.selectors import Labels, matches, parse
from ordering.manifests.objects import Manifest

_RBAC = "rbac.authorization.k8s.io"
_USER_PREFIX = "system:serviceaccount:"
_GROUP_PREFIX = "system:serviceaccounts"
_WATCHING = frozenset({"list", "watch", "*"})
_TOKEN = "kubernetes.io/service-account-token"


def _bindings(platform: Platform) -> list[ObjectId]:
    return [*platform.of_kind(_RBAC, "RoleBinding"), *platform.of_kind(_RBAC, "ClusterRoleBinding")]


def _accounts(platform: Platform, binding: ObjectId) -> Iterator[tuple[str, str]]:
    """Namespace and name of every ServiceAccount that a binding names; an empty name is all of a namespace."""
    for subject in mappings(platform.objects[binding].get("subjects")):
        kind, name = subject.get("kind"), str(subject.get("name") or "")
        if kind == "ServiceAccount":
            yield str(subject.get("namespace") or binding.namespace or "default"), name
        elif kind == "User" and name.startswith(_USER_PREFIX):
            namespace, _, account = name.removeprefix(_USER_PREFIX).partition(":")
            yield namespace, account
        elif kind == "Group" and name.startswith(f"{_GROUP_PREFIX}:"):
            yield name.removeprefix(f"{_GROUP_PREFIX}:"), ""


def binding_needs_role(facts: Facts) -> Iterator[Finding]:
    """A binding needs its Role or ClusterRole: until then it grants nothing."""
    for id_ in _bindings(facts.platform):
        role = mapping(facts.platform.objects[id_].get("roleRef"))
        kind, name = str(role.get("kind")), str(role.get("name"))
        namespace = facts.platform.namespace(id_) if kind == "Role" else ""
        yield from facts.needs_object(id_, (_RBAC, kind, namespace, name), f"binds {kind} {name}")


def aggregate_needs_parts(facts: Facts) -> Iterator[Finding]:
    """An aggregated ClusterRole comes after the roles that it sums up, where that is possible.

    For the destroy: the aggregation controller applies the sum anew when a part goes, and where it has just gone itself
    that creates it again, without an owner (seen on Kubernetes 1.35). Gone first, it is not in the controller's way.
    """
    roles = facts.platform.of_kind(_RBAC, "ClusterRole")
    labels = {id_: _labels(facts.platform, id_) for id_ in roles}
    for id_ in roles:
        where = f"{id_.title} has a clusterRoleSelector that "
        rule = mapping(facts.platform.objects[id_].get("aggregationRule"))
        for selector in [parse(given, where.__add__) for given in mappings(rule.get("clusterRoleSelectors"))]:
            for part in roles:
                if part != id_ and matches(selector, labels[part]):
                    yield Need(id_, part, f"sums up {part.title}", Strength.OPTIONAL)


def _labels(platform: Platform, id_: ObjectId) -> Labels:
    return Labels(mapping(mapping(platform.objects[id_].get("metadata")).get("labels")))


def binding_needs_account(facts: Facts) -> Iterator[Finding]:
    """A binding needs the ServiceAccounts that it names."""
    for id_ in _bindings(facts.platform):
        for namespace, name in _accounts(facts.platform, id_):
            if name:
                yield from _account(facts, id_, namespace, name, f"grants to ServiceAccount {namespace}/{name}")


def workload_needs_account(facts: Facts) -> Iterator[Finding]:
    """A workload needs the ServiceAccount of its pods: the API server refuses pods of one that does not exist."""
    for workload in facts.platform.workloads.values():
        name = account_of(workload.spec)
        reason = f"its pods run as ServiceAccount {workload.namespace}/{name}"
        yield from _account(facts, workload.id, workload.namespace, name, reason)


def workload_needs_permissions(facts: Facts) -> Iterator[Finding]:
    """A workload needs every binding that names its account.

    So it starts with its permissions, and on destroy they outlive it: finalizers still run.
    """
    for binding in _bindings(facts.platform):
        for namespace, name in _accounts(facts.platform, binding):
            if name:
                holders = [workload.id for workload in facts.platform.accounts.get((namespace, name), ())]
                subject = f"ServiceAccount {namespace}/{name}"
            else:
                holders = [workload.id for workload in facts.platform.residents(namespace)]
                subject = f"every ServiceAccount of {namespace}"
            for holder in holders:
                yield Need(holder, binding, f"{binding.title} grants its permissions to {subject}")


def workload_needs_watched_kinds(facts: Facts) -> Iterator[Finding]:
    """A workload comes after the definitions of the kinds that its roles let it list or watch.

    Most controllers end when a kind that they watch is unknown to the API server, and start again ever more slowly.
    """
    platform = facts.platform
    of_group: dict[str, list[Definition]] = {}
    for definition in platform.definitions.values():
        of_group.setdefault(definition.group, []).append(definition)
    for binding in _bindings(platform):
        reference = mapping(platform.objects[binding].get("roleRef"))
        kind, name = str(reference.get("kind")), str(reference.get("name"))
        role = platform.find(_RBAC, kind, platform.namespace(binding) if kind == "Role" else "", name)
        watched = list(_watched(platform.objects[role], of_group)) if role else []
        for account in _accounts(platform, binding) if watched else ():
            for workload in platform.accounts.get(account, ()):
                for definition in watched:
                    reason = f"may watch {definition.plural}.{definition.group} through {kind} {name}"
                    yield Need(workload.id, definition.id, reason, Strength.OPTIONAL)


def _watched(role: Manifest, of_group: Mapping[str, Sequence[Definition]]) -> Iterator[Definition]:
    """The definitions that a role names; a wildcard for all groups names none of them."""
    for rule in mappings(role.get("rules")):
        if _WATCHING.isdisjoint(texts(rule.get("verbs"))):
            continue
        resources = set(texts(rule.get("resources")))
        for group in texts(rule.get("apiGroups")):
            for definition in of_group.get(group, ()):
                if definition.plural in resources or "*" in resources:
                    yield definition


def account_needs_secrets(facts: Facts) -> Iterator[Finding]:
    """A ServiceAccount comes after the Secrets that it hands to pods, where that is possible."""
    for id_ in facts.platform.of_kind("", "ServiceAccount"):
        manifest = facts.platform.objects[id_]
        for field in ("imagePullSecrets", "secrets"):
            for secret in mappings(manifest.get(field)):
                place = ("", "Secret", facts.platform.namespace(id_), str(secret.get("name")))
                yield from facts.needs_object(id_, place, f"hands on Secret {place[3]}", Strength.OPTIONAL)


def token_needs_account(facts: Facts) -> Iterator[Finding]:
    """A token Secret needs its ServiceAccount: the token controller deletes one whose account does not exist."""
    for id_ in facts.platform.of_kind("", "Secret"):
        name = facts.platform.annotation(id_, "kubernetes.io/service-account.name")
        if facts.platform.objects[id_].get("type") == _TOKEN and name:
            namespace = facts.platform.namespace(id_)
            yield from _account(facts, id_, namespace, name, f"is a token of ServiceAccount {name}")


def _account(facts: Facts, source: ObjectId, namespace: str, name: str, reason: str) -> Iterator[Finding]:
    if profile := facts.profiles.get(namespace) if name in PROFILE_ACCOUNTS else None:
        yield Need(source, profile, f"{reason}, which comes with Profile {profile.name}")
    else:
        yield from facts.needs_object(source, ("", "ServiceAccount", namespace, name), reason)
