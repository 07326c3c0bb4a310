"""What Pipelines attaches to profiles' namespaces: made again where it is of another program than today's.

metacontroller asks a program of the release (the hook) what each namespace should have, and leaves ConfigMaps and
Secrets as they were made: `OnDelete` in the decorator. They come again as soon as they are deleted. What its hook asked
for is in an annotation of each, by which an object that somebody has edited is known (metacontroller 4.11,
pkg/controller/common/manage_children.go and pkg/dynamic/apply).
"""

import json
from collections.abc import Iterator
from typing import Any

from ops.existing import Place
from ops.migrations.between import Api, Between, Report
from ordering.manifests.objects import Manifest

HOOK = "kubeflow-pipelines-profile-controller"
_NAMESPACE = "kubeflow"
_DEPLOYMENT = Place("apps", "Deployment", _NAMESPACE, HOOK)
# The kind knows no namespaces, and so what is sent names none, whatever a release renders.
_DECORATOR = Place("metacontroller.k8s.io", "DecoratorController", "", HOOK)
_DECORATED = "metacontroller.k8s.io/decorator-controller"
_ASKED = "metacontroller.k8s.io/last-applied-configuration"

KEYS = "mlpipeline-minio-artifact"
"""The Secret with the keys of the object store: the stack's own in `kubeflow`, and one in each profile."""
_KEYED = Place("apps", "Deployment", _NAMESPACE, "seaweedfs")
"""The store in which each profile has keys of its own; every other one has those of the stack alone."""


def renew(between: Between, api: Api, report: Report) -> None:
    """Has everything made again that is as an earlier hook asked for, and that nobody has edited since."""
    if not {_DEPLOYMENT, _DECORATOR} <= between.after.keys():
        return
    stale: list[Manifest] = []
    if _left_alone(between, "configmaps"):
        stale += _older(between, api)
    if _left_alone(between, "secrets"):
        stale += _foreign(between, api)
    edited = {id(one) for one in stale if not _as_asked(one)}
    for one in stale:
        if id(one) not in edited:
            api.delete(one)
    for one in stale:
        what = f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}"
        if id(one) not in edited:
            report(f"had {what} made again, which was of an earlier release or of other keys")
        elif _programs(between.before.get(_DEPLOYMENT)) != _programs(between.after[_DEPLOYMENT]):
            report(
                f"{what} is of an earlier release and was edited since, so it stays: compare it with another profile's"
            )


def _left_alone(between: Between, resource: str) -> bool:
    """Whether metacontroller leaves such objects as they were made."""
    attachments = between.after[_DECORATOR]["spec"].get("attachments") or ()
    return any(
        one["resource"] == resource and (one.get("updateStrategy") or {}).get("method", "OnDelete") == "OnDelete"
        for one in attachments
    )


def _older(between: Between, api: Api) -> Iterator[Manifest]:
    """ConfigMaps that were made before the program that is asked now: kustomize names each program by its content."""
    programs = _programs(between.after[_DEPLOYMENT])
    live = [one["metadata"] for one in api.metadata("v1", "ConfigMap")]
    since = [
        str(one["creationTimestamp"]) for one in live if one.get("namespace") == _NAMESPACE and one["name"] in programs
    ]
    if not since:
        return
    old = {
        (one["namespace"], one["name"])
        for one in live
        if _is_decorated(one) and str(one["creationTimestamp"]) < max(since)
    }
    for name in sorted({name for _, name in old}):
        for one in api.list("v1", "ConfigMap", name):
            if (one["metadata"]["namespace"], name) in old:
                yield one


def _programs(hook: Manifest | None) -> set[str]:
    """The ConfigMaps that the hook's pods mount."""
    volumes = hook["spec"]["template"]["spec"].get("volumes") or () if hook else ()
    return {str(one["configMap"]["name"]) for one in volumes if one.get("configMap")}


def _foreign(between: Between, api: Api) -> Iterator[Manifest]:
    """Keys that the release would not hand out: the stack's own where each profile has its own, else all others."""
    there = {one["metadata"]["namespace"]: one for one in api.list("v1", "Secret", KEYS)}
    own = there.pop(_NAMESPACE, None)
    if own is None:
        return
    for one in there.values():
        shared = one.get("data") == own.get("data")
        if _is_decorated(one["metadata"]) and shared == (_KEYED in between.after):
            yield one


def _is_decorated(metadata: Any) -> bool:
    return (metadata.get("annotations") or {}).get(_DECORATED) == HOOK and bool(metadata.get("ownerReferences"))


def _as_asked(one: Manifest) -> bool:
    """Whether an object still says what its hook asked for when it was made."""
    try:
        asked = json.loads((one["metadata"].get("annotations") or {}).get(_ASKED, ""))
    except ValueError:
        return False
    return bool(asked.get("data") == one.get("data"))
