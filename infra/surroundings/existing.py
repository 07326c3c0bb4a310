"""Parts of a release that a cluster has already: whether they are there, new enough, and serve what is sent."""

from collections.abc import Iterable, Iterator, Sequence

from infra import versions
from infra.surroundings.look import Surroundings
from infra.surroundings.remark import Remark
from ordering.graph.ids import id_of
from ordering.graph.index import Platform
from ordering.graph.kinds import BUILT_IN_GROUPS
from ordering.manifests.objects import Manifest, title

PROMETHEUS = "the Prometheus operator"

# What tells a part of a cluster: the last part of its controller's image.
_CONTROLLERS = {"pilot": "Istio", "cert-manager-controller": "cert-manager", "prometheus-operator": PROMETHEUS}


def controllers(deployment: Manifest) -> Iterator[tuple[str, str]]:
    """What a Deployment runs that a cluster should have once, each with its version."""
    spec = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in spec.get("containers") or ():
        image = str(container.get("image", "")).partition("@")[0]
        name, _, version = image.rpartition("/")[2].partition(":")
        if name in _CONTROLLERS:
            yield _CONTROLLERS[name], version or "of an unknown version"


def kinds_of_others(objects: Iterable[Manifest]) -> dict[str, dict[str, str]]:
    """The custom kinds of objects that no definition among them declares: by apiVersion and kind, one that is sent."""
    given = list(objects)
    defined = Platform(given).definitions
    found: dict[str, dict[str, str]] = {}
    for one in given:
        id_ = id_of(one)
        if id_.group not in BUILT_IN_GROUPS and (id_.group, id_.kind) not in defined:
            found.setdefault(id_.api_version, {}).setdefault(id_.kind, title(one))
    return found


def check_existing(found: Surroundings, objects: Sequence[Manifest], existing: Sequence[Manifest]) -> Iterator[Remark]:
    """What is wrong with what the cluster is said to have; all of it stops a run."""
    for one in existing:
        if one["kind"] == "Deployment":
            for name, version in controllers(one):
                yield from _controller(found, name, version)
    for api_version, kinds in kinds_of_others(objects).items():
        served = (found.served or {}).get(api_version)
        for kind, example in kinds.items():
            if served is not None and kind not in served:
                yield Remark(
                    check="existing parts",
                    sentence=f"The cluster does not serve {kind} of {api_version}, which {example} is; upgrade what "
                    "kubeflowExisting says it has, or leave that out of kubeflowExisting.",
                    stops=True,
                )


def _controller(found: Surroundings, name: str, wanted: str) -> Iterator[Remark]:
    """Whether a controller runs in the cluster, Available and as new as the release's own."""
    if found.deployments is None:
        return
    running = [(one, version) for one in found.deployments for known, version in controllers(one) if known == name]
    if not running:
        fault = f"kubeflowExisting says that the cluster has {name}, and none runs there; install it, or leave it out."
        yield Remark(check=name, sentence=fault, stops=True)
        return
    one, version = running[0]
    conditions = (one.get("status") or {}).get("conditions") or ()
    if not any(each.get("type") == "Available" and each.get("status") == "True" for each in conditions):
        fault = f"{title(one)}, which is the cluster's {name}, is not Available; repair it first."
        yield Remark(check=name, sentence=fault, stops=True)
    if _minor(version) < _minor(wanted):
        fault = f"The cluster's {name} is {version}, and the release is made for {wanted}; upgrade it first."
        yield Remark(check=name, sentence=fault, stops=True)


def _minor(version: str) -> tuple[int, int]:
    """A version to compare; one that cannot be read is as new as any."""
    try:
        return versions.minor(version)
    except ValueError:
        return (999, 0)
