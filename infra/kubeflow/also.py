"""What `kubeflowAlso` adds to a release: the objects of other kustomizations, which the same graph puts in order."""

from pathlib import Path

from infra.kubeflow.release import resolve_also
from infra.settings import Settings
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render


def manifests(settings: Settings, root: Path) -> list[Manifest]:
    """The objects of all of them, relative paths from `root`; UserError for one that is not available."""
    allow = settings.kubeflow.build
    return [
        one
        for also in settings.kubeflow.also
        for one in render(resolve_also(also, root=root, allow=allow).path, namespace=also.namespace, allow=allow)
    ]
