"""What the stack's own settings say: the version's support, passwords, who reaches the API, an existing cluster."""

from collections.abc import Iterator
from datetime import date

from infra import inputs, preflight, versions
from infra.aws import associations
from infra.kubeflow.credentials import KNOWN_EMAIL
from infra.kubeflow.pod_access import AS_NODE
from infra.settings import Settings
from ops.doctor.finding import Finding, attempt, broken, ok, warning
from ops.project import PROJECT_ROOT
from ops.settings import SEALED, StackSettings

# An upgrade of a cluster wants a quiet week, and finding one takes a while.
SUPPORT_DAYS = 60

WORLD = "0.0.0.0/0"


def check_stack(found: StackSettings, today: date) -> list[Finding]:
    """All that can be said without asking AWS."""
    settings = found.settings
    findings = list(check_passwords(found))
    if settings.cluster.mode == "create":
        return [
            check_version(settings.cluster.version, today),
            *findings,
            check_endpoint(found),
            *check_scaling(settings),
            *check_notebooks(settings),
            *check_pod_access(settings),
        ]
    return [
        *attempt("cluster", lambda: check_existing(found)),
        *attempt("pod access", lambda: check_pod_access(settings)),
        *findings,
    ]


def check_version(version: str, today: date) -> Finding:
    """Whether EKS supports the cluster's version at the standard price, and for how long."""
    supported = versions.in_standard_support(today)
    if version not in supported:
        advice = (
            f"set clusterVersion to one of {', '.join(supported)}" if supported else "`make versions` pins newer ones"
        )
        return broken("Kubernetes", f"{version} is not in standard support", advice)
    ends = versions.KUBERNETES[version].standard_support_ends
    days = (ends - today).days
    if days < SUPPORT_DAYS:
        newer = supported[supported.index(version) + 1 :]
        return warning(
            "Kubernetes",
            f"{version} leaves standard support on {ends}, in {days} days; then EKS upgrades the cluster by itself",
            f"choose the day yourself: set clusterVersion to {newer[0] if newer else 'a newer one'}",
        )
    return ok("Kubernetes", f"{version}, in standard support until {ends}")


def check_scaling(settings: Settings) -> Iterator[Finding]:
    """Whether anything starts the nodes of a pool that has none."""
    empty = [pool.name for pool in settings.pools if not pool.desired]
    if empty and settings.nodes.autoscaling == "none":
        yield warning(
            "nodes",
            f"the pools without nodes ({', '.join(empty)}) stay so, for nothing starts any",
            "set nodesAutoscaling to cluster-autoscaler, or give them what is desired",
        )


def check_notebooks(settings: Settings) -> Iterator[Finding]:
    """Whether stopped notebooks save anything."""
    notebooks = settings.notebooks
    if (notebooks.idle_minutes or notebooks.gpu_idle_minutes) and settings.nodes.autoscaling == "none":
        yield warning(
            "notebooks",
            "idle ones are stopped, and their nodes stay, for nothing takes any away",
            "set nodesAutoscaling to cluster-autoscaler",
        )


def check_pod_access(settings: Settings) -> Iterator[Finding]:
    """Whether every pod may what any may, and whether a given cluster has what Pod Identity takes."""
    way, created = settings.cluster.pod_access, settings.cluster.mode == "create"
    if way == "node":
        yield warning("pod access", AS_NODE.rstrip("."), "set podAccess to irsa or pod-identity")
    elif way == "pod-identity" and not created:
        associations.check_agent(settings)
        yield ok("pod access", f"the cluster {settings.cluster.name} has the agent of EKS Pod Identity")


def check_passwords(found: StackSettings) -> Iterator[Finding]:
    """Whether the stack has a password of its own, encrypted."""
    stack = found.settings.stack
    for problem in found.refused:
        what, _, advice = problem.rpartition("; ")
        yield broken("password", what or problem, (advice if what else f"make password STACK={stack}").rstrip("."))
    kind = found.settings.login.kind
    if kind != "release":
        where = "company's identity provider" if kind == "oidc" else "stack's user pool"
        yield ok("password", f"none of the stack's own: people sign in at the {where}")
    elif found.settings.emulated:
        yield ok("password", "the well-known one, allowed on this machine only")
    elif not found.settings.dashboard.password.reveal():
        yield ok("password", "none: Pipelines alone knows no login", "keep its address private")
    elif not found.refused:
        yield ok("password", "set and encrypted; the program checks it when it runs")
    login = found.settings.dashboard
    if not found.settings.emulated and login.password.reveal() and login.user == KNOWN_EMAIL:
        yield warning(
            "login",
            f"{KNOWN_EMAIL}, the well-known one",
            f"pulumi config set dashboardUser you@… --stack {stack}",
        )


def check_endpoint(found: StackSettings) -> Finding:
    """Who reaches the cluster's API from the internet."""
    blocks = found.settings.cluster.public_access_cidrs
    if found.settings.emulated:
        return ok("API endpoint", "on this machine only")
    if WORLD in blocks:
        return warning(
            "API endpoint",
            f"open to the world ({WORLD})",
            "pulumi config set --path 'clusterPublicAccessCidrs[0]' YOUR.GATEWAY/32",
        )
    if not blocks:
        return ok("API endpoint", "private", "run from inside the VPC, or through a tunnel to it")
    return ok("API endpoint", f"open to {', '.join(blocks)}")


def check_existing(found: StackSettings) -> Iterator[Finding]:
    """Whether the given cluster answers, and is new enough for the release."""
    cluster = found.settings.cluster
    if cluster.stack:
        yield ok("cluster", f"of stack {cluster.stack}, read when the program runs")
        return
    if cluster.kubeconfig is not None and cluster.kubeconfig.reveal() == SEALED:
        yield ok("cluster", "its kubeconfig is encrypted, and read when the program runs")
        return
    content = preflight.read_kubeconfig(inputs.kubeconfig_of(cluster), PROJECT_ROOT)
    version = preflight.check_cluster(content, cluster.context)
    preflight.check_kubernetes_version(version, found.settings.kubeflow.release)
    yield ok("cluster", f"answers, Kubernetes {version or 'of an unknown version'}")
