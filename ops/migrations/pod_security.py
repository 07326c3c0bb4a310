"""A namespace that is about to enforce a stricter level of pod security than it does: what of others runs in it.

A pod that runs goes on, whatever the level; once it ends, its controller is refused a new one.
"""

from collections.abc import Iterator

from ops.existing import Place
from ops.migrations.between import Api, Between
from ordering.manifests.objects import Manifest

_LEVEL = "pod-security.kubernetes.io/enforce"
_LEVELS = ("privileged", "baseline", "restricted")
_NAMED = 5
"""Pods that a sentence names."""
_GROUPS = {"DaemonSet": "apps", "Job": "batch", "StatefulSet": "apps"}


def applies(between: Between) -> bool:
    """Whether a namespace gets stricter."""
    return any(_stricter(between))


def look(between: Between, api: Api) -> list[str]:
    """A sentence for each namespace that gets stricter, where pods of others might be refused."""
    said = []
    for namespace, level in _stricter(between):
        # The server looks at what runs there, and does not say whose it is.
        change = {"metadata": {"labels": {_LEVEL: level}}}
        if not api.warned({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, change):
            continue
        pods = sorted(_others(namespace, between, api))
        if pods:
            more = f" and {len(pods) - _NAMED} more" if len(pods) > _NAMED else ""
            said.append(
                f"The namespace {namespace} enforces the level {level} from now on. These pods in it are not the "
                f"stack's, and are refused when they start again if they do not meet it: {', '.join(pods[:_NAMED])}"
                f"{more}."
            )
    return said


def _stricter(between: Between) -> Iterator[tuple[str, str]]:
    for at, now in between.after.items():
        if at.kind == "Namespace" and (was := between.before.get(at)) and _rank(_level(now)) > _rank(_level(was)):
            yield at.name, _level(now)


def _level(namespace: Manifest) -> str:
    return str((namespace["metadata"].get("labels") or {}).get(_LEVEL, ""))


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0


def _others(namespace: str, between: Between, api: Api) -> Iterator[str]:
    """The pods of a namespace that no workload of the stack has made."""
    for pod in (one["metadata"] for one in api.metadata("v1", "Pod", namespace)):
        owner = next((one for one in pod.get("ownerReferences") or () if one.get("controller")), None)
        maker = _maker(namespace, owner["kind"], owner["name"]) if owner else None
        if maker not in between.before and maker not in between.after:
            yield str(pod["name"])


def _maker(namespace: str, kind: str, name: str) -> Place:
    if kind == "ReplicaSet":
        return Place("apps", "Deployment", namespace, name.rpartition("-")[0])
    return Place(_GROUPS.get(kind, ""), kind, namespace, name)
