"""The rule about Helm hooks: what Helm sends before a release, after it, and by weight."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from ordering.graph.edges import Finding, Need, Strength
from ordering.graph.hooks import AFTER, BEFORE, hooks_of, weight_of
from ordering.graph.ids import ObjectId
from ordering.graph.index import CRD, Platform, mapping
from ordering.graph.rules.facts import Facts

_RELEASE = "app.kubernetes.io/instance"


def hooks_keep_their_order(facts: Facts) -> Iterator[Finding]:
    """What Helm would send before a release (`pre-install`) comes before it, what after (`post-install`) after it, each
    by weight, where that is possible.

    The rest of a release is what carries its label or, for hooks without one, what lives in their namespace. Namespaces
    and definitions come first all the same: Helm has them made elsewhere.
    """
    platform = facts.platform
    hooks: dict[tuple[str, str, str], list[ObjectId]] = defaultdict(list)
    for id_, manifest in platform.objects.items():
        if moments := hooks_of(manifest):
            hooks[(*_release(platform, id_), BEFORE if BEFORE in moments else AFTER)].append(id_)
    rest: dict[tuple[str, str], list[ObjectId]] = defaultdict(list)
    for id_ in platform.objects if hooks else ():
        if not hooks_of(platform.objects[id_]) and (id_.group, id_.kind) not in (CRD, ("", "Namespace")):
            for scope in {_release(platform, id_), ("", platform.namespace(id_))}:
                rest[scope].append(id_)
    for (label, namespace, moment), ids in sorted(hooks.items()):
        waves = _waves(platform, ids)
        for earlier, later in pairwise(waves):
            yield from _after(later, earlier, f"Helm sends what has less weight first ({moment})")
        # Of a hook of the cluster that carries no label, nobody knows the release.
        others = rest[label, namespace] if label or namespace else []
        if moment == BEFORE:
            yield from _after(others, waves[-1], "Helm sends it before the release (pre-install)")
        else:
            yield from _after(
                waves[0], others, "Helm sends what it needs first, as this one comes after (post-install)"
            )


def _after(sources: list[ObjectId], targets: list[ObjectId], reason: str) -> Iterator[Need]:
    for source in sources:
        for target in targets:
            yield Need(source, target, reason, Strength.OPTIONAL)


def _release(platform: Platform, id_: ObjectId) -> tuple[str, str]:
    """The release of an object by its label, else its namespace alone: (label, "") or ("", namespace)."""
    label = mapping(mapping(platform.objects[id_].get("metadata")).get("labels")).get(_RELEASE)
    return (str(label), "") if label else ("", platform.namespace(id_))


def _waves(platform: Platform, ids: list[ObjectId]) -> list[list[ObjectId]]:
    """Hooks of one moment, those of least weight first."""
    waves: dict[int, list[ObjectId]] = defaultdict(list)
    for id_ in ids:
        waves[weight_of(platform.objects[id_])].append(id_)
    return [waves[weight] for weight in sorted(waves)]
