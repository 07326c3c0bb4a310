"""A local control plane as tests use it, by kubectl, and the objects that they put there."""

import json
import os
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import tools
from localcloud import plane

Manifest = dict[str, Any]
T = TypeVar("T")


def is_available(deployment: Manifest) -> bool:
    """Whether a Deployment says so; one without a status does not."""
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Available" and one["status"] == "True" for one in conditions)


def default_class(name: str) -> Manifest:
    """A StorageClass for claims that name none, of the one driver whose volumes the laptop plays."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


class Cluster:
    """A local control plane, by kubectl."""

    def __init__(self, running: plane.Plane) -> None:
        self.plane = running
        self._kubectl = tools.ensure("kubectl")["kubectl"]

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl with these arguments, whatever becomes of it."""
        return subprocess.run(
            [self._kubectl, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | self.plane.environment,
        )

    def apply(self, *manifests: Manifest) -> None:
        """Apply all, which must succeed."""
        for manifest in manifests:
            done = self.try_apply(manifest)
            assert done.returncode == 0, done.stderr

    def try_apply(self, manifest: Manifest) -> subprocess.CompletedProcess[str]:
        """Apply one, whatever becomes of it."""
        return self.run("apply", "--server-side", "-f", "-", given=json.dumps(manifest))

    def get(self, *what: str) -> Manifest | None:
        """An object, or None."""
        done = self.run("get", *what, "-o", "json", "--ignore-not-found")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def at(self, *what: str) -> Manifest:
        """An object that must be there."""
        found = self.get(*what)
        assert found is not None, " ".join(what)
        return found

    def delete(self, *what: str, wait: bool = True) -> None:
        """Delete objects that are there."""
        done = self.run("delete", *what, f"--wait={str(wait).lower()}", "--timeout=60s")
        assert done.returncode == 0, done.stderr

    def available(self, namespace: str, *deployments: str) -> None:
        """Wait until Deployments are Available."""
        done = self.run(
            "wait",
            "-n",
            namespace,
            "--for=condition=Available",
            "--timeout=90s",
            *(f"deployment/{name}" for name in deployments),
        )
        assert done.returncode == 0, done.stderr

    def calls(self, service: str) -> list[Manifest]:
        """What was recorded of the calls to a Service, NAMESPACE/NAME."""
        lines = self.plane.webhook_calls.read_text().splitlines()
        return [call for call in map(json.loads, lines) if call["service"] == service]

    def kill(self, component: str) -> None:
        """Kill one process of the plane, as a crash would, and wait until it is gone."""
        root = self.plane.root
        os.kill(plane.status(root).pids[component], signal.SIGKILL)
        until(lambda: plane.status(root).components[component] != "running", f"{component} ends")


def until(probe: Callable[[], T | Literal[False] | None], what: str, patience: float = 60) -> T:
    """The first answer of the probe that is neither None nor False, within `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if answer := probe():
            return answer
        time.sleep(0.2)
    pytest.fail(f"{what}: not within {patience} s")


def namespace(name: str, **labels: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def deployment(
    namespace: str,
    name: str,
    *,
    replicas: int = 1,
    labels: dict[str, str] | None = None,
    volumes: list[Manifest] | None = None,
) -> Manifest:
    pod = {"containers": [{"name": "main", "image": "none"}], "volumes": volumes or []}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }


def service(namespace: str, name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 443}]},
    }


def config_map(namespace: str, name: str, **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data}


def webhook(
    name: str, of: str, *, kind: str = "Validating", version: str = "v1", bundle: str | None = None, **annotations: str
) -> Manifest:
    """A configuration that sends the creation of ConfigMaps in namespaces labelled `hooked=OF` to the Service OF/OF."""
    client: Manifest = {"service": {"namespace": of, "name": of, "path": "/check"}}
    if bundle is not None:
        client["caBundle"] = bundle
    hook = {
        "name": f"{name}.example.com",
        "clientConfig": client,
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"hooked": of}},
        "sideEffects": "None",
        "admissionReviewVersions": [version],
        "timeoutSeconds": 5,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name, "annotations": annotations},
        "webhooks": [hook],
    }


def crd(
    group: str,
    kind: str,
    *,
    scope: str = "Namespaced",
    versions: tuple[str, ...] = ("v1",),
    conversion: Manifest | None = None,
    **annotations: str,
) -> Manifest:
    plural = f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": annotations},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": index == 0,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": anything},
                }
                for index, version in enumerate(versions)
            ],
            **({"conversion": conversion} if conversion else {}),
        },
    }


def bundles(configuration: Manifest | None) -> list[str]:
    """The caBundles of a configuration that are filled."""
    assert configuration is not None
    return [b for hook in configuration["webhooks"] if (b := hook["clientConfig"].get("caBundle"))]


def writers(manifest: Manifest | None, field: str) -> set[str]:
    """Who manages a field of an object, by its name anywhere in managedFields."""
    assert manifest is not None
    return {
        entry["manager"]
        for entry in manifest["metadata"]["managedFields"]
        if f'"f:{field}"' in json.dumps(entry["fieldsV1"])
    }


def ready(manifest: Manifest | None) -> str | None:
    conditions = (manifest or {}).get("status", {}).get("conditions", [])
    return next((c["status"] for c in conditions if c["type"] == "Ready"), None)


def foreign_bundle() -> str:
    """The certificate of an authority that nobody here knows, as caBundle holds it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "foreign")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()
