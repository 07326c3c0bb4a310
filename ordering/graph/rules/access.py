"""Rules about permissions: roles, bindings, accounts, and the workloads that act through them."""

from collections.abc import Iterator, Mapping, Sequence

from ordering.graph import kinds
from ordering.graph.controllers import PROFILE_ACCOUNTS
from ordering.graph.edges import Finding, Need, Strength, Unresolved
from ordering.graph.ids import ObjectId
from ordering.graph.index import Definition, account_of, mapping, mappings, texts
from ordering.graph.permissions import RBAC, accounts, bindings, holders, parts, role_of
from ordering.graph.rules.facts import Facts
from ordering.manifests.objects import Manifest

_WATCHING = frozenset({"list", "watch", "*"})
_TOKEN = "kubernetes.io/service-account-token"


def binding_needs_role(facts: Facts) -> Iterator[Finding]:
    """A binding needs its Role or ClusterRole: until then it grants nothing."""
    for id_ in bindings(facts.platform):
        role = mapping(facts.platform.objects[id_].get("roleRef"))
        kind, name = str(role.get("kind")), str(role.get("name"))
        namespace = facts.platform.namespace(id_) if kind == "Role" else ""
        if not kinds.is_built_in_role(name) or facts.platform.find(RBAC, kind, namespace, name):
            yield from facts.needs_object(id_, (RBAC, kind, namespace, name), f"binds {kind} {name}")


def aggregate_needs_parts(facts: Facts) -> Iterator[Finding]:
    """An aggregated ClusterRole comes after the roles that it sums up, where that is possible.

    For the destroy: the aggregation controller applies the sum anew when a part goes, and where it has just gone itself
    that creates it again, without an owner (seen on Kubernetes 1.35). Gone first, it is not in the controller's way.
    """
    for id_ in facts.platform.of_kind(RBAC, "ClusterRole"):
        for part in parts(facts.platform, id_):
            yield Need(id_, part, f"sums up {part.title}", Strength.OPTIONAL)


def binding_needs_account(facts: Facts) -> Iterator[Finding]:
    """A binding needs the ServiceAccount that it names; where it names several, each only if that is possible.

    The API server takes it in any order. One of several accounts may come from what acts through another of them.
    """
    for id_ in bindings(facts.platform):
        named = sorted({(namespace, name) for namespace, name in accounts(facts.platform, id_) if name})
        strength = Strength.REQUIRED if len(named) == 1 else Strength.OPTIONAL
        for namespace, name in named:
            reason = f"grants to ServiceAccount {namespace}/{name}"
            yield from _account(facts, id_, namespace, name, reason, strength)


def workload_needs_account(facts: Facts) -> Iterator[Finding]:
    """A workload needs the ServiceAccount of its pods: the API server refuses pods of one that does not exist."""
    for workload in facts.platform.workloads.values():
        name = account_of(workload.spec)
        reason = f"its pods run as ServiceAccount {workload.namespace}/{name}"
        yield from _account(facts, workload.id, workload.namespace, name, reason)


def workload_needs_permissions(facts: Facts) -> Iterator[Finding]:
    """A workload needs every binding that names its account.

    So it starts with its permissions, and on destroy they outlive it: finalizers still run. What a group may do, or an
    account in a namespace of others, is more than a workload needs to start: these come first if possible.
    """
    platform = facts.platform
    for binding in bindings(platform):
        place = platform.namespace(binding)
        for namespace, name in accounts(platform, binding):
            if name:
                acting = [workload.id for workload in platform.accounts.get((namespace, name), ())]
                subject = f"ServiceAccount {namespace}/{name}"
            else:
                acting = [workload.id for workload in platform.residents(namespace)]
                subject = f"every ServiceAccount of {namespace}"
            strength = Strength.REQUIRED if name and place in ("", namespace) else Strength.OPTIONAL
            for holder in acting:
                yield Need(holder, binding, f"{binding.title} grants its permissions to {subject}", strength)


def workload_needs_watched_kinds(facts: Facts) -> Iterator[Finding]:
    """A workload comes after the definitions of the kinds that its roles let it list or watch.

    Most controllers end when a kind that they watch is unknown to the API server, and start again ever more slowly.
    """
    platform = facts.platform
    of_group: dict[str, list[Definition]] = {}
    for definition in platform.definitions.values():
        of_group.setdefault(definition.group, []).append(definition)
    for binding in bindings(platform):
        role = role_of(platform, binding)
        if role is None:
            continue
        watched = list(_watched(platform.objects[role], of_group))
        for workload in holders(platform, binding):
            for definition in watched:
                reason = f"may watch {definition.plural}.{definition.group} through {role.kind} {role.name}"
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


def _account(
    facts: Facts,
    source: ObjectId,
    namespace: str,
    name: str,
    reason: str,
    strength: Strength = Strength.REQUIRED,
) -> Iterator[Finding]:
    if profile := facts.profiles.get(namespace) if name in PROFILE_ACCOUNTS else None:
        yield Need(source, profile, f"{reason}, which comes with Profile {profile.name}", strength)
    elif place := facts.platform.find("", "ServiceAccount", namespace, name):
        yield Need(source, place, reason, strength)
    elif name != "default":
        # Every namespace has an account called default.
        yield Unresolved(source, f"ServiceAccount {namespace}/{name}", reason)
