"""What becomes of each resource in an `up`: its class and why. Pure, from the engine's steps and what the cluster has.

The one place that knows: `make preview`, `make up`, the pull request's comment and the JSON all say what this says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from infra.kubeflow.holding import HOLDING
from ops.steps import Step

Class = Literal["data", "replaced", "deleted", "kept", "restarted", "moved", "in place", "created"]
"""From the gravest to the lightest; a change that is several of these has the first."""

Live = Mapping[str, Counter[tuple[str, str]]]
"""What people have in the cluster that goes with a resource, by its URN: how many objects of a kind in a namespace.

A definition or a namespace that is missing here was not looked at, and counts as full.
"""

CRD = "apiextensions.k8s.io/CustomResourceDefinition"
NAMESPACE = "core/Namespace"
DATABASE = "aws:rds/instance:Instance"

DATA = {
    "aws:backup/vault:Vault": "the backups in it",
    "aws:cognito/userPool:UserPool": "the people in it, with their passwords",
    "aws:ebs/volume:Volume": "the volume's content",
    "aws:ecr/repository:Repository": "the images in it",
    "aws:efs/fileSystem:FileSystem": "the files in it",
    "aws:eks/cluster:Cluster": "all that people made in the cluster",
    "aws:kms/key:Key": "whatever is encrypted with it",
    "aws:rds/cluster:Cluster": "the databases in it",
    DATABASE: "the databases in it",
    "aws:s3/bucket:Bucket": "the objects in it",
    "aws:s3/bucketV2:BucketV2": "the objects in it",
    "eks:index:Cluster": "all that people made in the cluster",
    **HOLDING,
}
"""What is lost with a resource of a type, beyond what the next `up` makes again."""

_ROLLED = frozenset({"apps/DaemonSet", "apps/Deployment", "apps/StatefulSet"})
"""Kinds whose pods are renewed when their template changes; a Job's cannot."""

