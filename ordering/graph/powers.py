"""What the pods of a workload may do with objects of the cluster, such as definitions, and with a namespace's."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform, Workload, mapping, texts
from ordering.graph.permissions import accounts, bindings, role_of, rules_of

_ADMINISTRATOR = "cluster-admin"
_EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


class Powers:
    """What bindings give to workloads; a RoleBinding gives nothing outside of its namespace."""

    def __init__(self, platform: Platform) -> None:
        self._rules: dict[tuple[str, ObjectId], list[Mapping[str, Any]]] = defaultdict(list)
        for binding in bindings(platform):
            rules, place = _granted(platform, binding), platform.namespace(binding)
            for namespace, name in accounts(platform, binding) if rules else ():
                holders = platform.accounts.get((namespace, name), []) if name else platform.residents(namespace)
                for workload in holders:
                    self._rules[place, workload.id] += rules

    def may(
        self,
        workload: Workload,
        verbs: Collection[str],
        group: str,
        resource: str,
        name: str = "",
        *,
        namespace: str = "",
    ) -> bool:
        """Whether it may do one of these to the resource, in the whole cluster or at least in the given namespace.

        To the object of that name, if one is given.
        """
        return any(
            not {"*", *verbs}.isdisjoint(texts(rule.get("verbs")))
            and not {"*", group}.isdisjoint(texts(rule.get("apiGroups")))
            and not {"*", resource}.isdisjoint(texts(rule.get("resources")))
            and (not rule.get("resourceNames") or name in texts(rule.get("resourceNames")))
            for rule in self._given(workload, namespace)
        )

    def names_group(self, workload: Workload, group: str) -> bool:
        """Whether a rule is about this group by its name."""
        return any(group in texts(rule.get("apiGroups")) for rule in self._given(workload, ""))

    def names_object(self, workload: Workload, resource: str, name: str, *, namespace: str) -> bool:
        """Whether a rule is about this one object of a resource, by its name."""
        return any(
            resource in texts(rule.get("resources")) and name in texts(rule.get("resourceNames"))
            for rule in self._given(workload, namespace)
        )

    def _given(self, workload: Workload, namespace: str) -> Iterator[Mapping[str, Any]]:
        for place in dict.fromkeys(("", namespace)):
            yield from self._rules.get((place, workload.id), ())


def _granted(platform: Platform, binding: ObjectId) -> list[Mapping[str, Any]]:
    if role := role_of(platform, binding):
        return list(rules_of(platform, role))
    # The API server brings this one itself; what it is follows from its name.
    name = mapping(platform.objects[binding].get("roleRef")).get("name")
    return [_EVERYTHING] if name == _ADMINISTRATOR else []
