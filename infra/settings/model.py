"""The settings of a stack as values: frozen, typed, without behaviour of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi

from infra.settings.address import AddressSettings
from infra.settings.also import Also
from infra.settings.budget import BudgetSettings
from infra.settings.images import ImageSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.notebooks import NotebookSettings
from infra.settings.pod_access import PodAccess


@dataclass(frozen=True, repr=False)
class Secret:
    """A value that shows up in no log, no error and no plain state."""

    _value: str

    def __repr__(self) -> str:
        return "Secret(…)"

    def reveal(self) -> str:
        """The plain value, for what cannot work on an output (a bcrypt hash, a file to read)."""
        return self._value

    def output(self) -> pulumi.Output[str]:
        """The value as a resource may take it: encrypted in the state."""
        return pulumi.Output.secret(self._value)


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The VPC; unused when the cluster exists already."""

    cidr: IPv4Network
    zones: tuple[str, ...]
    nat: Literal["single", "per-zone", "none"]

    @property
    def gateway_zones(self) -> tuple[str, ...]:
        """The zones with a NAT gateway; without any, nodes and pods reach AWS's APIs and nothing else."""
        return {"none": (), "single": self.zones[:1], "per-zone": self.zones}[self.nat]


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who gets into the cluster to create, beside whoever creates it; all are ARNs.

    The administrator's role has the name `role` and the stack's name, and is there if `role_principals` may take it.
    """

    administrators: tuple[str, ...]
    viewers: tuple[str, ...]
    role: str
    role_principals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """The cluster to create, or where to find the one that exists.

    `kubeconfig` is a path or the content of a file; `context` is a context in it (or in kubectl's default file);
    `stack` is another stack whose outputs `kubeconfig` and `oidc_provider_arn` are used. `pod_access` is how service
    accounts get at AWS: by the OIDC provider, by EKS Pod Identity, or all of them as the node they are on.
    """

    mode: Literal["create", "existing"]
    name: str
    version: str
    kubeconfig: Secret | None
    context: str | None
    stack: str | None
    oidc_provider_arn: str | None
    public_access_cidrs: tuple[str, ...]
    log_retention_days: int
    access: AccessSettings
    network_policy: bool
    pod_access: PodAccess

    @property
    def has_roles(self) -> bool:
        """Whether service accounts can have roles of their own in AWS."""
        if self.pod_access == "node":
            return False
        return self.mode == "create" or self.pod_access == "pod-identity" or bool(self.stack or self.oidc_provider_arn)

    @property
    def reaches_aws(self) -> bool:
        """Whether pods can get at AWS at all, be it by a role of their own or by their node's."""
        return self.has_roles or self.pod_access == "node"


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """The base group, which the platform itself runs on; the disk in GiB.

    For all nodes: `gpu_shares` pods share a GPU, and `autoscaling` says what adds and removes nodes between minimum and
    maximum.
    """

    instance_type: str
    min: int
    desired: int
    max: int
    disk_gib: int
    gpu_shares: int
    autoscaling: Literal["none", "cluster-autoscaler"]


@dataclass(frozen=True, kw_only=True)
class Taint:
    """What keeps pods off a node, in Kubernetes' words."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Nodes beside the base group, with instance types of one architecture; the disk in GiB.

    With a `min` of less than its zones, and than its `max`, each zone has a group of its own, which may grow to `max`.
    """

    name: str
    instance_types: tuple[str, ...]
    capacity: Literal["on-demand", "spot"]
    min: int
    desired: int
    max: int
    zones: tuple[str, ...]
    disk_gib: int
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]


@dataclass(frozen=True, kw_only=True)
class RegistrySettings:
    """The ECR repository: an exact name, or None for a generated one."""

    repository: str | None


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """What becomes of the bucket and the images on destroy."""

    on_destroy: Literal["keep", "empty"]


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """The managed database; `snapshot` is what it starts from, `backup_days` how long its own backups are kept."""

    instance_class: str
    storage_gib: int
    multi_az: bool
    backup_days: int
    snapshot: str | None


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A dependency that the manifests do not show: `source` needs `target` (apiVersion/kind/namespace/name)."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class KubeflowSettings:
    """The release to install, or a local folder with its kustomization, and the kustomize components over it.

    `build` is what kustomize may do on top. `parts` are what is wanted of it, all for none; `existing` are parts that
    the cluster has. `also` is what is sent besides, whichever parts are wanted.
    `conflicts` is what becomes of fields that somebody else has changed: `ours` takes them back, `told` refuses.
    `release_before` is what an upgrade has come from, or a rollback that has not ended; None for nothing to go back to.
    """

    release: str
    release_before: str | None
    path: str | None
    components: tuple[str, ...]
    build: tuple[str, ...]
    artifacts: Literal["release", "s3"]
    edges: tuple[Edge, ...]
    conflicts: Literal["ours", "told"]
    profile_namespaces: tuple[str, ...]
    parts: tuple[str, ...]
    existing: tuple[str, ...]
    also: tuple[Also, ...]


@dataclass(frozen=True, kw_only=True)
class PipelinesSettings:
    """The image that pipelines' steps run in, or its repository; None for the stack's own repository."""

    image: str | None


@dataclass(frozen=True, kw_only=True)
class LoginSettings:
    """Where people sign in: with the release's password, at the company's `issuer`, or in a Cognito user pool.

    `user_claim` and `groups_claim` are what a token calls the person and the person's groups. Whoever is of one of the
    `groups` and one of the `domains` may enter; none of either is no bound. `users` are Cognito's first ones, beside
    the owner of the first profile. `tokens` lets service accounts of the cluster in.
    """

    kind: Literal["release", "oidc", "cognito"]
    issuer: str
    client_id: str
    client_secret: Secret
    user_claim: str
    groups_claim: str
    groups: tuple[str, ...]
    domains: tuple[str, ...]
    users: tuple[str, ...]
    tokens: bool


@dataclass(frozen=True, kw_only=True)
class DashboardSettings:
    """Who owns the first profile; with the release's login, who signs in with the password."""

    user: str
    password: Secret


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a stack sets; `emulated` says that AWS is played on this machine.

    Without a cloud the cluster is an existing one, and what is AWS's alone (`region` among it) says nothing.
    `files` says what holds volumes that many pods write to (ReadWriteMany), `address` where people open the platform.
    `sagemaker` says that steps may start jobs there. Without a `database` the release brings its own. `backup_days` is
    how long a daily backup of volumes, files and database is kept, 0 for none.
    `budget` is what it may cost before somebody gets a mail.
    """

    project: str
    stack: str
    cloud: Literal["aws", "none"]
    region: str
    emulated: bool
    tags: Mapping[str, str]
    protect: bool
    network: NetworkSettings
    cluster: ClusterSettings
    nodes: NodeSettings
    pools: tuple[Pool, ...]
    images: ImageSettings
    registry: RegistrySettings
    storage: StorageSettings
    files: Literal["none", "efs"]
    address: AddressSettings | None
    monitoring: MonitoringSettings
    budget: BudgetSettings | None
    sagemaker: bool
    database: DatabaseSettings | None
    backup_days: int
    kubeflow: KubeflowSettings
    notebooks: NotebookSettings
    pipelines: PipelinesSettings
    login: LoginSettings
    dashboard: DashboardSettings

    @property
    def name(self) -> str:
        """The prefix of every resource's name; two stacks of one account never share it."""
        return f"{self.project}-{self.stack}"

    @property
    def resource_tags(self) -> dict[str, str]:
        """The stack's tags, and two that say where a resource comes from."""
        return {**self.tags, "pulumi:project": self.project, "pulumi:stack": self.stack}
