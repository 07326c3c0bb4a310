"""Gives every profile's namespace what its pipelines read: where artifacts go, and where metadata is.

Runs inside the profile controller of Kubeflow Pipelines, as the sync hook of its DecoratorController: metacontroller
posts a namespace and what is attached to it, and gets back what should be. Access to the bucket comes with the role of
the namespace's service account, so nothing here is secret. Only the standard library is at hand.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8080
ENABLED = "pipelines.kubeflow.org/enabled"


def sync(namespace: dict[str, Any], attached: dict[str, Any], *, bucket: str, host: str, region: str) -> dict[str, Any]:
    """What metacontroller should attach to a namespace, and the status that it should write."""
    metadata = namespace["metadata"]
    if metadata.get("labels", {}).get(ENABLED) != "true":
        return {"status": {}, "attachments": []}
    wanted = configuration(metadata["name"], bucket=bucket, host=host, region=region)
    there = {name.rpartition("/")[2] for name in attached.get("ConfigMap.v1", {})}
    ready = all(manifest["metadata"]["name"] in there for manifest in wanted)
    return {"status": {"kubeflow-pipelines-ready": str(ready)}, "attachments": wanted}


def configuration(namespace: str, *, bucket: str, host: str, region: str) -> list[dict[str, Any]]:
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


def config_map(
    name: str, namespace: str, data: dict[str, str], annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """A ConfigMap as the API server takes it."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class Hook(BaseHTTPRequestHandler):
    """Answers metacontroller's POST; a request that is none gets a 400 and changes nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            asked = json.loads(body)
            answer = sync(
                asked["object"],
                asked.get("attachments") or {},
                bucket=os.environ["S3_BUCKET"],
                host=os.environ["S3_HOST"],
                region=os.environ["S3_REGION"],
            )
        except (KeyError, TypeError, ValueError) as error:
            self.send_error(400, explain=f"not a sync request: {error!r}")
            return
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Hook).serve_forever()
