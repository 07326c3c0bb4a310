"""Gives every profile's namespace what its pipelines read: where artifacts go, where metadata is, and who shows them.

Runs inside the profile controller of Kubeflow Pipelines, as the hooks of its DecoratorController: metacontroller posts
a namespace and what is attached to it, and gets back what should be. Access to the bucket comes with the role of the
namespace's service account, so nothing here is secret. Only the standard library is at hand.
"""

import json
import os
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8080
ENABLED = "pipelines.kubeflow.org/enabled"
ACCOUNT = "default-editor"
ROLE = "eks.amazonaws.com/role-arn"
WAY = "kubeflow-on-pulumi/pod-access"
PROXY = "ml-pipeline-ui-artifact"

Manifest = dict[str, Any]


def answer(path: str, asked: Manifest, environ: Mapping[str, str]) -> Manifest:
    """What metacontroller gets on `/sync` and `/customize`; KeyError or TypeError if it is not its request."""
    if path == "/customize":
        return customize(asked["parent"])
    return sync(asked["object"], asked.get("attachments") or {}, asked.get("related") or {}, environ)


def customize(namespace: Manifest) -> Manifest:
    """What `sync` wants to see beside a namespace: the account whose role the proxy has.

    The same for every namespace: metacontroller asks once for a generation, which new labels do not change.
    """
    account = {"apiVersion": "v1", "resource": "serviceaccounts", "names": [ACCOUNT]}
    return {"relatedResources": [{**account, "namespace": namespace["metadata"]["name"]}]}


def sync(namespace: Manifest, attached: Manifest, related: Manifest, environ: Mapping[str, str]) -> Manifest:
    """What metacontroller should attach to a namespace, and the status that it should write.

    A pod gets the role that its account has when the pod is made, and the Profile controller annotates the account some
    time after it has made it. So the proxy waits for the account, and names the role: a changed one makes new pods. So
    does another way to get at AWS.
    """
    metadata = namespace["metadata"]
    if metadata.get("labels", {}).get(ENABLED) != "true":
        return {"status": {}, "attachments": []}
    name, account = metadata["name"], _account(related)
    wanted = configuration(name, bucket=environ["S3_BUCKET"], host=environ["S3_HOST"], region=environ["S3_REGION"])
    if account is not None:
        role = (account["metadata"].get("annotations") or {}).get(ROLE)
        wanted += proxy(name, role, environ)
    there = {(found["kind"], found["metadata"]["name"]) for objects in attached.values() for found in objects.values()}
    ready = account is not None and all((one["kind"], one["metadata"]["name"]) in there for one in wanted)
    return {"status": {"kubeflow-pipelines-ready": str(ready)}, "attachments": wanted}


def _account(related: Manifest) -> Manifest | None:
    accounts: Manifest = related.get("ServiceAccount.v1") or {}
    return next((found for found in accounts.values() if found["metadata"]["name"] == ACCOUNT), None)


def configuration(namespace: str, *, bucket: str, host: str, region: str) -> list[Manifest]:
    """The ConfigMaps of a namespace: for the launcher of each step, for its metadata, and for the logs of workflows."""
    credentials = {"fromEnv": True}
    store = {"endpoint": host, "region": region, "disableSSL": False, "credentials": credentials}
    repository = {
        "archiveLogs": True,
        "s3": {
            "endpoint": host,
            "region": region,
            "bucket": bucket,
            "insecure": False,
            "useSDKCreds": True,
            "keyFormat": f"private-artifacts/{namespace}/{{{{workflow.name}}}}/{{{{pod.name}}}}",
        },
    }
    launcher = {
        "defaultPipelineRoot": f"s3://{bucket}/private-artifacts/{namespace}/v2/artifacts",
        # YAML to its reader, of which JSON is a part.
        "providers": json.dumps({"s3": {"default": store}}),
    }
    grpc = {
        "METADATA_GRPC_SERVICE_HOST": "metadata-grpc-service.kubeflow",
        "METADATA_GRPC_SERVICE_PORT": "8080",
    }
    default = {"workflows.argoproj.io/default-artifact-repository": "default-namespaced"}
    return [
        config_map("kfp-launcher", namespace, launcher),
        config_map("metadata-grpc-configmap", namespace, grpc),
        config_map("artifact-repositories", namespace, {"default-namespaced": json.dumps(repository)}, default),
    ]


def config_map(name: str, namespace: str, data: dict[str, str], annotations: dict[str, str] | None = None) -> Manifest:
    """A ConfigMap as the API server takes it."""
    metadata: Manifest = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def proxy(namespace: str, role: str | None, environ: Mapping[str, str]) -> list[Manifest]:
    """The artifact proxy: a server of the UI that reads with the namespace's own account, and the Service before it.

    The central UI sends it whatever asks for artifacts of this namespace, with the header that says who asks; the
    sidecar and the profile's AuthorizationPolicy let in whom the profile lets in (Pipelines 2.16,
    frontend/server/handlers/artifacts.ts). Names and port are what the UI looks for.
    """
    labels, way = {"app": PROXY}, environ["POD_ACCESS"]
    # The Profile controller leaves the role on the account when it is no longer asked for it.
    marks = {WAY: way} if way != "irsa" else {ROLE: role} if role else {}
    environment = {
        "AWS_S3_ENDPOINT": environ["S3_HOST"],
        "AWS_REGION": environ["S3_REGION"],
        # The account's role or nothing: never the node's, unless that is all there is.
        "AWS_EC2_METADATA_DISABLED": "false" if way == "node" else "true",
        "ML_PIPELINE_SERVICE_HOST": "ml-pipeline.kubeflow",
        "ML_PIPELINE_SERVICE_PORT": "8888",
        "FRONTEND_SERVER_NAMESPACE": namespace,
    }
    container = {
        "name": PROXY,
        "image": environ["PROXY_IMAGE"],
        "ports": [{"containerPort": 3000}],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "readinessProbe": {"tcpSocket": {"port": 3000}},
        "resources": {"requests": {"cpu": "10m", "memory": "70Mi"}, "limits": {"cpu": "100m", "memory": "500Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    template = {
        "metadata": {"labels": labels, "annotations": marks},
        "spec": {"serviceAccountName": ACCOUNT, "containers": [container]},
    }
    metadata = {"name": PROXY, "namespace": namespace, "labels": labels}
    ports = [{"name": "http", "port": 80, "targetPort": 3000}]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": ports},
        },
    ]


class Hook(BaseHTTPRequestHandler):
    """Answers metacontroller's POST; a request that is none gets a 400 and changes nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answered = answer(self.path, json.loads(body), os.environ)
        except (KeyError, TypeError, ValueError) as error:
            self.send_error(400, explain=f"not a request of metacontroller: {error!r}")
            return
        text = json.dumps(answered).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Hook).serve_forever()
