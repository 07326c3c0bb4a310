"""Whether a release's stores can open the data that is in a cluster, before an `up` goes back to it."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from infra.kubeflow.oneway import closed
from ops.existing import objects
from ordering.graph import Graph
from ordering.manifests.objects import Manifest


class Api(Protocol):
    """What this needs of a cluster."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


def check(state: Iterable[Mapping[str, Any]], graph: Graph, api: Api) -> None:
    """UserError naming a store that would go back to a version which cannot open its data.

    A store whose claim is gone has nothing to open.
    """
    for one in closed((sent for _, sent in objects(one for one in state if not one.get("delete"))), graph):
        if api.get("v1", "PersistentVolumeClaim", one.store.namespace, one.store.claim) is not None:
            raise one.error
