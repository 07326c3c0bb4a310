"""A look at an existing cluster, and what it means for a release that is to go there."""

from infra.kubeflow.load import LoadedRelease
from infra.surroundings.existing import kinds_of_others
from infra.surroundings.judge import judge
from infra.surroundings.look import Surroundings, look
from infra.surroundings.remark import Remark
from infra.versions import release_title


def survey(
    kubeconfig: str, context: str | None, release: LoadedRelease, version: str
) -> tuple[Surroundings, list[Remark]]:
    """What is in the cluster of a kubeconfig, which runs a version of Kubernetes, and all that is remarkable."""
    found = look(kubeconfig, context, asked=kinds_of_others(release.objects))
    title = release_title(release.source.name)
    return found, judge(found, release.objects, existing=release.existing, release=title, version=version)
