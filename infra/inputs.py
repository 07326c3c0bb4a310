"""What a run starts from: settings, credentials, the cluster that exists, the release; all checked, nothing touched."""

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infra import extensions, images, preflight, settings, surroundings
from infra.aws import associations, offerings, standing
from infra.aws.kept import Kept
from infra.extensions import Extensions
from infra.issuer import ClusterIssuer, Issuer, discover, of_cluster
from infra.kubeflow import address, also, autoscaler, culling, pod_access, pools, profiles, prometheus
from infra.kubeflow.capacity import check_capacity, requirements
from infra.kubeflow.classes import without_class
from infra.kubeflow.database import COMPONENT as DATABASE_COMPONENT
from infra.kubeflow.load import LoadedRelease, load
from infra.kubeflow.login import COMPONENT as LOGIN_COMPONENT
from infra.kubeflow.login import need_gateway
from infra.kubeflow.s3 import COMPONENT as S3_COMPONENT
from infra.kubeflow.sealed import Seal, use_seal
from infra.kubeflow.tokens import COMPONENT as TOKENS_COMPONENT
from infra.preflight import Caller
from infra.present import nothing, present, unknown
from infra.settings import ClusterSettings, Settings
from infra.versions import release_title
from ordering.check import Has
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

if TYPE_CHECKING:
    from infra.aws.database import Parameter


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """`kubeconfig` is the content for an existing cluster that is given by one; `extensions` may be empty.

    `caller` is None for a stack without a cloud. `kept` is what an earlier life of the stack left in AWS.
    `let_in_already` are those named in the settings whose access entry is not the stack's to make. `outside` says what
    a caller lacks who does not administer the stack's cluster; `may_change` whether it may change things all the same.
    `live_version` is what the stack's cluster runs, where that is known. `notices` say what a person may want to know
    of an existing cluster. `database_parameters` are those that RDS has for what the managed database's clients need.
    `seal` is where images come from, if not from where the release has them, and `uncopied` says which are not there
    yet. `issuer` is where people sign in, if not with a password of the release or at Cognito,
    and `tokens` who issues the tokens of a given cluster, where programs may bring one and no OIDC provider in IAM
    tells. `leaving_pod_identity` says that accounts still have roles by associations, and are to have them no more:
    these go in a run of their own, for a pod that is made while there is one gets its role by that. `pod_access` says
    what a person should know of how pods get at AWS.
    """

    settings: Settings
    caller: Caller | None
    kept: Kept
    let_in_already: frozenset[str] = frozenset()
    outside: str = ""
    may_change: bool = True
    live_version: str = ""
    notices: tuple[str, ...] = ()
    database_parameters: "tuple[Parameter, ...]" = ()
    seal: Seal | None = None
    uncopied: str = ""
    issuer: Issuer | None = None
    tokens: ClusterIssuer | None = None
    leaving_pod_identity: bool = False
    pod_access: tuple[str, ...] = ()
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
    issuer = discover(stack.login.issuer) if stack.login.kind == "oidc" else None
    tokens = None
    kubeconfig = None
    version = ""
    let_in_already: frozenset[str] = frozenset()
    outside, may_change, live_version = "", True, ""
    has: Has = unknown
    parameters: list[Parameter] = []
    if stack.cluster.mode == "create" and caller is not None:
        version = stack.cluster.version
        living = standing.look(stack, caller)
        has = unknown if living else nothing
        preflight.check_address(stack)
        parameters = preflight.check_database(stack)
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
        if stack.login.tokens and not stack.cluster.oidc_provider_arn:
            tokens = of_cluster(kubeconfig, stack.cluster.context)
    preflight.check_kubernetes_version(version, stack.kubeflow.release)
    of_pods = pod_access.notices(stack)
    leaving = caller is not None and _leaves_pod_identity(stack)
    if leaving:
        of_pods = [pod_access.leaving(stack)]
        stack = replace(stack, cluster=replace(stack.cluster, pod_access="pod-identity"))
    elif stack.cluster.mode == "existing" and stack.cluster.pod_access == "pod-identity":
        associations.check_agent(stack)
    seal = images.seal_of(stack, caller.account, root) if caller else None
    release = load_release(stack, version or None, root, has, seal)
    if stack.kubeflow.artifacts == "s3":
        profiles.check(release.objects, stack.kubeflow.profile_namespaces)
    notices: list[str] = []
    uncopied = ""
    if kubeconfig is not None:
        preflight.check_default_class(kubeconfig, stack.cluster.context, without_class(release.objects))
        notices = surrounded(kubeconfig, stack.cluster.context, version, release)
    if stack.cluster.mode == "create":
        if not stack.emulated:
            offerings.check(stack)
            if seal:
                uncopied = preflight.check_images(stack, seal, release.objects, root)
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
        database_parameters=tuple(parameters),
        seal=seal,
        uncopied=uncopied,
        issuer=issuer,
        tokens=tokens,
        leaving_pod_identity=leaving,
        pod_access=tuple(of_pods),
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


