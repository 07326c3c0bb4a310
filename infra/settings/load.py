"""From raw strings to Settings: every rule that needs no network."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from typing import Literal, cast

from infra import versions
from infra.aws import iam
from infra.settings import limits
from infra.settings.access import public_cidrs, read_access
from infra.settings.address import read_address
from infra.settings.also import read_also
from infra.settings.backup import read_backup_days
from infra.settings.budget import read_budget
from infra.settings.cloud import refuse_aws
from infra.settings.database import read_database
from infra.settings.files import read_files
from infra.settings.images import read_images
from infra.settings.login import has_gateway, read_login
from infra.settings.model import (
    ClusterSettings,
    Edge,
    KubeflowSettings,
    PipelinesSettings,
    RegistrySettings,
    Secret,
    Settings,
    StorageSettings,
)
from infra.settings.monitoring import read_monitoring
from infra.settings.network import check_way_out, read_network
from infra.settings.nodes import INSTANCE_TYPE, read_nodes, read_pools
from infra.settings.notebooks import read_notebooks
from infra.settings.pod_access import read_pod_access
from infra.settings.raw import RawSettings
from infra.settings.sagemaker import read_sagemaker
from infra.settings.secret import check_encrypted
from ordering.manifests.kustomization import ALLOWED

# The values that CloudWatch Logs accepts (PutRetentionPolicy), up to two years.
_RETENTION_DAYS = ("1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731")

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_REPOSITORY = re.compile(r"(?=.{2,256}$)[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*")
_OIDC_PROVIDER = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:oidc-provider/\S+")
# What every service of AWS takes in a tag (Tagging AWS resources, "Tag naming limits and requirements").
_TAG = re.compile(r"[\w .:/=+@-]*")
# What the engine makes of a date that is not in quotes (pulumi 3.259).
_YAML_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC")
# AWS allows 50; a subnet gets five more than it is told here.
_TAGS = 45
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# The grammar of references, without the digest's algorithm (distribution/reference v0.6.0, reference.go).
_IMAGE = re.compile(
    r"([\w.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?", re.ASCII
)


def load(
    project: str,
    stack: str,
    config: Mapping[str, str],
    *,
    defaults: Mapping[str, str],
    today: date,
    secret_keys: Collection[str] = (),
) -> Settings:
    """Check a stack's configuration and return it as values.

    `config` is what the engine gives to a program: full keys (`kubeflow:networkCidr`, `aws:region`) with the defaults
    of Pulumi.yaml, `defaults`, filled in, arrays and objects as JSON. `secret_keys` are the full keys that were stored
    encrypted.
    Raises SettingsError with every problem found, not only the first.
    """
    raw = RawSettings(project, config)
    cloud = cast("Literal['aws', 'none']", raw.text("cloud", ("aws", "none")))
    if cloud == "none":
        refuse_aws(raw, project, config, defaults)
    region = _region(raw, config if cloud != "none" else defaults)
    emulated = raw.boolean("emulated")
    # What runs on a laptop depends on no support that ends one day.
    cluster = _cluster(raw, project, stack, region, secret_keys, None if emulated else today, cloud)
    nodes = read_nodes(raw, _required(raw, "nodesInstanceType", INSTANCE_TYPE, "an EC2 instance type"))
    network = read_network(raw, region, nodes)
    kubeflow = _kubeflow(raw, cluster)
    login, dashboard = read_login(raw, kubeflow, project, stack, secret_keys, emulated=emulated, cloud=cloud)
    settings = Settings(
        project=project,
        stack=stack,
        cloud=cloud,
        region=region if cloud != "none" else "",
        emulated=emulated,
        tags=_tags(raw, closed=f"{project}:tags" in secret_keys),
        protect=raw.boolean("protect"),
        network=network,
        cluster=cluster,
        nodes=nodes,
        pools=read_pools(raw, cluster, network, nodes),
        images=read_images(raw, region, creates=cluster.mode == "create"),
        registry=RegistrySettings(repository=_matching(raw, "registryRepository", _REPOSITORY, "a repository name")),
        storage=StorageSettings(
            on_destroy=cast("Literal['keep', 'empty']", raw.text("storageOnDestroy", ("keep", "empty")))
        ),
        files=read_files(raw, cluster),
        database=read_database(raw, cluster),
        backup_days=read_backup_days(raw, cluster),
        address=read_address(raw, region, creates=cluster.mode == "create", has_login=has_gateway(kubeflow)),
        monitoring=read_monitoring(
            raw,
            creates=cluster.mode == "create",
            reaches_aws=cluster.reaches_aws,
            release=kubeflow.release,
            has_gateway=has_gateway(kubeflow),
        ),
        budget=read_budget(raw),
        sagemaker=read_sagemaker(raw, cluster, kubeflow, profiles=has_gateway(kubeflow)),
        kubeflow=kubeflow,
        notebooks=read_notebooks(raw),
        pipelines=PipelinesSettings(image=_matching(raw, "pipelinesImage", _IMAGE, "an image, as registry/name:tag")),
        login=login,
        dashboard=dashboard,
    )
    check_way_out(raw, settings)
    raw.refuse_unknown_keys()
    raw.refuse_foreign_keys()
    raw.raise_problems(stack)
    return settings


def _region(raw: RawSettings, config: Mapping[str, str]) -> str:
    region = config.get("aws:region", "")
    if not region:
        raw.problem("aws:region", "is not set; run `pulumi config set aws:region us-west-2`.")
    elif not _REGION.fullmatch(region):
        raw.problem("aws:region", f"{region!r} is not a region; write one like us-west-2.")
    return region


def _tags(raw: RawSettings, *, closed: bool) -> dict[str, str]:
    """The tags; what is encrypted may be `closed` to whoever asks, so its characters are left to AWS."""
    tags = raw.mapping("tags")
    for name, value in tags.items():
        reserved = name.lower().startswith(("aws:", "pulumi:", "kubernetes.io/"))
        if reserved or not 1 <= len(name) <= 128 or len(value) > 256:
            raw.problem(
                "tags",
                f"{name!r} cannot be used; a name has up to 128 characters and does not start with aws:, pulumi: or "
                "kubernetes.io/, and a value has up to 256.",
            )
        elif _YAML_DATE.fullmatch(value):
            raw.problem("tags", f"{name!r}: {value!r} is a date that YAML has read; write it in quotes.")
        elif not closed and not (_TAG.fullmatch(name) and _TAG.fullmatch(value)):
            raw.problem(
                "tags",
                f"{name!r}: {value!r} has a character that AWS refuses; use letters, digits, spaces or _.:/=+-@ only.",
            )
    if not closed and (same := limits.same_tags(tags)):
        raw.problem("tags", same)
    if len(tags) > _TAGS:
        raw.problem("tags", f"has {len(tags)} tags, and AWS takes 50 with those that are added here; keep {_TAGS}.")
    return tags


def _cluster(
    raw: RawSettings,
    project: str,
    stack: str,
    region: str,
    secret_keys: Collection[str],
    today: date | None,
    cloud: str,
) -> ClusterSettings:
    mode = cast("Literal['create', 'existing']", raw.text("clusterMode", ("create", "existing")))
    if cloud == "none" and mode == "create":
        raw.problem(
            "clusterMode",
            "'create' makes a cluster in AWS, and cloud is none; set it to existing, and clusterContext to a context "
            "of your kubeconfig.",
        )
        mode = "existing"
    version = raw.text("clusterVersion")
    if mode == "create" and raw.sound("clusterVersion"):
        _check_version(raw, version, today)
    given = {key: raw.text(key) for key in ("clusterKubeconfig", "clusterContext", "clusterStack")}
    named = [key for key, value in given.items() if value]
    provider = _matching(raw, "clusterOidcProviderArn", _OIDC_PROVIDER, "the ARN of an IAM OIDC provider")
    if mode == "existing" and not named and raw.sound("clusterMode"):
        raw.problem(
            "clusterMode",
            f"'existing' needs to know which cluster; set {', '.join(list(given)[:-1])} or {list(given)[-1]}.",
        )
    if mode == "existing" and given["clusterStack"] and len(named) > 1:
        raw.problem("clusterStack", f"cannot be combined with {' and '.join(named[:-1])}; set one of them.")
    if mode == "create":
        for key in named + (["clusterOidcProviderArn"] if provider else []):
            raw.problem(key, "is only for an existing cluster; set clusterMode to existing, or remove it.")
    content = given["clusterKubeconfig"]
    if "\n" in content or content.startswith("{"):
        check_encrypted(raw, project, stack, "clusterKubeconfig", secret_keys)
    if cloud != "none" and (fault := limits.name_fault(project, stack)):
        raw.problems.append(fault)
    elif mode == "create":
        _check_stack_name(raw, project, stack)
    retention = raw.text("clusterLogRetentionDays", _RETENTION_DAYS)
    return ClusterSettings(
        mode=mode,
        name=_cluster_name(raw, f"{project}-{stack}"),
        version=version,
        kubeconfig=Secret(content) if content else None,
        context=given["clusterContext"] or None,
        stack=given["clusterStack"] or None,
        oidc_provider_arn=provider,
        public_access_cidrs=public_cidrs(raw),
        log_retention_days=int(retention) if raw.sound("clusterLogRetentionDays") else 1,
        access=read_access(raw, stack, region),
        network_policy=raw.boolean("clusterNetworkPolicy"),
        pod_access=read_pod_access(raw, creates=mode == "create"),
    )


def _check_stack_name(raw: RawSettings, project: str, stack: str) -> None:
    longest = iam.longest_stack_name(project)
    if len(stack) > longest:
        raw.problems.append(
            f"The stack's name {stack!r} has {len(stack)} characters, and the role that is named after it would be too "
            f"long for IAM; use at most {longest}."
        )


def _cluster_name(raw: RawSettings, default: str) -> str:
    name = _matching(raw, "clusterName", _CLUSTER_NAME, "a cluster name") or default
    if raw.sound("clusterName") and not _CLUSTER_NAME.fullmatch(name):
        raw.problem("clusterName", f"is not set, and EKS allows no dot as in {name}; set it.")
    return name


def _check_version(raw: RawSettings, version: str, today: date | None) -> None:
    supported = versions.in_standard_support(today) if today else sorted(versions.KUBERNETES)
    if version in supported:
        return
    if version in versions.KUBERNETES:
        ended = versions.KUBERNETES[version].standard_support_ends
        fault = f"{version} is out of standard support since {ended}, and EKS upgrades such clusters by itself"
    else:
        fault = f"{version!r} is not a Kubernetes version whose add-ons this project knows"
    raw.problem("clusterVersion", f"{fault}; choose {' or '.join(supported) or 'a newer release of this project'}.")


def _kubeflow(raw: RawSettings, cluster: ClusterSettings) -> KubeflowSettings:
    release = _required(raw, "kubeflowRelease", _RELEASE, "a release")
    lowest = versions.KUBEFLOW_MINIMUM_KUBERNETES.get(release)
    if (
        lowest is not None
        and cluster.mode == "create"
        and raw.sound("clusterVersion")
        and versions.minor(cluster.version) < versions.minor(lowest)
    ):
        raw.problem(
            "kubeflowRelease", f"{release} needs Kubernetes {lowest} or newer, and clusterVersion is {cluster.version}."
        )
    artifacts = raw.text("kubeflowArtifacts", ("release", "s3"))
    if artifacts == "s3" and not cluster.reaches_aws:
        raw.problem(
            "kubeflowArtifacts",
            "'s3' needs roles for service accounts, so the cluster's IAM OIDC provider; set clusterOidcProviderArn, or "
            "podAccess to pod-identity.",
        )
    namespaces = raw.texts("kubeflowProfileNamespaces")
    profiles = release not in versions.PIPELINES_ALONE
    if artifacts == "s3" and profiles and raw.sound("kubeflowProfileNamespaces") and not namespaces:
        raw.problem("kubeflowProfileNamespaces", "is empty, and artifacts in S3 need a profile to be for; name one.")
    for namespace in sorted(name for name, count in Counter(namespaces).items() if count > 1):
        raw.problem("kubeflowProfileNamespaces", f"names {namespace!r} twice; keep one.")
    for namespace in namespaces:
        if not _NAMESPACE.fullmatch(namespace):
            raw.problem(
                "kubeflowProfileNamespaces",
                f"{namespace!r} is not a namespace; use lower-case letters, digits and dashes.",
            )
    components = raw.texts("kubeflowComponents")
    if not all(components):
        raw.problem("kubeflowComponents", "names no folder in one of its places; write one, or remove it.")
    return KubeflowSettings(
        release=release,
        release_before=_matching(raw, "kubeflowReleaseBefore", _RELEASE, "a release"),
        path=raw.text("kubeflowPath") or None,
        components=components,
        build=raw.texts("kubeflowBuild", ALLOWED),
        artifacts=cast("Literal['release', 's3']", artifacts),
        edges=tuple(
            Edge(source=edge["from"], target=edge["to"]) for edge in raw.objects("kubeflowEdges", ("from", "to"))
        ),
        conflicts=cast("Literal['ours', 'told']", raw.text("kubeflowConflicts", ("ours", "told"))),
        profile_namespaces=namespaces,
        parts=raw.texts("kubeflowParts"),
        existing=_existing(raw, cluster),
        also=read_also(raw),
    )


def _existing(raw: RawSettings, cluster: ClusterSettings) -> tuple[str, ...]:
    """The parts that a cluster has; one that is to be made has none."""
    names = raw.texts("kubeflowExisting")
    if names and cluster.mode == "create":
        raw.problem("kubeflowExisting", "is only for an existing cluster; set clusterMode to existing, or remove it.")
    return names


def _matching(raw: RawSettings, key: str, pattern: re.Pattern[str], what: str) -> str | None:
    value = raw.text(key)
    if value and not pattern.fullmatch(value):
        raw.problem(key, f"{value!r} is not {what}.")
    return value or None


def _required(raw: RawSettings, key: str, pattern: re.Pattern[str], what: str) -> str:
    value = _matching(raw, key, pattern, what) or ""
    if not value and raw.sound(key):
        raw.problem(key, f"is empty; write {what}, or remove the line to use the default.")
    return value
