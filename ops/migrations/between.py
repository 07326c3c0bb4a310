"""What a run goes from and to, for the steps between two releases."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ops.existing import Place, objects, place
from ordering.graph import Graph
from ordering.manifests.objects import Manifest

Report = Callable[[str], object]

CONFIG = Place("", "ConfigMap", "kubeflow", "pipeline-install-config")
"""Which every Pipelines has."""


class Api(Protocol):
    """What the steps need of a cluster.

    `list` gives whole objects, all of a kind or those of a name, `output` what a script in a container prints.
    """

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]: ...

    def list(self, api_version: str, kind: str, name: str = "") -> list[Manifest]: ...

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None: ...

    def warned(self, manifest: Manifest, change: Manifest) -> bool: ...

    def apply(self, manifest: Manifest) -> None: ...

    def delete(self, manifest: Manifest) -> None: ...

    def output(self, pod: Manifest, container: str, script: str, given: str | None = None) -> Iterator[bytes]: ...


@dataclass(frozen=True, kw_only=True)
class Between:
    """A stack's state, and the graph of what will be installed.

    `runs_pods` is false where pods run nothing, as on the laptop.
    """

    stack: str
    state: Sequence[Mapping[str, Any]]
    graph: Graph
    runs_pods: bool = True

    @cached_property
    def before(self) -> Mapping[Place, Manifest]:
        """The objects that the last run sent, as they were sent."""
        return dict(objects(one for one in self.state if not one.get("delete")))

    @cached_property
    def after(self) -> Mapping[Place, Manifest]:
        """The objects that there will be; what the engine alone knows, such as a password, is not filled in."""
        return {place(node.id): node.manifest for node in self.graph.nodes if node.gate is None}

    @property
    def has_pipelines(self) -> bool:
        """Whether there will be Pipelines."""
        return CONFIG in self.after

    def goes(self, at: Place) -> bool:
        """Whether the run takes an object away."""
        return at in self.before and at not in self.after
