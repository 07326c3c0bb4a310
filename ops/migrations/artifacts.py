"""From one object store to another: what pipelines have made is copied out of the old one's claim, and none of it lost.

The claim stays where it is (`KEEP`) and remembers how it was served. A Job in the cluster serves it once more, in the
same pod as a program that copies. So nothing of the old release has to live on, and a copy that breaks off is begun
again: what is there already is not copied twice. Objects keep their keys, so `minio://mlpipeline/…`, by which the
metadata of older runs names them, leads to the new store, too; to a bucket of another name it does not.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.kubeflow.s3 import PLATFORM_ACCOUNTS
from ops.existing import KEPT, Place
from ops.migrations.attached import HOOK, KEYS
from ops.migrations.between import CONFIG, Api, Between, Report
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

SERVED = "kubeflow-on-pulumi/served"
"""The annotation of a kept claim that says how a store served it: JSON of `Served`'s fields."""
COPIED = "kubeflow-on-pulumi/copied-to"
"""The annotation that says where all of a claim's objects are by now."""
PATIENCE_S = 600.0
"""Seconds that an `up` waits for a copy, which goes on without it."""
POLL_S = 5.0
_SAY_EVERY = 6
"""Looks between two reports."""

_NAMESPACE = "kubeflow"
_PROGRAM = Path(__file__).with_name("copier.py")


@dataclass(frozen=True, kw_only=True)
class Store:
    """An object store of a release: its Deployment, the port of S3's API in its pod, and its Service's address."""

    deployment: str
    port: int
    address: str

    @property
    def place(self) -> Place:
        """Where its Deployment is."""
        return Place("apps", "Deployment", _NAMESPACE, self.deployment)


# As the rendered releases 1.10.2 and 26.03 have them.
STORES = (
    Store(deployment="minio", port=9000, address="http://minio-service.kubeflow:9000"),
    Store(deployment="seaweedfs", port=8333, address="http://seaweedfs.kubeflow:8333"),
)
_WITHOUT_BOTOCORE = STORES[0].place
"""The store of the releases whose profile controller has no botocore in its image."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """How a claim was served: the pod's spec, the store's port in it, its bucket, and an image to copy with."""

    pod: Mapping[str, Any]
    port: int
    bucket: str
    image: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where objects go: its name for people, the bucket, and what the copier's container is told of it.

    `account` is the service account whose role may write there; empty where keys do.
    """

    name: str
    bucket: str
    environment: tuple[Manifest, ...]
    account: str = ""


def applies(between: Between) -> bool:
    """Whether the run takes a store away together with its claim."""
    return bool(_going(between))


def look(between: Between, api: Api) -> list[str]:
    """A sentence for each claim of a store that goes, where it is there."""
    return [
        f"{store.deployment} goes, and what pipelines have made is in its claim: with KEEP=PersistentVolumeClaim/"
        f"{claim.namespace}/{claim.name} the claim stays, and `make up` copies all of it to where artifacts go then."
        for store, claim in _going(between)
        if api.get("v1", claim.kind, claim.namespace, claim.name) is not None
    ]


def before(between: Between, api: Api, report: Report) -> None:
    """Has each claim of a store that goes remember how it was served; one that is not kept goes with it."""
    for store, claim in _going(between):
        live = api.get("v1", claim.kind, claim.namespace, claim.name)
        if live is not None:
            served = _served(store, between)
            api.patch(live, {"metadata": {"annotations": {SERVED: json.dumps(vars(served)), COPIED: None}}})


def after(between: Between, api: Api, report: Report) -> None:
    """Copies what is in kept claims to the store that the release has now; UserError where a copy fails."""
    if not between.has_pipelines:
        return
    kept = [one for one in api.metadata("v1", "PersistentVolumeClaim", _NAMESPACE) if _is_left(one, between)]
    if not kept or (target := _target(between, api)) is None:
        return
    for one in kept:
        name = str(one["metadata"]["name"])
        if not between.runs_pods:
            report(
                f"Pods on this machine run nothing, so what is in the claim {_NAMESPACE}/{name} is not copied to "
                f"{target.name}; it stays there."
            )
            continue
        served = Served(**json.loads(one["metadata"]["annotations"][SERVED]))
        _copy(name, served, target, api, report)


