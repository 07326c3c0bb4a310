"""The program, top to bottom: network, cluster, registry, storage, identity, Kubeflow, outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pulumi

from infra import inputs, versions
from infra.aws.cluster import Cluster, ClusterAccess, ClusterArgs
from infra.aws.database import Database, DatabaseArgs
from infra.aws.existing import ExistingClusterArgs, existing_cluster
from infra.aws.files import Files, FilesArgs
from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.network import Network, NetworkArgs
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.storage import Storage, StorageArgs
from infra.components import Components
from infra.inputs import Inputs
from infra.kubeflow.dashboard import entry, service
from infra.kubeflow.database import ManagedDatabase
from infra.kubeflow.earlier import Earlier
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.install import KubeflowArgs, install
from infra.kubeflow.s3 import PLATFORM_ACCOUNTS, ArtifactStore
from infra.settings import Settings
from infra.settings.groups import described
from ordering.check import told
from ordering.errors import UserError

_NONE = Earlier()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the stack exports, by these names; None for what a stack on an existing cluster, or without a cloud, lacks.

    `pipelines_image` is the image that was set for pipelines' steps, if any. `node_pools` say of each what pods must
    know to run there (`infra.settings.groups.described`).
    """

    cluster_name: str
    kubeconfig: pulumi.Output[str] | None
    oidc_provider_arn: pulumi.Input[str] | None
    vpc_id: pulumi.Output[str] | None
    bucket: pulumi.Output[str] | None
    repository_url: pulumi.Output[str] | None
    pipelines_image: str | None
    runner_role_arns: Mapping[str, pulumi.Output[str]]
    node_pools: Mapping[str, Mapping[str, Any]] | None
    region: str | None
    dashboard_user: str
    dashboard_password: pulumi.Output[str]
    kubeflow_release: str
    dashboard: str
    dashboard_service: str | None

    def export(self) -> None:
        for field in fields(self):
            pulumi.export(field.name, getattr(self, field.name))


def run(root: Path, before: Callable[[Inputs], Earlier] = lambda _: _NONE) -> Inputs:
    """Reads the inputs, runs the program and exports its outputs; `root` is the folder of Pulumi.yaml.

    `before` sees the inputs before the first resource is registered, may refuse them with a UserError, and says what an
    earlier run has sent.

    Bad input becomes a RunError, of which the engine shows one sentence and no traceback.
    """
    try:
        given = inputs.read(root)
        earlier = before(given)
        if given.outside and pulumi.runtime.is_dry_run():
            pulumi.warn(given.outside)
        elif not given.may_change:
            raise UserError(given.outside)
        program(given, earlier).export()
    except UserError as error:
        raise pulumi.RunError(str(error)) from None
    return given


