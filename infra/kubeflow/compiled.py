"""Images that a release pulls and none of its manifests names: programs know them, and take others by a setting.

kubeflow/training-operator, pkg/config and cmd/training-operator.v1/main.go (v1.9); kubeflow/pipelines 2.16,
frontend/server/configs.ts, which adds the tag that somebody asks for.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ordering.manifests.objects import Manifest


@dataclass(frozen=True, kw_only=True)
class Known:
    """An image that the programs of a repository know, and the flag or the environment variable that names another."""

    program: str
    setting: str
    image: str

    def add(self, container: dict[str, Any]) -> dict[str, Any]:
        """The container with its program told the image that it knows; as it is where it is told one."""
        if self.setting.startswith("--"):
            args = container.get("args") or []
            told = any(str(one).startswith(self.setting) for one in [*args, *(container.get("command") or [])])
            return container if told else {**container, "args": [*args, f"{self.setting}={self.image}"]}
        env = container.get("env") or []
        told = any(one["name"] == self.setting for one in env)
        return container if told else {**container, "env": [*env, {"name": self.setting, "value": self.image}]}


_KNOWN = (
    Known(
        program="/training-operator", setting="--pytorch-init-container-image", image="docker.io/library/alpine:3.10"
    ),
    Known(
        program="/training-operator",
        setting="--mpi-kubectl-delivery-image",
        image="docker.io/kubeflow/kubectl-delivery:latest",
    ),
    Known(program="/kfp-frontend", setting="VIEWER_TENSORBOARD_TF_IMAGE_NAME", image="docker.io/tensorflow/tensorflow"),
)


def spelled_out(objects: Iterable[Manifest]) -> list[Manifest]:
    """The objects with each such image named in the Deployment of the program that knows it."""
    return [_spelled(one) if one["kind"] == "Deployment" else one for one in objects]


def _spelled(manifest: Manifest) -> Manifest:
    spec = manifest["spec"]
    pod = spec["template"]["spec"]
    containers = [_with(one) for one in pod["containers"]]
    if containers == pod["containers"]:
        return manifest
    template = {**spec["template"], "spec": {**pod, "containers": containers}}
    return {**manifest, "spec": {**spec, "template": template}}


def _with(container: dict[str, Any]) -> dict[str, Any]:
    repository = re.sub(r"(:[^/:@]+)?(@.*)?$", "", str(container.get("image", "")))
    for known in _KNOWN:
        if f"/{repository}".endswith(known.program):
            container = known.add(container)
    return container
