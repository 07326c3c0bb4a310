"""What nobody can change of an object that a cluster has, and that is wanted otherwise, without asking the server.

An apply leaves what it does not state, so only what a manifest states can clash; what the API server fills in is none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.kubeflow.capacity import quantity
from infra.kubeflow.immutable import FIELDS, at, kind_of
from ordering.manifests.objects import Manifest, title

_LONGEST = 120
"""Characters of a value that a sentence shows."""

_WHOLE = ("selector", "nodeAffinity")
"""How the paths of selectors end: an apply puts the new one in the old one's place (`structType=atomic`)."""


@dataclass(frozen=True, kw_only=True)
class Clash:
    """A field of an object that never changes, with the value that it has and the one that is wanted.

    Both are JSON, and empty where they are secret.
    """

    object: str
    path: str
    live: str
    wanted: str

    def __str__(self) -> str:
        differs = f"{self.live} in the cluster and {self.wanted}" if self.live else "another in the cluster than"
        return f"{self.path} of {self.object}, which never changes, is {differs} in the manifests"


def clashes(live: Manifest, wanted: Manifest) -> list[Clash]:
    """The fields in which an apply of `wanted` would have to change what never changes of `live`, its object."""
    after = _laid_over(live, wanted)
    found = []
    for field in FIELDS.get(kind_of(wanted), ()):
        old, new = at(live, field.path, field.default), at(wanted, field.path)
        if new is None or (old == new if field.path.endswith(_WHOLE) else _holds(old, new)):
            continue
        # Data can be fixed by the same change that makes it so (ValidateConfigMapUpdate of pkg/apis/core/validation).
        fixed = {**after, "immutable": live.get("immutable")} if "immutable" in after else after
        if field.when is None or field.when(live, fixed):
            found.append(_clash(field.path, old, new, wanted))
    return found


def _clash(path: str, old: Any, new: Any, wanted: Manifest) -> Clash:
    secret = wanted["kind"] == "Secret" and path != "type"
    return Clash(
        object=title(wanted),
        path=path,
        live="" if secret else _shown(old),
        wanted="" if secret else _shown(new),
    )


def _holds(live: Any, wanted: Any) -> bool:
    """Whether a live value is the wanted one, with what the API server fills in beside."""
    if isinstance(wanted, Mapping):
        fields = live if isinstance(live, Mapping) else {}
        return all(_holds(fields.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        old = live if isinstance(live, list) else []
        named = {one.get("name"): one for one in old if isinstance(one, Mapping)}
        if all(isinstance(one, Mapping) and "name" in one for one in wanted):  # others add containers and volumes
            return all(_holds(named.get(one["name"]), one) for one in wanted)
        return len(old) == len(wanted) and all(map(_holds, old, wanted))
    return live == wanted or (wanted in (None, "", 0, False) and live is None) or _amounts(live, wanted)


def _amounts(live: Any, wanted: Any) -> bool:
    """Whether both are one amount: the server writes 1024Mi as 1Gi."""
    try:
        return bool(quantity(live) == quantity(wanted))
    except (TypeError, ValueError):
        return False


def _laid_over(live: Any, wanted: Any) -> Any:
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return {**live, **{key: _laid_over(live.get(key), value) for key, value in wanted.items()}}
    return wanted


def _shown(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