def program(given: Inputs, earlier: Earlier = _NONE) -> Outputs:
    """Registers every resource of the stack."""
    stack, release, tags = given.settings, given.release, given.settings.resource_tags
    pulumi.info(release.source.note)
    for line in told(release.findings):
        pulumi.warn(line)
    if given.kept.unknown:
        pulumi.warn(f"AWS does not say whether an earlier run kept {', '.join(given.kept.unknown)}.")
    for notice in given.notices:
        pulumi.warn(notice)
    given.extensions.register()

    on_destroy, forced = stack.storage.on_destroy, stack.kubeflow.conflicts == "ours"
    network = cluster = files = database = None
    login = GeneratedCredentials(stack.name, stack.dashboard, database=stack.database is not None)
    if stack.cluster.mode == "create":
        network = Network(
            stack.name,
            NetworkArgs(
                network=stack.network,
                region=stack.region,
                cluster_name=stack.cluster.name,
                protect=stack.protect,
                tags=tags,
            ),
        )
        cluster = Cluster(
            stack.name,
            ClusterArgs(
                cluster=stack.cluster,
                nodes=stack.nodes,
                pools=stack.pools,
                region=stack.region,
                vpc_id=network.vpc_id,
                zones=stack.network.zones,
                private_subnet_ids=network.private_subnet_ids,
                log_group=given.kept.log_group,
                let_in_already=given.let_in_already,
                forced=forced,
                protect=stack.protect,
                tags=tags,
            ),
        )
        access = cluster.access
        if stack.files == "efs":
            files = Files(
                stack.name,
                FilesArgs(
                    cluster=cluster,
                    vpc_id=network.vpc_id,
                    subnet_ids=network.private_subnet_ids,
                    region=stack.region,
                    driver=versions.KUBERNETES[stack.cluster.version].addons.efs_csi,
                    on_destroy=on_destroy,
                    kept=given.kept.file_system,
                    protect=stack.protect,
                    tags=tags,
                ),
            )
        if stack.database:
            database = Database(
                stack.name,
                DatabaseArgs(
                    database=stack.database,
                    vpc_id=network.vpc_id,
                    subnet_ids=network.private_subnet_ids,
                    group_id=cluster.security_group_id,
                    password=login.database["database_password"],
                    on_destroy=on_destroy,
                    kept=given.kept.snapshot,
                    last=given.kept.last_snapshot,
                    protect=stack.protect,
                    tags=tags,
                ),
            )
    else:
        access = existing_cluster(
            stack.name,
            ExistingClusterArgs(
                cluster=stack.cluster,
                kubeconfig=given.kubeconfig,
                with_roles=given.caller is not None,
                forced=forced,
            ),
        )

    own = _own_account(given, given.caller.account, access, cluster) if given.caller else None
    roles = own.identity.runner_role_arns if own else {}
    artifacts = _artifacts(stack, own.storage.bucket, roles) if own else None
    install(
        stack.name,
        KubeflowArgs(
            graph=release.graph,
            replacements=release.filled(
                login.credentials, artifacts, roles, login.checksum, _managed(database, login) if database else None
            ),
            provider=access.provider,
            needs=[part.ready for part in (cluster, files) if part],
            protect=stack.protect,
            forced=forced,
            earlier=earlier,
        ),
    )
    given.extensions.add(
        stack,
        Components(
            network=network,
            cluster=cluster,
            access=access,
            files=files,
            database=database,
            registry=own.registry if own else None,
            storage=own.storage if own else None,
            identity=own.identity if own else None,
        ),
    )
    return Outputs(
        cluster_name=stack.cluster.name,
        kubeconfig=access.kubeconfig,
        oidc_provider_arn=access.issuer.provider_arn if access.issuer else None,
        vpc_id=network.vpc_id if network else None,
        bucket=own.storage.bucket if own else None,
        repository_url=own.registry.repository_url if own else None,
        pipelines_image=stack.pipelines.image,
        runner_role_arns=roles,
        node_pools=described(stack.nodes, stack.pools) if cluster else None,
        region=stack.region or None,
        dashboard_user=stack.dashboard.user,
        dashboard_password=stack.dashboard.password.output(),
        kubeflow_release=release.source.name,
        dashboard_service="/".join(found[:2]) if (found := service(release.objects)) else None,
        dashboard=entry(release.objects, emulated=stack.emulated, context=stack.cluster.context),
    )


@dataclass(frozen=True, kw_only=True)
class _OwnAccount:
    """What a stack has in AWS beside a cluster."""

    registry: Registry
    storage: Storage
    identity: Identity


def _own_account(given: Inputs, account: str, access: ClusterAccess, cluster: Cluster | None) -> _OwnAccount:
    stack, tags, on_destroy = given.settings, given.settings.resource_tags, given.settings.storage.on_destroy
    kept = pulumi.ResourceOptions(protect=stack.protect)
    registry = Registry(
        stack.name,
        RegistryArgs(
            repository=stack.registry.repository, kept=given.kept.repository, on_destroy=on_destroy, tags=tags
        ),
        kept,
    )
    storage = Storage(stack.name, StorageArgs(on_destroy=on_destroy, kept=given.kept.bucket, tags=tags), kept)
    identity = Identity(
        stack.name,
        IdentityArgs(
            region=stack.region,
            account=account,
            administrator=_administrator(stack, cluster.name) if cluster else None,
            issuer=access.issuer,
            runners=runners(stack.kubeflow.profile_namespaces),
            bucket_arn=storage.bucket_arn,
            repository_arn=registry.repository_arn,
            tags=tags,
        ),
    )
    return _OwnAccount(registry=registry, storage=storage, identity=identity)


def _managed(database: Database, login: GeneratedCredentials) -> ManagedDatabase:
    """The database as its users are told of it."""
    return ManagedDatabase(
        host=database.host,
        admin_password=login.database["database_password"],
        cache_password=login.database["cache_password"],
        metadata_password=login.database["metadata_password"],
    )


def _administrator(stack: Settings, cluster_name: pulumi.Output[str]) -> AdministratorArgs | None:
    """The role that administers the stack's own cluster, if anybody may take it."""
    access = stack.cluster.access
    if not access.role_principals:
        return None
    return AdministratorArgs(
        role_name=f"{access.role}-{stack.stack}", cluster_name=cluster_name, principals=access.role_principals
    )


def _artifacts(
    stack: Settings, bucket: pulumi.Output[str], runner_role_arns: Mapping[str, pulumi.Output[str]]
) -> ArtifactStore | None:
    """The stack's bucket as the place for artifacts, or None where they stay in the release's own object store."""
    if stack.kubeflow.artifacts != "s3":
        return None
    return ArtifactStore(
        bucket=bucket,
        region=stack.region,
        platform_roles={name: runner_role_arns[f"kubeflow/{name}"] for name in PLATFORM_ACCOUNTS},
    )
