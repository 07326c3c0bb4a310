"""Claims that an `up` replaces or deletes while pods still use them: such a claim stays until its pods are gone.

The plugin would wait ten minutes for that and give up. Once a claim is going, a pod that takes the place of a deleted
one is not scheduled before there is a claim again (`podHasPVCs` in pkg/scheduler/framework/plugins/volumebinding of
Kubernetes 1.35), so to delete the pods is enough, and a run that is cut short leaves nothing to put back.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType

from ops import engine
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

if TYPE_CHECKING:
    from ops.cluster import ClusterApi

POLL_S = 2.0
ENDS_S = 2.0
"""Seconds that a request gets when the engine is through: a dead API server answers none of four, 30 s each."""
_TYPE = "kubernetes:core/v1:PersistentVolumeClaim"
_GOING = frozenset({OpType.DELETE, OpType.DELETE_REPLACED})

Claim = tuple[str, str]
"""Namespace and name."""


class Api(Protocol):
    """What this needs of a cluster."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def delete(self, manifest: Manifest) -> None: ...


@dataclass
class Claims:
    """Takes the engine's events; frees the claims that it deletes of the pods that use them.

    `connect` reaches the cluster that they are in, and raises OSError where that does not answer.
    """

    connect: Callable[[], AbstractContextManager[Api]]
    report: Callable[[str], object]
    _going: dict[str, Claim] = field(default_factory=dict)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        if (begun := event.resource_pre_event) is not None:
            if begun.metadata.type == _TYPE and OpType(begun.metadata.op) in _GOING:
                namespace, _, name = begun.metadata.urn.rsplit("::", 1)[-1].rpartition("/")
                self._going[begun.metadata.urn] = (namespace, name)
        elif (done := event.res_outputs_event or event.res_op_failed_event) is not None:
            self._going.pop(done.metadata.urn, None)

    @contextmanager
    def freed(self) -> Iterator[None]:
        """Sees to the claims that are going, for the length of the block."""
        ended = threading.Event()
        thread = threading.Thread(target=self._see_to, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(ENDS_S)

    def _see_to(self, ended: threading.Event) -> None:
        failed = False
        while not ended.wait(POLL_S):
            if not self._going:
                continue
            try:
                with self.connect() as api:
                    while self._going and not ended.wait(POLL_S):
                        for pod in free(api, set(self._going.values())):
                            self.report(f"deleting pod {pod}, which uses a claim that is being deleted")
            except (OSError, UserError) as error:
                if not (failed or ended.is_set()):  # told once, and to nobody who is gone
                    self.report(f"The pods that use a claim which is being deleted could not be looked for: {error}")
                failed = True


@contextmanager
def cluster_of(stack: automation.Stack) -> "Iterator[ClusterApi]":
    """A stack's cluster, as its state says; OSError where it does not answer, or the state cannot be read."""
    from ops.cluster import access_of, connected  # half a second of imports, which few runs need

    try:
        exported = stack.export_stack()
    except automation.CommandError as error:
        raise OSError(engine.told(error)) from error
    access = access_of((exported.deployment or {}).get("resources") or ())
    if access is None:
        raise OSError("the state names no cluster")
    with connected(access) as api:
        yield api


def free_named(stack: automation.Stack, names: Collection[str], report: Callable[[str], object]) -> None:
    """Ends the pods that use those of a stack's claims, as the engine names them, that an interrupted run deletes."""
    claims = [(namespace, name) for namespace, _, name in (one.rpartition("/") for one in names)]
    with suppress(OSError), cluster_of(stack) as api:
        for pod in free(api, claims):
            report(f"deleting pod {pod}, which uses a claim that is being deleted")


def free(api: Api, claims: Collection[Claim]) -> list[str]:
    """Deletes the pods that use those of the claims that are going; returns their names."""
    going = {
        (str(one["metadata"].get("namespace")), one["metadata"]["name"])
        for one in api.list("v1", "PersistentVolumeClaim")
        if one["metadata"].get("deletionTimestamp")
    } & set(claims)
    freed = []
    for pod in api.list("v1", "Pod") if going else ():
        about = pod["metadata"]
        used = {(about["namespace"], name) for name in claims_of(pod)}
        if used & going and (pod.get("spec") or {}).get("nodeName") and not about.get("deletionTimestamp"):
            api.delete(pod)
            freed.append(f"{about['namespace']}/{about['name']}")
    return freed


def claims_of(pod: Manifest) -> list[str]:
    """The names of the claims that a pod mounts."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return [one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")]
