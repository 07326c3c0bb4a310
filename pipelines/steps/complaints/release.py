"""From a blessed model to a served one: push, serve, probe, register. What is served stays until it answers."""

from typing import Any

from kfp import dsl

from pipelines.sdk import step
from pipelines.steps.complaints.data import S3
from pipelines.steps.reports import in_production
from pipelines.steps.shared import read_bytes, s3_client, split_s3_uri, write_bytes


def remove(uri: str) -> None:
    """Remove a file or object; one that is not there is no error."""
    from pathlib import Path

    if uri.startswith("s3://"):
        bucket, key = split_s3_uri(uri)
        s3_client().delete_object(Bucket=bucket, Key=key)
    else:
        Path(uri).unlink(missing_ok=True)


def services() -> Any:
    """Kubernetes' API of custom objects, from within a pod, or as KUBECONFIG says."""
    from kubernetes import client, config  # type: ignore[import-untyped]

    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    return client.CustomObjectsApi()


def explain_kubernetes(error: Any, what: str) -> ValueError:
    """The sentence for a call that Kubernetes refused."""
    advice = "grant it to default-editor" if error.status == 403 else "is its controller installed?"
    return ValueError(f"Kubernetes refuses {what} ({error.status} {error.reason}); {advice}.")


def predictor(uri: str, service: str, image: str, server: str) -> dict[str, Any]:
    """The predictor of an InferenceService: our server, with the model that KServe fetches from the URI."""
    return {
        "minReplicas": 1,
        "serviceAccountName": "default-editor",
        "containers": [
            {
                "name": "kserve-container",
                "image": image,
                "command": ["python", "-c", server],
                "args": ["/mnt/models", service, "0.0.0.0", "8080"],
                # KServe's webhook mounts what this names at /mnt/models.
                "env": [{"name": "STORAGE_URI", "value": uri}],
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "512Mi"},
                    "limits": {"cpu": "1", "memory": "1Gi"},
                },
            }
        ],
    }


def put(api: Any, namespace: str, name: str, spec: Any) -> Any:
    """Give a service that is there a whole new spec: a patch would leave what only the old one has."""
    kind = ("serving.kserve.io", "v1beta1", namespace, "inferenceservices", name)
    found = api.get_namespaced_custom_object(*kind)
    return api.replace_namespaced_custom_object(*kind, found | {"spec": spec})


def put_back(api: Any, namespace: str, name: str, before: Any) -> None:
    """Have a service serve again what it served before; without a before, there is none again.

    A step that uses it brings `put` along.
    """
    if before:
        put(api, namespace, name, before)
    else:
        api.delete_namespaced_custom_object("serving.kserve.io", "v1beta1", namespace, "inferenceservices", name)


@step(*S3, in_production, write_bytes, remove)
def push(
    model: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    expected: dsl.Input[dsl.Artifact],
    models: str,
    pushed: dsl.Output[dsl.Model],
) -> str:
    """Put the model under a new version beside the schema and statistics of its data; production is not touched.

    Args:
        model: Blessed model.
        summary: Statistics of the data that it learned from.
        expected: Schema of the data.
        models: Folder or s3:// prefix of the models.
        pushed: The version that was made: its place, for the lineage.

    Returns:
        The folder or prefix of the version, with a slash at the end.
    """
    version = int(in_production(models).get("version", 0)) + 1
    folder = f"{models.rstrip('/')}/{version:04d}/"
    parts = {"schema.json": expected, "statistics.json": summary, "model.joblib": model}
    try:
        for name, part in parts.items():
            with open(part.path, "rb") as file:
                write_bytes(f"{folder}{name}", file.read())
    except ValueError:
        for name in parts:
            try:
                remove(f"{folder}{name}")
            except Exception:  # the first failure is the one to tell of
                break
        raise
    pushed.metadata |= dict(model.metadata) | {"version": version, "at": folder}
    with open(pushed.path, "w") as file:
        file.write(folder)
    return folder


@step(services, explain_kubernetes, predictor, put, put_back)
def serve(uri: str, service: str, image: str, server: str, minutes: float) -> str:
    """Have KServe serve a version, and wait until it does; what was served before comes back when it does not.

    Args:
        uri: s3:// prefix of the version.
        service: NAMESPACE/NAME of the InferenceService; nothing is served when it is empty.
        image: Image of its container.
        server: Source of its server.
        minutes: How long it may take.

    Returns:
        JSON with the service's address and what was served before; empty when nothing is served.
    """
    import json
    import time

    from kubernetes.client import ApiException  # type: ignore[import-untyped]

    if not service:
        return ""
    if not uri.startswith("s3://"):
        raise ValueError(f"KServe cannot fetch {uri!r}; give an s3:// prefix as `models`.")
    namespace, _, name = service.partition("/")
    if not name:
        raise ValueError(f"service is {service!r}; write it as NAMESPACE/NAME.")
    api = services()
    kind = ("serving.kserve.io", "v1beta1", namespace, "inferenceservices")
    wanted = {"predictor": predictor(uri, name, image, server)}
    body = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": wanted,
    }
    try:
        listed = api.list_namespaced_custom_object(*kind, field_selector=f"metadata.name={name}")["items"]
        before = listed[0]["spec"] if listed else None
        made = put(api, namespace, name, wanted) if before else api.create_namespaced_custom_object(*kind, body)
    except ApiException as error:
        raise explain_kubernetes(error, f"InferenceService {service}") from None
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        status = api.get_namespaced_custom_object(*kind, name).get("status", {})
        ready = {one["type"]: one["status"] for one in status.get("conditions", [])}.get("Ready")
        seen = status.get("observedGeneration", 0) >= made["metadata"].get("generation", 0)
        if ready == "True" and seen:
            return json.dumps({"url": status["address"]["url"], "before": before})
        time.sleep(min(2.0, 6 * minutes))
    put_back(api, namespace, name, before)
    raise ValueError(
        f"InferenceService {service} was not ready within {minutes:g} minutes; it serves what it served before."
    )


