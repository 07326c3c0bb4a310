"""Who may do what: bindings, the accounts that they name, and the rules that a role comes to."""

from collections.abc import Iterator, Mapping
from typing import Any

from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping, mappings
from ordering.graph.selectors import Labels, matches, parse

RBAC = "rbac.authorization.k8s.io"
_USER_PREFIX = "system:serviceaccount:"
_GROUP_PREFIX = "system:serviceaccounts"


def bindings(platform: Platform) -> list[ObjectId]:
    """All bindings, those of a namespace first."""
    return [*platform.of_kind(RBAC, "RoleBinding"), *platform.of_kind(RBAC, "ClusterRoleBinding")]


def accounts(platform: Platform, binding: ObjectId) -> Iterator[tuple[str, str]]:
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


def role_of(platform: Platform, binding: ObjectId) -> ObjectId | None:
    """The role that a binding grants, if it is among the manifests."""
    reference = mapping(platform.objects[binding].get("roleRef"))
    kind, name = str(reference.get("kind")), str(reference.get("name"))
    return platform.find(RBAC, kind, platform.namespace(binding) if kind == "Role" else "", name)


def parts(platform: Platform, role: ObjectId) -> list[ObjectId]:
    """The ClusterRoles that an aggregated one sums up; UserError for a selector that is malformed."""
    where = f"{role.title} has a clusterRoleSelector that "
    rule = mapping(platform.objects[role].get("aggregationRule"))
    selectors = [parse(given, where.__add__) for given in mappings(rule.get("clusterRoleSelectors"))]
    if not selectors:
        return []
    others = ((other, _labels(platform, other)) for other in platform.of_kind(RBAC, "ClusterRole") if other != role)
    return [other for other, labels in others if any(matches(selector, labels) for selector in selectors)]


def rules_of(platform: Platform, role: ObjectId) -> Iterator[Mapping[str, Any]]:
    """The rules that a role comes to: its own, and for an aggregated one those of its parts, theirs included."""
    seen, stack = {role}, [role]
    while stack:
        one = stack.pop()
        yield from mappings(platform.objects[one].get("rules"))
        new = [part for part in parts(platform, one) if part not in seen]
        seen.update(new)
        stack += new


def holders(platform: Platform, binding: ObjectId) -> Iterator[Workload]:
    """The workloads whose account a binding names."""
    for account in accounts(platform, binding):
        yield from platform.accounts.get(account, ())


def _labels(platform: Platform, id_: ObjectId) -> Labels:
    return Labels(mapping(mapping(platform.objects[id_].get("metadata")).get("labels")))
