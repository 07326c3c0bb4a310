"""A plane on which no pod starts whose image is from elsewhere than the account's own registry, and what would start.

Controllers do not run on the laptop, or run without their pods. So what of a release starts later is put together here
from what they are configured with, as the API server holds it, in the way of each: the names in `_MAKERS`.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from infra.aws import upstreams
from infra.kubeflow.sealed import Seal, pulled, use_seal, write_lock
from infra.kubeflow.slim import slim
from localcloud import plane
from localcloud.emulator import ACCOUNT
from ordering.manifests.render import render
from tests.local.cluster import Cluster, Manifest, until
from tests.local.stack import REGION, Checkout

SEAL = Seal(
    host=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com",
    prefix=upstreams.prefix("kubeflow-local"),
    cached=upstreams.cached(REGION, []),
)
_NAME = "sealed-images"
_REFUSED = "an image from elsewhere"
_POD_SPEC = (
    "object.kind == 'Pod' ? object.spec : object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template.spec : "
    "object.spec.template.spec"
)
_KINDS = {
    "": ["pods"],
    "apps": ["deployments", "statefulsets", "daemonsets", "replicasets"],
    "batch": ["jobs", "cronjobs"],
}
_WRITES = ["CREATE", "UPDATE"]
_CONTAINERS = "variables.spec.containers + (has(variables.spec.initContainers) ? variables.spec.initContainers : [])"
POLICY: list[Manifest] = [
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": ["v1"],
                        "operations": _WRITES,
                        "resources": kinds,
                    }
                    for group, kinds in _KINDS.items()
                ]
            },
            "variables": [
                {"name": "spec", "expression": _POD_SPEC},
                {"name": "images", "expression": f"({_CONTAINERS}).map(one, one.image)"},
            ],
            "validations": [
                {
                    "expression": f"variables.images.all(one, one.startsWith('{SEAL.host}/{SEAL.prefix}/'))",
                    "message": _REFUSED,
                }
            ],
        },
    },
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": _NAME},
        "spec": {"policyName": _NAME, "validationActions": ["Deny"]},
    },
]


def seal(checkout: Checkout, release: str) -> None:
    """Give a stack a plane with the policy, and settings and a lock by which all of a release is from the registry."""
    assert checkout.manifests is not None
    named = pulled(use_seal(slim(render(checkout.manifests)), SEAL))
    write_lock(checkout.root, release, dict.fromkeys(SEAL.unlocked(named), f"sha256:{'1' * 64}"))
    checkout.configure({"imagesFrom": "ecr"})
    cluster = Cluster(plane.start(checkout.root))
    cluster.apply(*POLICY)
    until(lambda: refused(cluster, ["quay.io/argoproj/argoexec:v3.7.3"]), "the policy to be in force")


def refused(cluster: Cluster, images: list[str]) -> list[str]:
    """Those of the images with which the plane takes no pod. Nothing is made."""
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"sealed-{number}", "namespace": "default"},
            "spec": {"containers": [{"name": "main", "image": image}]},
        }
        for number, image in enumerate(images)
    ]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
    done = cluster.run("create", "--dry-run=server", "-f", "-", given=given)
    assert done.stdout.count("created") + done.stderr.count(_REFUSED) == len(images), done.stderr
    return [image for number, image in enumerate(images) if f'"sealed-{number}"' in done.stderr]


def started(cluster: Cluster) -> dict[str, list[str]]:
    """The images of what a release's controllers would start, by what that is."""
    return {what: sorted(set(make(cluster))) for what, make in _MAKERS.items()}


