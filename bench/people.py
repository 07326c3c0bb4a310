"""Two hundred objects as people of ten teams make them, for an upgrade to keep."""

from typing import Any

Manifest = dict[str, Any]

TEAMS = 10
EACH = {
    "Notebook": 4,
    "InferenceService": 3,
    "Experiment": 3,
    "Workflow": 3,
    "PersistentVolumeClaim": 3,
}
"""How many of a kind a team has, beside its Profile and three jobs that train."""

TRAINING = {"1.10.2": "PyTorchJob", "26.03": "TrainJob"}
"""What trains in a release."""

FINALIZERS = {
    "InferenceService": ("inferenceservice.finalizers", "kserve-controller-manager"),
    "Experiment": ("update-prometheus-metrics", "katib-controller"),
}
"""What a kind's controller adds, and the Deployment in `kubeflow` that takes it off.

KServe 0.15, pkg/controller/v1beta1/inferenceservice/controller.go; Katib 0.18, pkg/controller.v1beta1/experiment.
"""

IMAGE = "registry.example.com/team/train:1"


def teams() -> list[Manifest]:
    """The Profiles."""
    return [
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "Profile",
            "metadata": {"name": f"team-{team}"},
            "spec": {"owner": {"kind": "User", "name": f"owner-{team}@example.com"}},
        }
        for team in range(TEAMS)
    ]


def work(release: str) -> list[Manifest]:
    """What is in their namespaces."""
    return [
        {
            "apiVersion": _VERSIONS[kind],
            "kind": kind,
            "metadata": {
                "name": f"{kind.lower()}-{number}",
                "namespace": f"team-{team}",
                "finalizers": [FINALIZERS[kind][0]] if kind in FINALIZERS else [],
            },
            "spec": _spec(kind),
        }
        for team in range(TEAMS)
        for kind, count in (EACH | {TRAINING[release]: 3}).items()
        for number in range(count)
    ]


_VERSIONS = {
    "Notebook": "kubeflow.org/v1",
    "PyTorchJob": "kubeflow.org/v1",
    "TrainJob": "trainer.kubeflow.org/v1alpha1",
    "InferenceService": "serving.kserve.io/v1beta1",
    "Experiment": "kubeflow.org/v1beta1",
    "Workflow": "argoproj.io/v1alpha1",
    "PersistentVolumeClaim": "v1",
}


def _spec(kind: str) -> Manifest:
    template = {"spec": {"containers": [{"name": "main", "image": IMAGE}]}}
    match kind:
        case "Notebook":
            return {"template": template}
        case "PyTorchJob":
            pods = {"spec": {"containers": [{"name": "pytorch", "image": IMAGE}]}}
            return {"pytorchReplicaSpecs": {"Master": {"replicas": 1, "restartPolicy": "Never", "template": pods}}}
        case "TrainJob":
            return {"runtimeRef": {"name": "torch-distributed"}, "trainer": {"image": IMAGE}}
        case "InferenceService":
            model = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/one"}
            return {"predictor": {"model": model}}
        case "Experiment":
            return _experiment()
        case "Workflow":
            return {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": IMAGE}}]}
        case _:
            return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def _experiment() -> Manifest:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": IMAGE}]}}},
    }
    return {
        "objective": {"type": "minimize", "objectiveMetricName": "loss"},
        "algorithm": {"algorithmName": "random"},
        "parallelTrialCount": 1,
        "maxTrialCount": 1,
        "maxFailedTrialCount": 1,
        "parameters": [{"name": "rate", "parameterType": "double", "feasibleSpace": {"min": "0.1", "max": "0.9"}}],
        "trialTemplate": {
            "primaryContainerName": "main",
            "trialParameters": [{"name": "rate", "reference": "rate"}],
            "trialSpec": job,
        },
    }
