"""Steps between releases that cannot be gone back: a store whose files an older version of its program cannot open.

The older program does not start on what the newer one has left, and whatever reads from it waits for ever. So such an
`up` stops before it touches anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ops.existing import Place
from ordering.errors import UserError
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


class Api(Protocol):
    """What this needs of a cluster."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


Version = tuple[int, int]


def older(
    before: Mapping[Place, Manifest], after: Mapping[Place, Manifest]
) -> Iterator[tuple[Store, Version, Version]]:
    """The stores that would go back, with the versions that they would leave and get.

    Only the first two numbers of a version count: MySQL goes back within 8.0, and within 8.4.
    """
    for store in STORES:
        place = Place("apps", "Deployment", store.namespace, store.deployment)
        if place in before and place in after:
            was, will = (_version(store, manifest) for manifest in (before[place], after[place]))
            if was and will and will < was:
                yield store, was, will


def check(before: Mapping[Place, Manifest], after: Mapping[Place, Manifest], api: Api) -> None:
    """UserError naming a store that would go back to a version which cannot open its data.

    A store whose claim is gone has nothing to open.
    """
    for store, was, will in older(before, after):
        if api.get("v1", "PersistentVolumeClaim", store.namespace, store.claim) is not None:
            old, new = (".".join(map(str, one)) for one in (was, will))
            raise UserError(
                f"The data of {store.component} in the claim {store.namespace}/{store.claim} was opened by {old}, and "
                f"the release brings {new}, which cannot open it: {store.reason}. Nothing was changed; stay at a "
                f"release with {old}, or dump the databases, delete that claim, and load the dump after the `up`."
            )


def _version(store: Store, deployment: Manifest) -> Version | None:
    """The first two numbers of the version that a Deployment's image names; None where it names none."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        image = str(container.get("image", "")).partition("@")[0]
        if re.search(store.image, image) and (found := re.match(r"v?(\d+)\.(\d+)", image.rpartition(":")[2])):
            return int(found[1]), int(found[2])
    return None