def _going(between: Between) -> list[tuple[Store, Place]]:
    """Each store that a run takes away together with a claim."""
    return [
        (store, claim)
        for store in STORES
        if between.goes(store.place)
        for claim in _claims(between.before[store.place]["spec"]["template"]["spec"])
        if between.goes(claim)
    ]


def _claims(pod: Mapping[str, Any]) -> list[Place]:
    mounted = (one.get("persistentVolumeClaim") for one in pod.get("volumes") or ())
    return [Place("", "PersistentVolumeClaim", _NAMESPACE, one["claimName"]) for one in mounted if one]


def _served(store: Store, between: Between) -> Served:
    config = between.before.get(CONFIG, {})
    release = between.after if _WITHOUT_BOTOCORE in between.before else between.before
    hook = release[Place("apps", "Deployment", _NAMESPACE, HOOK)]
    return Served(
        pod=between.before[store.place]["spec"]["template"]["spec"],
        port=store.port,
        bucket=str((config.get("data") or {}).get("bucketName", "mlpipeline")),
        image=str(hook["spec"]["template"]["spec"]["containers"][0]["image"]),
    )


def _is_left(claim: Manifest, between: Between) -> bool:
    """Whether a claim is out of the release and not copied yet; of a run that failed, one in use may be marked, too."""
    about = claim["metadata"]
    annotations = about.get("annotations") or {}
    ours = (about.get("labels") or {}).get(KEPT) == between.stack
    live = Place("", "PersistentVolumeClaim", _NAMESPACE, str(about["name"])) in between.after
    return ours and not live and SERVED in annotations and COPIED not in annotations


def _target(between: Between, api: Api) -> Target | None:
    """Where the release keeps artifacts; None where somebody has taken away what says that."""
    config = api.get("v1", "ConfigMap", *CONFIG[2:])
    if config is None:
        return None
    data = config.get("data") or {}
    bucket = str(data["bucketName"])
    for store in STORES:
        if store.place in between.after:
            environment = [_env("TARGET_URL", store.address), *_keys("TARGET", KEYS)]
            return Target(name=store.deployment, bucket=bucket, environment=(*environment,))
    environment = [
        _env("TARGET_URL", f"https://{data['objectStoreHost']}"),
        _env("TARGET_REGION", data["objectStoreRegion"]),
    ]
    return Target(name=f"the bucket {bucket}", bucket=bucket, environment=(*environment,), account=PLATFORM_ACCOUNTS[0])


def _copy(claim: str, served: Served, target: Target, api: Api, report: Report) -> None:
    name = f"copy-of-{claim}"
    of_ours = {"name": name, "namespace": _NAMESPACE}
    keys: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": of_ours}
    running: Manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": of_ours}
    if api.get("batch/v1", "Job", _NAMESPACE, name) is None:
        report(f"copying what is in the claim {_NAMESPACE}/{claim} to {target.name}, in the Job {_NAMESPACE}/{name}")
        access, secret = secrets.token_hex(8), secrets.token_hex(20)
        api.apply({**keys, "stringData": {"accesskey": access, "secretkey": secret}})
        api.apply(job(name, served, target))
    ended = _ended(name, api, report)
    if not ended:
        report(f"The Job {_NAMESPACE}/{name} still copies; `make up` says how it ended.")
        return
    told = _last_words(name, api)
    for one in (running, keys):
        api.delete(one)
    if ended == "Failed":
        raise UserError(
            f"What is in the claim {_NAMESPACE}/{claim} was not all copied to {target.name} "
            f"({told or 'its pod says nothing'}); it stays there."
        )
    note = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim, "namespace": _NAMESPACE}}
    api.patch(note, {"metadata": {"annotations": {COPIED: target.name}}})
    report(
        f"What was in the claim {_NAMESPACE}/{claim} is in {target.name} now ({told}); the claim stays until you "
        "delete it."
    )