def _leaves_pod_identity(stack: Settings) -> bool:
    """Whether accounts have associations and are to have none; of a given cluster only where EKS's name of it is."""
    known = stack.cluster.mode == "create" or stack.cluster.name != stack.name
    return known and stack.cluster.pod_access != "pod-identity" and associations.has_some(stack)


def load_release(
    stack: Settings, kubernetes_version: str | None, root: Path, has: Has, seal: Seal | None = None
) -> LoadedRelease:
    """The release as the settings want it, for a cluster of that version where it is known; UserError as `load`.

    `has` says what the cluster has already, and `seal` where images come from, if not from where the release has them.
    """
    kubeflow = stack.kubeflow
    wanted = (
        (S3_COMPONENT, kubeflow.artifacts == "s3"),
        (pools.COMPONENT, pools.needs_plugin(stack)),
        (LOGIN_COMPONENT, stack.login.kind != "release"),
        (TOKENS_COMPONENT, stack.login.tokens),
        (address.COMPONENT, stack.address is not None),
        (autoscaler.COMPONENT, autoscaler.is_wanted(stack)),
        (culling.COMPONENT, culling.is_wanted(stack)),
        (DATABASE_COMPONENT, stack.database is not None),
    )
    own = [component for component, is_wanted in wanted if is_wanted]
    return load(
        release=kubeflow.release,
        path=kubeflow.path,
        sample=stack.emulated,
        root=root,
        kubernetes_version=kubernetes_version,
        components=[*map(Path, kubeflow.components), *own],
        beside=prometheus.manifests(stack, root),
        also=also.manifests(stack, root),
        allow=kubeflow.build,
        edges=[(edge.source, edge.target) for edge in kubeflow.edges],
        parts=kubeflow.parts,
        existing=kubeflow.existing,
        has=has,
        change=partial(_changed, stack, seal),
    )


def _changed(stack: Settings, seal: Seal | None, objects: list[Manifest]) -> list[Manifest]:
    """The release's objects as the stack's options want them."""
    objects = pools.use_pools(autoscaler.use_cluster(objects, stack), stack.pools, stack.nodes.gpu_shares)
    objects = culling.use_culling(objects, stack.notebooks)
    objects = prometheus.use_prometheus(objects, stack)
    for setting, is_set in (("login", stack.login.kind != "release"), ("loginTokens", stack.login.tokens)):
        if is_set:
            need_gateway(objects, setting)
    url = address.external_url(stack)
    # Another login is put there whole, once its issuer is known.
    if url is not None and stack.login.kind == "release":
        objects = address.at_address(objects, url)
    # Last, for what is above may know an image by its name.
    return use_seal(objects, seal) if seal else objects


def kubeconfig_of(cluster: ClusterSettings) -> str:
    """The kubeconfig that is set, or kubectl's own: the first file of KUBECONFIG, else the one in the home folder."""
    if cluster.kubeconfig is not None:
        return cluster.kubeconfig.reveal()
    return os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config"
