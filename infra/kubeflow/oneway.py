"""Stores of a release that open their data in one direction: a newer version leaves what an older one cannot read."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ordering.errors import UserError
from ordering.graph import Graph
from ordering.manifests.objects import Manifest


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store of the release: the Deployment that runs it, its claim, and what its image's version is read from.

    `reason` says why there is no way back, with its source.
    """

    component: str
    deployment: str
    claim: str
    image: str
    reason: str
    namespace: str = "kubeflow"


_MYSQL = (
    "MySQL upgrades its data when it starts, and goes back by a dump alone (MySQL 8.4 Reference Manual, "
    '"Downgrading MySQL")'
)

# Releases 1.10.2 and 26.03: Pipelines' MySQL goes from 8.0.26 to 8.4, Katib's stays 8.0.
STORES = (
    Store(component="Pipelines", deployment="mysql", claim="mysql-pv-claim", image=r"(?:^|/)mysql:", reason=_MYSQL),
    Store(component="Katib", deployment="katib-mysql", claim="katib-mysql", image=r"(?:^|/)mysql:", reason=_MYSQL),
)


@dataclass(frozen=True, kw_only=True)
class Closed:
    """A store whose data was opened by `was`, and that `will` open it next; both the first two numbers of a version."""

    store: Store
    was: tuple[int, int]
    will: tuple[int, int]

    @property
    def error(self) -> UserError:
        """What to say where the data is still there."""
        store, old, new = self.store, *(".".join(map(str, one)) for one in (self.was, self.will))
        return UserError(
            f"The data of {store.component} in the claim {store.namespace}/{store.claim} was opened by {old}, and "
            f"the release brings {new}, which cannot open it: {store.reason}. Nothing was changed; stay at a "
            f"release with {old}, or dump the databases, delete that claim, and load the dump after the `up`."
        )


def closed(sent: Iterable[Manifest], graph: Graph) -> Iterator[Closed]:
    """The stores that would go back to a version which cannot open what the objects that were sent have left.

    Only the first two numbers of a version count: MySQL goes back within 8.0, and within 8.4.
    """
    before = {_place(one): one for one in sent if one["kind"] == "Deployment"}
    after = {_place(node.manifest): node.manifest for node in graph.nodes if node.id.kind == "Deployment"}
    for store in STORES:
        place = (store.namespace, store.deployment)
        if place in before and place in after:
            was, will = (_version(store, manifest) for manifest in (before[place], after[place]))
            if was and will and will < was:
                yield Closed(store=store, was=was, will=will)


def _version(store: Store, deployment: Manifest) -> tuple[int, int] | None:
    """The first two numbers of the version that a Deployment's image names; None where it names none."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        image = str(container.get("image", "")).partition("@")[0]
        if re.search(store.image, image) and (found := re.match(r"v?(\d+)\.(\d+)", image.rpartition(":")[2])):
            return int(found[1]), int(found[2])
    return None


def _place(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])
