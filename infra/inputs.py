"""What a run starts from: settings, credentials, the cluster that exists, the release; all checked, nothing touched."""

from dataclasses import dataclass
from pathlib import Path

from infra import preflight, settings
from infra.kubeflow.capacity import check_capacity, requirements
from infra.kubeflow.load import LoadedRelease, load
from infra.preflight import Caller
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """`kubeconfig` is the content for an existing cluster that is given by one."""

    settings: Settings
    caller: Caller
    kubeconfig: str | None
    release: LoadedRelease


def read(root: Path) -> Inputs:
    """Reads and checks everything, relative paths from `root`; UserError says what a person must mend."""
    stack = settings.read()
    caller = preflight.check_aws(stack.region)
    kubeconfig = None
    version = stack.cluster.version
    if stack.cluster.mode == "create":
        preflight.check_administrators(stack.cluster.administrators, caller)
    elif stack.cluster.kubeconfig is not None:
        kubeconfig = preflight.read_kubeconfig(stack.cluster.kubeconfig.reveal(), root)
        version = preflight.check_cluster(kubeconfig, stack.cluster.context)
    preflight.check_kubernetes_version(version, stack.kubeflow.release)
    release = load(
        release=stack.kubeflow.release,
        path=stack.kubeflow.path,
        stack=stack.stack,
        root=root,
        kubernetes_version=version or None,
        edges=[(edge.source, edge.target) for edge in stack.kubeflow.edges],
    )
    if stack.cluster.mode == "create":
        check_capacity(
            requirements(release.objects),
            instance_type=stack.nodes.instance_type,
            nodes=stack.nodes.desired,
            release=f"Kubeflow {release.source.name}",
        )
    return Inputs(settings=stack, caller=caller, kubeconfig=kubeconfig, release=release)
