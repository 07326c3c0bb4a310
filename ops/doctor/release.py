"""Whether the release is available, fits the nodes, and gets rid of its well-known secrets."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra import inputs, preflight, surroundings
from infra.aws.instances import GI, instance, volume_slots
from infra.kubeflow import succession
from infra.kubeflow.budgets import blocking
from infra.kubeflow.capacity import EKS_PER_CLUSTER, Requirements, check_capacity, requirements
from infra.kubeflow.classes import without_class
from infra.kubeflow.credentials import Credentials, assert_none_left, find_known, replace
from infra.kubeflow.load import LoadedRelease
from infra.kubeflow.release import Release
from infra.present import present, unknown
from infra.settings import Settings
from infra.surroundings.others import by_pulumi
from ops.doctor.finding import Finding, attempt, broken, ok, split, warning
from ops.doctor.images import check_sealed
from ops.doctor.network import CHECK, check_network_policies, reached
from ops.settings import SEALED
from ops.sizes import proposal
from ordering.check import Has, told
from ordering.errors import UserError
from ordering.graph import Graph
from ordering.manifests.objects import Manifest


def check_release(settings: Settings, root: Path, ran: Any = None) -> list[Finding]:
    """All that the manifests tell, read and ordered as the program does.

    `root` is where relative paths start, `ran` the release that the stack's last run brought, None where nobody knows.
    """
    loaded: list[LoadedRelease] = []

    def find() -> Iterator[Finding]:
        version = settings.cluster.version if settings.cluster.mode == "create" else None
        found = inputs.load_release(settings, version, root, _has(settings, root))
        loaded.append(found)
        yield ok("release", f"{found.source.name}, {len(found.objects)} objects ({found.source.origin})")
        for line in told(found.findings):
            yield warning("release", line.rstrip("."), "`make plan` shows what needs what")

    findings = attempt("release", find)
    if not loaded:
        return findings
    objects = loaded[0].objects
    findings += attempt("release", lambda: check_succession(settings, loaded[0].source, ran))
    findings += attempt("well-known secrets", lambda: check_secrets(objects))
    findings += attempt(CHECK, lambda: check_network_policies(settings, objects, reached))
    if settings.images.source == "ecr" and not settings.emulated:
        findings += attempt("images", lambda: check_sealed(settings, objects, root))
    if settings.cluster.mode == "existing":
        findings += attempt("volumes", lambda: check_class(settings, without_class(objects), root))
        findings += attempt("surroundings", lambda: check_surroundings(settings, loaded[0], root))
    else:
        needed = requirements(objects)
        findings += attempt("room", lambda: check_room(needed, settings))
        findings += check_volumes(needed, settings)
        findings += attempt("budgets", lambda: check_budgets(objects))
    return findings


def check_succession(settings: Settings, source: Release, ran: Any) -> Iterator[Finding]:
    """Whether the release may follow the one that the stack has."""
    succession.check(settings, source, ran)
    if succession.changes(settings, source, ran) and settings.kubeflow.release_before != ran:
        yield warning(
            "release",
            f"the stack has {ran}, and `up` brings {settings.kubeflow.release}",
            f"take `make upgrade TO={settings.kubeflow.release}`, which saves before and looks afterwards",
        )


def _has(settings: Settings, root: Path) -> Has:
    """What a given cluster has already; one that the stack makes, and one that only a run reads, are not asked."""
    cluster = settings.cluster
    sealed = cluster.kubeconfig is not None and cluster.kubeconfig.reveal() == SEALED
    if cluster.mode == "create" or cluster.stack or sealed:
        return unknown
    try:
        return present(preflight.read_kubeconfig(inputs.kubeconfig_of(cluster), root), cluster.context)
    except UserError:  # which is a finding about the cluster
        return unknown


def check_class(settings: Settings, claims: Sequence[str], root: Path) -> Iterator[Finding]:
    """Whether a given cluster has a class for the volumes that name none."""
    cluster, taken = settings.cluster, f"{len(claims)} claims take the cluster's default StorageClass"
    if cluster.kubeconfig is None or cluster.kubeconfig.reveal() == SEALED:
        yield ok("volumes", f"{taken}, which the program asks for when it runs")
        return
    content = preflight.read_kubeconfig(cluster.kubeconfig.reveal(), root)
    if preflight.check_default_class(content, cluster.context, claims):
        yield ok("volumes", f"{taken}, and it has one")
    else:
        yield warning("volumes", f"{taken}, and does not say whether it has one", "look: kubectl get storageclass")


def check_surroundings(settings: Settings, loaded: LoadedRelease, root: Path) -> Iterator[Finding]:
    """What else is in a given cluster that bears on the release."""
    cluster = settings.cluster
    if cluster.stack or (cluster.kubeconfig is not None and cluster.kubeconfig.reveal() == SEALED):
        return
    content = preflight.read_kubeconfig(inputs.kubeconfig_of(cluster), root)
    version = preflight.check_cluster(content, cluster.context)
    found, remarks = surroundings.survey(content, cluster.context, loaded, version)
    for remark in remarks:
        told, advice = split(remark.sentence)
        yield (
            broken(remark.check, told, advice) if remark.stops else warning(remark.check, told, advice or "look at it")
        )
    yield from check_clashes(content, cluster.context, loaded.graph)
    if found.nodes and not any(remark.check == "room" for remark in remarks):
        yield ok("room", f"{requirements(loaded.objects).total} on {len(found.nodes)} nodes")


def check_clashes(kubeconfig: str, context: str | None, graph: Graph) -> Iterator[Finding]:
    """What of others' objects in a given cluster cannot become what the release says."""
    # Half a second of imports, which a stack that makes its cluster does without.
    from ops import clashing
    from ops.cluster import Access, connected

    try:
        with connected(Access(kubeconfig=kubeconfig, context=context)) as api:
            found = clashing.look(clashing.others(graph, ()), api, by_pulumi)
    except OSError as error:
        yield warning("objects", f"the cluster does not let them be read ({error})", "`make preview` looks again")
        return
    for one in found:
        yield broken("objects", str(one.clash), one.advice)


