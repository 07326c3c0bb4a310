"""Jobs of the training operator, which a newer release does without: those that have not ended are named."""

from collections.abc import Iterator

from ops.existing import Place
from ops.migrations.between import Api, Between
from ordering.manifests.objects import Manifest, title

_CONTROLLER = Place("apps", "Deployment", "kubeflow", "training-operator")
_GROUP = "kubeflow.org"
# training-operator 1.9, pkg/apis/kubeflow.org/v1/common_types.go: a job that has ended has one of these.
_ENDED = ("Succeeded", "Failed")
_NAMED = 5
"""Jobs that the sentence names."""


def applies(between: Between) -> bool:
    """Whether the run takes the jobs' controller away."""
    return between.goes(_CONTROLLER)


def look(between: Between, api: Api) -> list[str]:
    """A sentence about the jobs that nobody will finish."""
    left = sorted(title(one) for one in _unfinished(between, api))
    if not left:
        return []
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    are = "1 of its jobs has" if len(left) == 1 else f"{len(left)} of its jobs have"
    return [
        f"The training operator goes, and {are} not ended ({', '.join(left[:_NAMED])}{more}): wait until they have, "
        "for nobody restarts their pods or says how they end. KEEP leaves jobs as records; new ones are TrainJobs."
    ]


def _unfinished(between: Between, api: Api) -> Iterator[Manifest]:
    for at, definition in between.before.items():
        spec = definition.get("spec") or {}
        if at.kind == "CustomResourceDefinition" and spec.get("group") == _GROUP and between.goes(at):
            for version in spec["versions"]:
                yield from (one for one in api.list(f"{_GROUP}/{version['name']}", spec["names"]["kind"]) if _runs(one))


def _runs(job: Manifest) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return not any(one.get("type") in _ENDED and one.get("status") == "True" for one in conditions)
