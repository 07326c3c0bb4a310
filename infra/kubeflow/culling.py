"""What `notebooksIdleMinutes` and `notebooksGpuIdleMinutes` change in a release.

The notebook controller stops idle servers itself, all after the same time: it takes ENABLE_CULLING, CULL_IDLE_TIME and
IDLENESS_CHECK_PERIOD (minutes) from its environment, which is its ConfigMap (kubeflow/kubeflow v1.10.0, as in 26.03,
components/notebook-controller/controllers/culling_controller.go: `initGlobalVars`). It knows nothing of accelerators:
those are for the CronJob of manifests/culling, which acts on what the controller has found out.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.settings import NotebookSettings, Settings
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "culling")

_NAMESPACE, _JOB = "kubeflow", "notebook-culling"
# Its image is Python's, with the web app beside, which every node with notebooks' users has pulled
# (kubeflow/kubeflow v1.10.0, components/crud-web-apps/jupyter/Dockerfile).
_PYTHON = "jupyter-web-app-deployment"

NEVER = 52_560_000
"""Minutes, a century: the controller asks servers what they do only where it would stop them one day."""


def is_wanted(settings: Settings) -> bool:
    """Whether servers with an accelerator are stopped earlier than others, which takes the component."""
    return settings.notebooks.gpu_idle_minutes > 0


def use_culling(objects: Iterable[Manifest], notebooks: NotebookSettings) -> list[Manifest]:
    """The objects with the limits in them; the given ones are left as they are.

    UserError where they hold no notebook controller, or not the image for the component.
    """
    given = list(objects)
    if not notebooks.idle_minutes and not notebooks.gpu_idle_minutes:
        return given
    key = "notebooksIdleMinutes" if notebooks.idle_minutes else "notebooksGpuIdleMinutes"
    if not any(map(_is_configuration, given)):
        raise UserError(
            f"{key} is set, and the manifests hold no notebook controller that it could be for; set it to 0, or let "
            "kubeflowParts have notebooks."
        )
    image = _image(given)
    if notebooks.gpu_idle_minutes and image is None:
        raise UserError(
            f"{key} is set, and the manifests hold no Deployment {_NAMESPACE}/{_PYTHON}, whose image looks for idle "
            "servers; set it to 0."
        )
    return [_filled(one, notebooks, image) for one in given]


def _is_configuration(one: Manifest) -> bool:
    """Kustomize adds a hash to its name."""
    return one["kind"] == "ConfigMap" and "CULL_IDLE_TIME" in (one.get("data") or {})


def _image(objects: Iterable[Manifest]) -> str | None:
    found = (one for one in objects if _named(one, "Deployment", _PYTHON))
    return next((str(one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in found), None)


def _filled(one: Manifest, notebooks: NotebookSettings, image: str | None) -> Manifest:
    if _is_configuration(one):
        limit = {"ENABLE_CULLING": "true", "CULL_IDLE_TIME": str(notebooks.idle_minutes or NEVER)}
        return {**one, "data": {**one["data"], **limit}}
    return _job(one, notebooks, image) if _named(one, "CronJob", _JOB) else one


def _job(one: Manifest, notebooks: NotebookSettings, image: str | None) -> Manifest:
    job = one["spec"]["jobTemplate"]
    template = job["spec"]["template"]
    [container] = template["spec"]["containers"]
    limit: dict[str, Any] = {"name": "IDLE_MINUTES", "value": str(notebooks.gpu_idle_minutes)}
    pod = {**template["spec"], "containers": [{**container, "image": image, "env": [limit]}]}
    made = {**job, "spec": {**job["spec"], "template": {**template, "spec": pod}}}
    return {**one, "spec": {**one["spec"], "jobTemplate": made}}


def _named(one: Manifest, kind: str, name: str) -> bool:
    metadata = one["metadata"]
    return (one["kind"], metadata.get("namespace"), metadata["name"]) == (kind, _NAMESPACE, name)