def job(name: str, served: Served, target: Target) -> Manifest:
    """A Job whose pod serves a claim as its store did, with keys of its own, and copies from there.

    Its pods keep within the level `restricted`, which the namespace enforces, and have no sidecar, with which a Job
    never ends. The store is an init container that goes on (`restartPolicy: Always`, of Kubernetes 1.29).
    """
    store = {**_renamed(served.pod["containers"][0], name), "name": "store", "restartPolicy": "Always"}
    source = [_env("SOURCE_URL", f"http://127.0.0.1:{served.port}"), _env("SOURCE_BUCKET", served.bucket)]
    source += _keys("SOURCE", name)
    # Newer clients add checksums that older stores do not know.
    checks = [
        _env(f"AWS_{one}", "when_required") for one in ("REQUEST_CHECKSUM_CALCULATION", "RESPONSE_CHECKSUM_VALIDATION")
    ]
    copier = {
        "name": "copy",
        "image": served.image,
        "command": ["python3", "-c", _PROGRAM.read_text(encoding="utf-8")],
        "env": [*source, *target.environment, _env("TARGET_BUCKET", target.bucket), *checks],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "securityContext": served.pod.get("securityContext") or {},
        "volumes": served.pod["volumes"],
        "initContainers": [store],
        "containers": [copier],
        **({"serviceAccountName": target.account} if target.account else {"automountServiceAccountToken": False}),
    }
    labels = {"sidecar.istio.io/inject": "false"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": _NAMESPACE},
        "spec": {"backoffLimit": 2, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def _renamed(node: Any, name: str) -> Any:
    """A container that reads the keys of the store from another Secret."""
    if isinstance(node, dict):
        return {
            key: name if node.get("name") == KEYS and key == "name" else _renamed(v, name) for key, v in node.items()
        }
    return [_renamed(one, name) for one in node] if isinstance(node, list) else node


def _env(name: str, value: str) -> Manifest:
    return {"name": name, "value": value}


def _keys(side: str, secret: str) -> list[Manifest]:
    keys = {f"{side}_ACCESS_KEY": "accesskey", f"{side}_SECRET_KEY": "secretkey"}
    return [{"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for name, key in keys.items()]


def _ended(name: str, api: Api, report: Report) -> str:
    """`Complete` or `Failed`; empty where it goes on after all patience."""
    end, looks = time.monotonic() + PATIENCE_S, 0
    while True:
        status = (api.get("batch/v1", "Job", _NAMESPACE, name) or {}).get("status") or {}
        for one in status.get("conditions") or ():
            if one.get("status") == "True" and one.get("type") in ("Complete", "Failed"):
                return str(one["type"])
        if time.monotonic() > end:
            return ""
        looks += 1
        if looks % _SAY_EVERY == 0:
            report(f"waiting for the Job {_NAMESPACE}/{name}, which copies artifacts")
        time.sleep(POLL_S)


def _last_words(name: str, api: Api) -> str:
    """What the copier of a Job's latest pod said when it ended."""
    pods = [
        one["metadata"]
        for one in api.metadata("v1", "Pod", _NAMESPACE)
        if (one["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name") == name
    ]
    latest = max(pods, key=lambda one: str(one.get("creationTimestamp")), default=None)
    pod = api.get("v1", "Pod", _NAMESPACE, latest["name"]) if latest else None
    said = ""
    for one in ((pod or {}).get("status") or {}).get("containerStatuses") or ():
        said = str(((one.get("state") or {}).get("terminated") or {}).get("message") or said)
    return said
