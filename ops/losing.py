"""What an `up` would lose for good: each thing is accepted by its name, or nothing is changed."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ops.preview import data_in
from ops.steps import Step
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

_CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
_NAMED = 5
"""Losses that the error names."""


class Api(Protocol):
    """What this needs of a cluster: metadata of all objects of a kind; none of a kind that is not served."""

    def metadata(self, api_version: str, kind: str) -> list[Manifest]: ...


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Data that goes with a resource.

    `name` is what a person accepts it by, such as `PersistentVolumeClaim/kubeflow/minio-pvc`.
    """

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} ({self.what})"


def losses(steps: Iterable[Step], api: Api | None) -> list[Loss]:
    """The data in what these steps replace or delete.

    `api` is the stack's cluster, or None where there is none: definitions of which it has no objects lose nothing.
    """
    found = []
    for step in steps:
        what = data_in(step)
        if what and step.type == _CRD and api is not None:
            what = _counted(step, api)
        if what:
            found.append(Loss(name=f"{step.type.rpartition(':')[2]}/{step.name}", what=what))
    return sorted(found, key=lambda loss: loss.name)


def refuse(found: Sequence[Loss], accepted: Collection[str]) -> None:
    """UserError unless each loss is accepted by its name, or where a name is accepted that loses nothing."""
    names = {loss.name for loss in found}
    if unknown := sorted(set(accepted) - names):
        known = f"what would be lost is {', '.join(sorted(names))}" if names else "nothing would be lost"
        raise UserError(f"LOSE names {unknown[0]!r}, which this would not lose: {known}. Nothing was changed.")
    left = [loss for loss in found if loss.name not in accepted]
    if not left:
        return
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    raise UserError(
        f"This would lose for good {', '.join(map(str, left[:_NAMED]))}{more}. Nothing was changed; keep what holds "
        f"them in what you install, or save the data and accept the loss: LOSE={','.join(loss.name for loss in found)}"
    )


def _counted(step: Step, api: Api) -> str:
    """The objects of a definition, by namespace; empty where there are none."""
    spec = step.old.get("spec") or {}
    kind = str((spec.get("names") or {}).get("kind") or "")
    for version in spec.get("versions") or ():
        live = api.metadata(f"{spec['group']}/{version['name']}", kind)
        if live:
            places = Counter(str(one["metadata"].get("namespace") or "the cluster") for one in live)
            told = ", ".join(f"{count} in {place}" for place, count in sorted(places.items()))
            return f"{len(live)} {kind}{'s' if len(live) > 1 else ''}: {told}"
    return ""
