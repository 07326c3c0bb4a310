"""What the pods of a workload may do with objects of the cluster, such as definitions and webhook configurations."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping, texts
from ordering.graph.permissions import RBAC, accounts, role_of, rules_of

_ADMINISTRATOR = "cluster-admin"
_EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


class Powers:
    """What bindings of the cluster give to workloads; a RoleBinding gives nothing outside of its namespace."""

    def __init__(self, platform: Platform) -> None:
        self._rules: dict[ObjectId, list[Mapping[str, Any]]] = defaultdict(list)
        for binding in platform.of_kind(RBAC, "ClusterRoleBinding"):
            rules = _granted(platform, binding)
            for namespace, name in accounts(platform, binding) if rules else ():
                holders = platform.accounts.get((namespace, name), []) if name else platform.residents(namespace)
                for workload in holders:
                    self._rules[workload.id] += rules

    def may(self, workload: Workload, verbs: Collection[str], group: str, resource: str, name: str = "") -> bool:
        """Whether it may do one of these to the resource; to the object of that name, if one is given."""
        return any(
            not {"*", *verbs}.isdisjoint(texts(rule.get("verbs")))
            and not {"*", group}.isdisjoint(texts(rule.get("apiGroups")))
            and not {"*", resource}.isdisjoint(texts(rule.get("resources")))
            and (not rule.get("resourceNames") or name in texts(rule.get("resourceNames")))
            for rule in self._rules.get(workload.id, ())
        )

    def names_group(self, workload: Workload, group: str) -> bool:
        """Whether a rule is about this group by its name."""
        return any(group in texts(rule.get("apiGroups")) for rule in self._rules.get(workload.id, ()))


def _granted(platform: Platform, binding: ObjectId) -> list[Mapping[str, Any]]:
    if role := role_of(platform, binding):
        return list(rules_of(platform, role))
    # The API server brings this one itself; what it is follows from its name.
    name = mapping(platform.objects[binding].get("roleRef")).get("name")
    return [_EVERYTHING] if name == _ADMINISTRATOR else []