def check_room(needed: Requirements, settings: Settings) -> Iterator[Finding]:
    """Whether CPU, memory and pods suffice; the program refuses when they do not."""
    nodes = settings.nodes
    check_capacity(needed, instance_type=nodes.instance_type, nodes=nodes.desired, release="The release")
    total = needed.total + EKS_PER_CLUSTER
    if instance(nodes.instance_type) is None:
        yield warning(
            "room",
            f"the release needs {total}, and what a {nodes.instance_type} holds is not in the table",
            "compare by hand, or add the type to infra/aws/instances.py",
        )
        return
    yield ok("room", f"{total} on {nodes.desired} x {nodes.instance_type}", proposal(needed, nodes))


def check_volumes(needed: Requirements, settings: Settings) -> Iterator[Finding]:
    """Whether the nodes can attach the release's volumes, each of which stays in the zone where it was made."""
    nodes, zones = settings.nodes, settings.network.zones
    found = f"{needed.volumes} volumes of {needed.storage // GI} GiB in all"
    known = instance(nodes.instance_type)
    if known is not None:
        room = nodes.desired * volume_slots(known)
        if needed.volumes > room:
            yield warning("volumes", f"{found}, and {nodes.desired} nodes attach {room}", "raise nodesDesired")
            return
    if needed.volumes and nodes.desired < len(zones):
        yield warning(
            "volumes",
            f"{found}, over {len(zones)} zones with {nodes.desired} nodes: a zone without a node cannot mount its own",
            f"set nodesDesired to {len(zones)} or more, or use fewer networkZones",
        )
        return
    yield ok("volumes", found)


def check_budgets(objects: list[Manifest]) -> Iterator[Finding]:
    """Whether nodes can be emptied one by one while the release stays up."""
    if found := blocking(objects):
        told = f"{len(found)} let no pod go, so EKS could not empty a node with one of theirs: {', '.join(found)}"
        yield warning("budgets", told, "raise the replicas, or lower minAvailable, with a component of your own")


def check_secrets(objects: list[Manifest]) -> Iterator[Finding]:
    """Whether every well-known secret of the manifests would be replaced."""
    known = find_known(objects)
    own = Credentials(email="somebody@example.org", **dict.fromkeys(_GENERATED, None))
    try:
        assert_none_left(replace(objects, own))
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; overlay a value of your own") from None
    yield ok("well-known secrets", f"{len(known)} in the manifests, all replaced")


_GENERATED = [name for name in Credentials.__dataclass_fields__ if name != "email"]