@step(services, explain_kubernetes)
def show_board(logs: dsl.Input[dsl.Artifact], board: str, tensorboard: str) -> None:
    """Make a Tensorboard of the dashboard that shows the event files.

    Args:
        logs: The event files, so that this comes after.
        board: Where their copies are.
        tensorboard: NAMESPACE/NAME of the Tensorboard; none is made when it is empty.
    """
    from kubernetes.client import ApiException

    if not tensorboard:
        return
    namespace, _, name = tensorboard.partition("/")
    if not name or not board:
        raise ValueError(
            f"tensorboard is {tensorboard!r}; write it as NAMESPACE/NAME, and give `board` an s3:// prefix."
        )
    body = {
        "apiVersion": "tensorboard.kubeflow.org/v1alpha1",
        "kind": "Tensorboard",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"logspath": board},
    }
    try:
        services().create_namespaced_custom_object(
            "tensorboard.kubeflow.org", "v1alpha1", namespace, "tensorboards", body
        )
    except ApiException as error:
        if error.status != 409:
            raise explain_kubernetes(error, f"Tensorboard {tensorboard}") from None


@step(*S3, services, put, put_back)
def probe(uri: str, service: str, served: str, server: str, seconds: float) -> str:
    """Ask the served model for predictions; where nothing is served, its server is started here for that.

    Args:
        uri: Folder or prefix of the version.
        service: NAMESPACE/NAME of the InferenceService; empty when nothing is served.
        served: What `serve` gave.
        server: Source of the server.
        seconds: How long the model may take to answer.

    Returns:
        What it predicted.
    """
    import json
    import subprocess
    import sys
    import tempfile
    import urllib.error
    import urllib.request
    from pathlib import Path

    texts = ["my credit card was charged twice", "the lender changed my mortgage rate"]

    def ask(url: str, name: str) -> str:
        request = urllib.request.Request(
            f"{url}/v1/models/{name}:predict",
            data=json.dumps({"instances": texts}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                said = json.load(answer).get("predictions", [])
        except TimeoutError:
            raise ValueError(f"the model did not answer within {seconds:g} s") from None
        except (urllib.error.URLError, ValueError, OSError) as error:
            raise ValueError(f"the model does not answer at {url}: {' '.join(str(error).split())}") from None
        if len(said) != len(texts):
            raise ValueError(f"the model gives {len(said)} predictions for {len(texts)} texts")
        return ", ".join(said)

    if not service:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "model.joblib").write_bytes(read_bytes(f"{uri}model.joblib"))
            command = [sys.executable, "-c", server, folder, "probe", "127.0.0.1", "0"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                assert process.stdout
                listening = process.stdout.readline().split()
                if not listening:
                    raise ValueError(f"the server of {uri} does not start")
                return ask(f"http://127.0.0.1:{listening[-1]}", "probe")
            except ValueError as error:
                raise ValueError(f"The probe failed: {error}; production keeps its model.") from None
            finally:
                process.kill()
                process.wait()
    namespace, _, name = service.partition("/")
    about = json.loads(served)
    try:
        return ask(about["url"].rstrip("/"), name)
    except ValueError as error:
        put_back(services(), namespace, name, about["before"])
        raise ValueError(f"The probe failed: {error}; {service} serves what it served before.") from None


@step(*S3, in_production, write_bytes)
def register(uri: str, pushed: dsl.Input[dsl.Model], models: str, registry: str, name: str, probed: str) -> None:
    """Make the version the one in production, all at once; and register it where Model Registry is installed.

    Args:
        uri: Folder or prefix of the version.
        pushed: The version.
        models: Folder or s3:// prefix of the models.
        registry: Address of Model Registry's API; nothing is registered when it is empty.
        name: Name of the registered model.
        probed: What the model predicted, so that this comes after.
    """
    import json
    import urllib.error
    import urllib.request

    version = int(pushed.metadata["version"])

    def post(path: str, body: object) -> str:
        request = urllib.request.Request(
            f"{registry.rstrip('/')}/api/model_registry/v1alpha3/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["id"])

    def find(path: str) -> str | None:
        url = f"{registry.rstrip('/')}/api/model_registry/v1alpha3/{path}?name={name}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return str(json.load(answer)["id"])
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    write_bytes(
        f"{models.rstrip('/')}/production.json",
        json.dumps({"version": version, "uri": uri, "metadata": pushed.metadata}).encode(),
    )
    if registry:
        try:
            model = find("registered_model") or post("registered_models", {"name": name})
            label = f"{version:04d}"
            made = post(
                "model_versions", {"name": label, "registeredModelId": model, "description": f"probe: {probed}"}
            )
            artifact = {"artifactType": "model-artifact", "name": name, "uri": uri, "modelFormatName": "sklearn"}
            post(f"model_versions/{made}/artifacts", artifact)
        except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
            said = " ".join(str(error).split())
            raise ValueError(
                f"Version {version} is in production, and Model Registry at {registry} does not take it ({said})."
            ) from None
