"""Helm hooks in rendered charts: what is no part of an installation, and in which order the rest is sent.

`helm template` prints hooks among everything else, with annotations that only Helm reads: "Chart Hooks" of Helm 3's
documentation, pkg/action/hooks.go and pkg/release/hook.go of helm.sh/helm/v3 3.18. Helm sends the objects of a hook by
weight, and each waits for those before it.
"""

from collections.abc import Iterable

from ordering.graph.edges import Warned
from ordering.graph.ids import id_of
from ordering.graph.index import mapping
from ordering.manifests.objects import Manifest

HOOK = "helm.sh/hook"
WEIGHT = "helm.sh/hook-weight"

BEFORE, AFTER = "pre-install", "post-install"
# The definitions of a chart of Helm 2: an ordinary part today.
_ORDINARY = "crd-install"
_TESTS = frozenset({"test", "test-success", "test-failure"})
_REMOVAL = frozenset({"pre-delete", "post-delete"})


def hooks_of(manifest: Manifest) -> frozenset[str]:
    """The moments at which Helm would send the object; none for an ordinary one."""
    value = mapping(mapping(mapping(manifest).get("metadata")).get("annotations")).get(HOOK)
    names = frozenset(name.strip() for name in str(value).split(",")) - {""} if value else frozenset[str]()
    return frozenset() if _ORDINARY in names else names


def weight_of(manifest: Manifest) -> int:
    """Where a hook stands among those of its moment; 0 where nothing is said, or no whole number, as in Helm."""
    value = mapping(mapping(manifest.get("metadata")).get("annotations")).get(WEIGHT)
    try:
        return int(str(value))
    except ValueError:
        return 0


def part(objects: Iterable[Manifest]) -> tuple[list[Manifest], list[Warned]]:
    """The objects of an installation, and a sentence for each hook that is none."""
    kept: list[Manifest] = []
    left: list[Warned] = []
    for manifest in objects:
        hooks = hooks_of(manifest)
        if not hooks or hooks & {BEFORE, AFTER}:
            kept.append(manifest)
            continue
        id_ = id_of(manifest)
        said = f"{id_.title} is a Helm hook ({', '.join(sorted(hooks))}) and is not sent: {_moment(hooks)}"
        left.append(Warned(id_, said))
    return kept, left


def _moment(hooks: frozenset[str]) -> str:
    if hooks <= _TESTS:
        return "it tests a release that runs"
    if hooks & _REMOVAL:
        return "it cleans up when all is taken away; apply it by hand before, or after, a destroy"
    return "it is for the moment at which Helm changes a release; apply it by hand there if you need it"