def _config(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    """The data of a ConfigMap whose name starts so: kustomize puts a hash behind it."""
    listed = cluster.at("configmaps", "-n", namespace)["items"]
    [found] = [one["data"] for one in listed if one["metadata"]["name"].startswith(name)]
    return dict(found)


def _container(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    deployment = cluster.at("deployment", name, "-n", namespace)
    return dict(deployment["spec"]["template"]["spec"]["containers"][0])


def _variable(container: dict[str, Any], name: str) -> str:
    [found] = [str(one["value"]) for one in container["env"] if one["name"] == name]
    return found


def _notebooks(cluster: Cluster) -> Iterator[str]:
    """A Notebook is what the web app offers; its controller makes a StatefulSet of its template as it is."""
    config = yaml.safe_load(_config(cluster, "kubeflow", "jupyter-web-app-config")["spawner_ui_config.yaml"])
    for group in ("image", "imageGroupOne", "imageGroupTwo"):
        offered = config["spawnerFormDefaults"][group]
        yield from [offered["value"], *offered["options"]]


def _steps(cluster: Cluster) -> Iterator[str]:
    """Argo adds its executor to each pod; Pipelines makes a driver of each step, and starts a step by its launcher."""
    controller, server = (_container(cluster, "kubeflow", name) for name in ("workflow-controller", "ml-pipeline"))
    yield controller["args"][controller["args"].index("--executor-image") + 1]
    yield from (_variable(server, name) for name in ("V2_DRIVER_IMAGE", "V2_LAUNCHER_IMAGE"))


def _boards(cluster: Cluster) -> Iterator[str]:
    """Pipelines' page adds to its image the version that somebody asks for."""
    yield f"{_variable(_container(cluster, 'kubeflow', 'ml-pipeline-ui'), 'VIEWER_TENSORBOARD_TF_IMAGE_NAME')}:2.14.0"
    yield _config(cluster, "kubeflow", "tensorboard-controller-config")["TENSORBOARD_IMAGE"]


def _trials(cluster: Cluster) -> Iterator[str]:
    """A trial is its template with a collector beside it; an experiment has a suggestion, and may be stopped early."""
    runtime = yaml.safe_load(_config(cluster, "kubeflow", "katib-config")["katib-config.yaml"])["runtime"]
    for kind in ("metricsCollectors", "suggestions", "earlyStoppings"):
        yield from (one["image"] for one in runtime[kind] if one.get("image"))
    for template in _config(cluster, "kubeflow", "trial-templates").values():
        spec = yaml.safe_load(template)["spec"]
        for pod in (spec, *spec.get("pytorchReplicaSpecs", {}).values()):
            yield from (one["image"] for one in pod.get("template", {}).get("spec", {}).get("containers", []))


def _models(cluster: Cluster) -> Iterator[str]:
    """An InferenceService has its runtime, which may be for another version, what brings the model, and Knative's."""
    config = _config(cluster, "kubeflow", "inferenceservice-config")
    for part in ("agent", "batcher", "logger", "router", "storageInitializer"):
        yield json.loads(config[part])["image"]
    for runtime in cluster.at("clusterservingruntimes")["items"]:
        for container in runtime["spec"]["containers"]:
            name, _, _ = container["image"].partition("@")
            yield from (container["image"], f"{name.rpartition(':')[0]}:v9")
    for storage in cluster.at("clusterstoragecontainers")["items"]:
        yield storage["spec"]["container"]["image"]
    yield _config(cluster, "knative-serving", "config-deployment")["queue-sidecar-image"]


def _proxies(cluster: Cluster) -> Iterator[str]:
    """Istio's injector puts hub, name and tag together."""
    values = json.loads(_config(cluster, "istio-system", "istio-sidecar-injector")["values"])["global"]
    yield f"{values['hub']}/{values['proxy']['image']}:{values['tag']}"


def _jobs(cluster: Cluster) -> Iterator[str]:
    """A TrainJob is the Jobs of its runtime."""
    for runtime in cluster.at("clustertrainingruntimes")["items"]:
        for job in runtime["spec"]["template"]["spec"]["replicatedJobs"]:
            yield from (one["image"] for one in job["template"]["spec"]["template"]["spec"]["containers"])


def _solvers(cluster: Cluster) -> Iterator[str]:
    """cert-manager answers ACME's question by a pod, and the web app for volumes shows one by another."""
    flags = dict(one.split("=", 1) for one in _container(cluster, "cert-manager", "cert-manager")["args"])
    yield flags["--acme-http01-solver-image"]
    yield _variable(_container(cluster, "kubeflow", "volumes-web-app-deployment"), "VOLUME_VIEWER_IMAGE")


_MAKERS: dict[str, Callable[[Cluster], Iterator[str]]] = {
    "notebooks": _notebooks,
    "steps of pipelines": _steps,
    "boards": _boards,
    "trials": _trials,
    "models": _models,
    "proxies": _proxies,
    "jobs of trainers": _jobs,
    "solvers and viewers": _solvers,
}