# What is not there, or does not work, between the deletion of an object and its new one.
_STOPS = {
    "apps/DaemonSet": "its pods",
    "apps/Deployment": "its pods",
    "apps/StatefulSet": "its pods",
    "batch/Job": "its pods, and it runs again from the start",
    "core/ConfigMap": "new pods that read it wait",
    "core/PersistentVolumeClaim": "the pods that use it",
    "core/Pod": "itself",
    "core/Secret": "new pods that read it wait",
    "core/Service": "its name does not resolve, and it gets another address",
    "networking.k8s.io/IngressClass": "new Ingresses of the class are not served",
    "node.k8s.io/RuntimeClass": "new pods that name it are refused",
    "rbac.authorization.k8s.io/ClusterRoleBinding": "what it allows is refused",
    "rbac.authorization.k8s.io/RoleBinding": "what it allows is refused",
    "scheduling.k8s.io/PriorityClass": "new pods that name it are refused",
    "storage.k8s.io/CSIDriver": "new volumes of the driver are not mounted",
    "storage.k8s.io/StorageClass": "new claims that name it wait",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of one resource.

    `why` is the reason in words; `stops` says what does not work while it is replaced; `data` is what is lost for good,
    empty in every class but `data`.
    """

    step: Step
    kind: Class
    why: str = ""
    stops: str = ""
    data: str = ""

    @property
    def name(self) -> str:
        """What a person calls it and accepts its loss by, such as `PersistentVolumeClaim/kubeflow/minio-pvc`."""
        return f"{self.step.type.rpartition(':')[2]}/{self.step.name}"

    @property
    def keeps_pods(self) -> bool:
        """Whether it is a StatefulSet whose new form finds the pods of the old one, so that they can go on."""
        selects = any(_within(cause, "spec.selector") for cause in self.step.causes)
        return kind_of(self.step.type) == "apps/StatefulSet" and self.step.change == "replace" and not selects

    def __str__(self) -> str:
        told = self.data or self.why
        return f"{self.name} ({told})" if told else self.name


def classify(steps: Iterable[Step], live: Live) -> list[Change]:
    """Each step that changes something, the gravest class first, then by name."""
    found = [_change(step, live) for step in steps if step.change != "same"]
    return sorted(found, key=lambda one: (get_args(Class).index(one.kind), one.name))


def last_snapshot(database: Mapping[str, Any]) -> str:
    """The snapshot that RDS makes of an instance with these inputs before it goes; empty where it makes none."""
    return "" if database.get("skipFinalSnapshot") else str(database.get("finalSnapshotIdentifier") or "")


def counts(changes: Iterable[Change]) -> dict[Class, int]:
    """How many changes each class has, the gravest first; classes that have none are left out."""
    counted = Counter(one.kind for one in changes)
    return {kind: counted[kind] for kind in get_args(Class) if counted[kind]}


def kind_of(type_: str) -> str:
    """A resource's type without its version, which an object keeps when it moves to another.

    >>> kind_of("kubernetes:apps/v1:Deployment"), kind_of("aws:s3/bucket:Bucket")
    ('apps/Deployment', 'aws:s3/bucket:Bucket')
    """
    package, _, rest = type_.partition(":")
    if package != "kubernetes":
        return type_
    version, _, kind = rest.partition(":")
    return f"{version.partition('/')[0]}/{kind}"


def _change(step: Step, live: Live) -> Change:
    goes = step.change in ("replace", "delete")
    if goes and step.retained:
        return Change(step=step, kind="kept", why="leaves the state and stays where it is")
    data = _lost(step, live)
    if data or step.change == "replace":
        found = Change(step=step, kind="data" if data else "replaced", data=data, why=_causes(step))
        return replace(found, stops=_stops(found))
    if step.change == "delete":
        left = last_snapshot(step.old) if kind_of(step.type) == DATABASE else ""
        return Change(step=step, kind="deleted", why=f"its data stays as the snapshot {left}" if left else "")
    if step.change == "create":
        return Change(step=step, kind="created")
    moved = _moved(step)
    if _restarts(step):
        return Change(step=step, kind="restarted", why="; ".join(["its pod template changes", *moved]))
    return Change(step=step, kind="moved" if moved else "in place", why="; ".join(moved))


def _causes(step: Step) -> str:
    if step.change != "replace":
        return ""
    return f"{', '.join(step.causes)} cannot change" if step.causes else "what it needs is made again"


def _stops(change: Change) -> str:
    if change.step.change != "replace":
        return ""
    return "nothing: `make up` lets its pods go on" if change.keeps_pods else _STOPS.get(kind_of(change.step.type), "")


def _moved(step: Step) -> list[str]:
    """Where an object comes from that is sent in another apiVersion."""
    before, after = step.old.get("apiVersion"), step.new.get("apiVersion")
    if not step.type.startswith("kubernetes:") or not before or not after or before == after:
        return []
    return [f"from {before} to {after}"]


def _restarts(step: Step) -> bool:
    if kind_of(step.type) not in _ROLLED or not any(_within(path, "spec.template") for path in step.paths):
        return False
    # A StatefulSet or DaemonSet may leave it to a person to delete its pods.
    return (_at(step.new, "spec", "updateStrategy", "type") or "RollingUpdate") != "OnDelete"


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith((f"{parent}.", f"{parent}["))


def _lost(step: Step, live: Live) -> str:
    """What is lost for good by a step; empty where nothing is."""
    kind = kind_of(step.type)
    if kind == "apps/StatefulSet":
        return _claims(step)
    if step.change not in ("replace", "delete"):
        return ""
    # One that is made again starts without it.
    if kind == DATABASE and step.change == "delete" and last_snapshot(step.old):
        return ""
    if kind in (CRD, NAMESPACE) and step.urn in live:
        return _told(live[step.urn])
    return DATA.get(kind, "")


def _claims(step: Step) -> str:
    """The claims of a StatefulSet that go with it or with its last pods, where it says so; by default they stay."""
    names = [str(_at(one, "metadata", "name")) for one in _at(step.old, "spec", "volumeClaimTemplates") or ()]
    policy = _at(step.old, "spec", "persistentVolumeClaimRetentionPolicy") or {}
    told = f"the claims that it made ({', '.join(names)})"
    if step.change in ("replace", "delete"):
        return told if names and policy.get("whenDeleted") == "Delete" else ""
    before, after = _at(step.old, "spec", "replicas"), _at(step.new, "spec", "replicas")
    fewer = (1 if after is None else after) < (1 if before is None else before)
    return (
        f"{told} for the pods that it has no more" if names and policy.get("whenScaled") == "Delete" and fewer else ""
    )


def _told(counted: Counter[tuple[str, str]]) -> str:
    """Objects by kind and namespace; empty where there are none."""
    kinds: dict[str, dict[str, int]] = {}
    for (kind, namespace), count in sorted(counted.items()):
        kinds.setdefault(kind, {})[namespace or "the cluster"] = count
    return "; ".join(
        f"{sum(places.values())} {kind}{_plural(kind) if sum(places.values()) > 1 else ''}: "
        + ", ".join(f"{count} in {place}" for place, count in places.items())
        for kind, places in kinds.items()
    )


def _plural(kind: str) -> str:
    return "es" if kind.endswith("s") else "s"


def _at(node: Any, *path: str) -> Any:
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
