"""Two releases to go between, and a cluster that is played."""

from collections.abc import Iterator
from typing import Any

from ops.migrations import attached
from ops.migrations.between import Between
from ordering.errors import UserError
from ordering.graph import build
from ordering.manifests.objects import Manifest, title

HOOK = attached.HOOK
EARLIER, LATER = "2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"


def made(api_version: str, kind: str, name: str, namespace: str = "kubeflow", **content: Any) -> Manifest:
    metadata: Manifest = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def deployment(name: str, image: str = "none", **pod: Any) -> Manifest:
    spec = {"containers": [{"name": name, "image": image}], **pod}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    return made("apps/v1", "Deployment", name, spec={"selector": {"matchLabels": {"app": name}}, "template": template})


def store(name: str) -> list[Manifest]:
    """An object store with its claim, as both releases have one."""
    key = {"secretKeyRef": {"name": attached.KEYS, "key": "accesskey"}}
    one = deployment(name, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": f"{name}-claim"}}])
    container = one["spec"]["template"]["spec"]["containers"][0]
    container.update(env=[{"name": "KEY", "valueFrom": key}], envFrom=[{"secretRef": {"name": attached.KEYS}}])
    return [one, made("v1", "PersistentVolumeClaim", f"{name}-claim", spec={})]


def hook(image: str = "python", program: str = "code-1", method: str = "OnDelete") -> list[Manifest]:
    attachments = [{"resource": one, "updateStrategy": {"method": method}} for one in ("configmaps", "secrets")]
    return [
        deployment(HOOK, image, volumes=[{"name": "hooks", "configMap": {"name": program}}]),
        made("metacontroller.k8s.io/v1alpha1", "DecoratorController", HOOK, "", spec={"attachments": attachments}),
        made("v1", "ConfigMap", program, data={}),
        made("v1", "ConfigMap", "pipeline-install-config", data={"bucketName": "mlpipeline"}),
    ]


OLD, NEW = [*store("minio"), *hook()], [*store("seaweedfs"), *hook("toolbox", "code-2")]


def between(before: list[Manifest], after: list[Manifest], *, runs_pods: bool = True) -> Between:
    state = [{"type": f"kubernetes:{one['apiVersion']}:{one['kind']}", "inputs": one} for one in before]
    return Between(stack="dev", state=state, graph=build(after), runs_pods=runs_pods)


class Live:
    """A cluster of these objects; a Job ends as `ends` says."""

    def __init__(self, *objects: Manifest, ends: str = "Complete", says: str = "", warns: bool = True) -> None:
        self.objects = list(objects)
        self.ends, self.says, self.warns = ends, says, warns
        self.deleted: list[str] = []
        self.applied: list[Manifest] = []
        self.given: list[str] = []

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]:
        return [{"metadata": one["metadata"]} for one in self._of(kind, namespace=namespace)]

    def list(self, api_version: str, kind: str, name: str = "") -> list[Manifest]:
        return list(self._of(kind, name=name))

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return next(self._of(kind, namespace=namespace, name=name), None)

    def patch(self, manifest: Manifest, change: Any, *, status: bool = False) -> None:
        about = manifest["metadata"]
        live = self.get("", manifest["kind"], about["namespace"], about["name"])
        assert live is not None
        notes = {**(live["metadata"].get("annotations") or {}), **change["metadata"]["annotations"]}
        live["metadata"]["annotations"] = {key: value for key, value in notes.items() if value is not None}

    def warned(self, manifest: Manifest, change: Manifest) -> bool:
        return self.warns

    def apply(self, manifest: Manifest) -> None:
        self.applied.append(manifest)
        self.objects.append(manifest)
        if manifest["kind"] == "Job":
            manifest["status"] = {"conditions": [{"type": self.ends, "status": "True"}] if self.ends else []}
            pod = made("v1", "Pod", "copy-1")
            pod["metadata"]["labels"] = {"batch.kubernetes.io/job-name": manifest["metadata"]["name"]}
            pod["status"] = {"containerStatuses": [{"state": {"terminated": {"message": self.says}}}]}
            self.objects.append(pod)

    def output(self, pod: Manifest, container: str, script: str, given: str | None = None) -> Iterator[bytes]:
        self.given.append(str(given))
        if self.ends == "Failed":
            raise UserError("It ended with 1: no room")
        yield from (f"{self.says}\n".encode(),)

    def delete(self, manifest: Manifest) -> None:
        self.deleted.append(title(manifest))
        self.objects = [one for one in self.objects if title(one) != title(manifest)]

    def _of(self, kind: str, namespace: str = "", name: str = "") -> Iterator[Manifest]:
        for one in self.objects:
            about = one["metadata"]
            if one["kind"] == kind and namespace in ("", about.get("namespace")) and name in ("", about["name"]):
                yield one
