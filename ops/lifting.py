"""The stack's own admission policies, which may refuse what a destroy does: they stop judging before it begins.

The graph takes an object away before the policy that judges it. But a policy may be for DELETE; and an object that it
would not let in today stays, for the garbage collector's updates are judged as well (kubernetes/kubernetes 133827).
"""

import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

from ops.existing import Place
from ordering.graph.policies import SETTLE_S
from ordering.manifests.objects import Manifest

_GROUP = "admissionregistration.k8s.io"
_POLICY = "ValidatingAdmissionPolicy"
_CHANGING = frozenset({"DELETE", "UPDATE", "*"})


class Api(Protocol):
    """What this needs of a cluster."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def delete(self, manifest: Manifest) -> None: ...


def lift(api: Api, known: Collection[Place], report: Callable[[str], object], settle: float = SETTLE_S) -> None:
    """Deletes the bindings among `known` by which something could be refused now, and says so.

    Returns once the API server has taken notice, after `settle` seconds.
    """
    policies = {one["metadata"]["name"]: one for one in api.list(f"{_GROUP}/v1", _POLICY)}
    bindings = [
        one
        for one in api.list(f"{_GROUP}/v1", f"{_POLICY}Binding")
        if Place(_GROUP, f"{_POLICY}Binding", "", one["metadata"]["name"]) in known
        and "Deny" in (one["spec"].get("validationActions") or ())
        and _judges_changes(policies.get(one["spec"]["policyName"]))
    ]
    for one in bindings:
        api.delete(one)
    if bindings:
        names = ", ".join(sorted(one["metadata"]["name"] for one in bindings))
        report(f"deleted {_POLICY}Binding {names}, which could refuse the deletion of what is judged by it")
        time.sleep(settle)


def _judges_changes(policy: Any) -> bool:
    rules = ((policy or {}).get("spec") or {}).get("matchConstraints", {}).get("resourceRules") or ()
    return any(not _CHANGING.isdisjoint(rule.get("operations") or ()) for rule in rules)
