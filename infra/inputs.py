"""What a run starts from: settings, credentials, the cluster that exists, the release; all checked, nothing touched."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra import extensions, preflight, settings, surroundings
from infra.aws import offerings, standing
from infra.aws.kept import Kept
from infra.extensions import Extensions
from infra.kubeflow import pools, profiles
from infra.kubeflow.capacity import check_capacity, requirements
from infra.kubeflow.classes import without_class
from infra.kubeflow.database import COMPONENT as DATABASE_COMPONENT
from infra.kubeflow.load import LoadedRelease, load
from infra.kubeflow.s3 import COMPONENT as S3_COMPONENT
from infra.preflight import Caller
from infra.present import nothing, present, unknown
from infra.settings import ClusterSettings, Settings
from infra.versions import release_title
from ordering.check import Has
from ordering.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """`kubeconfig` is the content for an existing cluster that is given by one; `extensions` may be empty.

    `caller` is None for a stack without a cloud. `kept` is what an earlier life of the stack left in AWS.
    `let_in_already` are those named in the settings whose access entry is not the stack's to make. `outside` says what
    a caller lacks who does not administer the stack's cluster; `may_change` whether it may change things all the same.
    `live_version` is what the stack's cluster runs, where that is known. `notices` say what a person may want to know
    of an existing cluster.
    """

    settings: Settings
    caller: Caller | None
    kept: Kept
    let_in_already: frozenset[str] = frozenset()
    outside: str = ""
    may_change: bool = True
    live_version: str = ""
    notices: tuple[str, ...] = ()
    kubeconfig: str | None
    release: LoadedRelease
    extensions: Extensions


def read(root: Path) -> Inputs:
    """Reads and checks everything, relative paths from `root`; UserError says what a person must fix."""
    stack = settings.read(root)
    extended = extensions.load(root)
    if stack.emulated:
        preflight.check_emulator(os.environ)
    caller = preflight.check_aws(stack.region) if stack.cloud == "aws" else None
    kubeconfig = None
    version = ""
    let_in_already: frozenset[str] = frozenset()
    outside, may_change, live_version = "", True, ""
    has: Has = unknown
    if stack.cluster.mode == "create" and caller is not None:
        version = stack.cluster.version
        living = standing.look(stack, caller)
        has = unknown if living else nothing
        found = standing.standing(living, caller, stack.cluster.access)
        let_in_already = standing.let_in_already(living, caller, stack.cluster.access)
        outside = standing.sentence(found, living, caller, stack)
        may_change = found not in ("viewer", "stranger")
        # The emulator forgets that a cluster was upgraded.
        live_version = living.version if living and not stack.emulated else ""
        preflight.check_live_version(live_version, version, stack.stack)
    elif stack.cluster.stack is None:
        kubeconfig = preflight.read_kubeconfig(kubeconfig_of(stack.cluster), root)
        kubeconfig = preflight.of_context(kubeconfig, stack.cluster.context)
        version = preflight.check_cluster(kubeconfig, stack.cluster.context)
        has = present(kubeconfig, stack.cluster.context)
    preflight.check_kubernetes_version(version, stack.kubeflow.release)
    release = load_release(stack, version or None, root, has)
    if stack.kubeflow.artifacts == "s3":
        profiles.check(release.objects, stack.kubeflow.profile_namespaces)
    notices: list[str] = []
    if kubeconfig is not None:
        preflight.check_default_class(kubeconfig, stack.cluster.context, without_class(release.objects))
        notices = surrounded(kubeconfig, stack.cluster.context, version, release)
    if stack.cluster.mode == "create":
        if not stack.emulated:
            offerings.check(stack)
        check_capacity(
            requirements(release.objects),
            instance_type=stack.nodes.instance_type,
            nodes=stack.nodes.desired,
            release=release_title(release.source.name),
        )
    return Inputs(
        settings=stack,
        caller=caller,
        kept=preflight.check_kept(stack) if caller else Kept(),
        let_in_already=let_in_already,
        outside=outside,
        may_change=may_change,
        live_version=live_version,
        notices=tuple(notices),
        kubeconfig=kubeconfig,
        release=release,
        extensions=extended,
    )


def surrounded(kubeconfig: str, context: str | None, version: str, release: LoadedRelease) -> list[str]:
    """What a person may want to know of an existing cluster; UserError for the first thing that would stop the run."""
    _, remarks = surroundings.survey(kubeconfig, context, release, version)
    for remark in remarks:
        if remark.stops:
            raise UserError(remark.sentence)
    return [remark.sentence for remark in remarks]


def load_release(stack: Settings, kubernetes_version: str | None, root: Path, has: Has) -> LoadedRelease:
    """The release as the settings want it, for a cluster of that version where it is known; UserError as `load`.

    `has` says what the cluster has already.
    """
    kubeflow = stack.kubeflow
    own = [S3_COMPONENT] if kubeflow.artifacts == "s3" else []
    own += [DATABASE_COMPONENT] if stack.database else []
    own += [pools.COMPONENT] if pools.needs_plugin(stack) else []
    return load(
        release=kubeflow.release,
        path=kubeflow.path,
        sample=stack.emulated,
        root=root,
        kubernetes_version=kubernetes_version,
        components=[*map(Path, kubeflow.components), *own],
        allow=kubeflow.build,
        edges=[(edge.source, edge.target) for edge in kubeflow.edges],
        parts=kubeflow.parts,
        existing=kubeflow.existing,
        has=has,
        change=partial(pools.use_pools, pools=stack.pools, gpu_shares=stack.nodes.gpu_shares),
    )


def kubeconfig_of(cluster: ClusterSettings) -> str:
    """The kubeconfig that is set, or kubectl's own: the first file of KUBECONFIG, else the one in the home folder."""
    if cluster.kubeconfig is not None:
        return cluster.kubeconfig.reveal()
    return os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config"
