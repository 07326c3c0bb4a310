"""The program, top to bottom: network, cluster, registry, storage, identity, Kubeflow, outputs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pulumi

from infra import inputs, versions
from infra.aws.address import LOGS, Address, AddressArgs
from infra.aws.autoscaler import Autoscaler, AutoscalerArgs
from infra.aws.backup import Backup, BackupArgs
from infra.aws.budget import Budget, BudgetArgs
from infra.aws.cluster import Cluster, ClusterAccess, ClusterArgs
from infra.aws.database import Database, DatabaseArgs
from infra.aws.existing import ExistingClusterArgs, existing_cluster
from infra.aws.files import Files, FilesArgs
from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.images import Images, ImagesArgs
from infra.aws.monitoring import Monitoring, MonitoringArgs
from infra.aws.network import Network, NetworkArgs
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.sagemaker import SageMaker, SageMakerArgs
from infra.aws.storage import BalancerLogs, Storage, StorageArgs
from infra.aws.user_pool import UserPool, UserPoolArgs
from infra.components import Components
from infra.inputs import Inputs
from infra.kubeflow import autoscaler
from infra.kubeflow.address import CALLBACK, HEALTH_PATH, HEALTH_PORT, PORT, external_url
from infra.kubeflow.dashboard import entry, service
from infra.kubeflow.database import ManagedDatabase
from infra.kubeflow.earlier import Earlier
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.install import KubeflowArgs, install
from infra.kubeflow.s3 import PLATFORM_ACCOUNTS, ArtifactStore
from infra.kubeflow.sealed import pulled
from infra.login import login_of, login_url, logout_url, token_issuer
from infra.settings import Settings
from infra.settings.groups import described
from ordering.check import told
from ordering.errors import UserError

_NONE = Earlier()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the stack exports, by these names; None for what a stack on an existing cluster, or without a cloud, lacks.

    `pipelines_image` is the image that was set for pipelines' steps, if any. `dashboard_logout` is where a browser ends
    its session with the company's issuer, too, and `token_issuer` whose tokens programs may bring. `node_pools` say of
    each what pods must know to run there (`infra.settings.groups.described`). `address` is where people open the
    platform, and `address_records` are the records that somebody has to make for it, in words. `sagemaker_role_arns`
    are the roles of SageMaker jobs, by namespace.
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
    sagemaker_role_arns: Mapping[str, pulumi.Output[str]]
    region: str | None
    dashboard_user: str
    dashboard_password: pulumi.Output[str] | None
    dashboard_logout: pulumi.Input[str] | None
    token_issuer: pulumi.Input[str] | None
    kubeflow_release: str
    dashboard: str
    dashboard_service: str | None
    address: str | None
    address_records: Sequence[pulumi.Output[str]]

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
        if given.uncopied and not pulumi.runtime.is_dry_run():
            raise UserError(given.uncopied)
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
    for notice in (*given.notices, *filter(None, [given.uncopied])):
        pulumi.warn(notice)
    given.extensions.register()

    on_destroy, forced = stack.storage.on_destroy, stack.kubeflow.conflicts == "ours"
    network = cluster = files = database = None
    generated = GeneratedCredentials(stack.name, stack.dashboard, database=stack.database is not None)
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
                    password=generated.database["database_password"],
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
    pool = _user_pool(stack, given.caller.account) if stack.login.kind == "cognito" and given.caller else None
    tokens = token_issuer(stack, given.tokens, access)
    roles = own.identity.runner_role_arns if own else {}
    artifacts = _artifacts(stack, own.storage.bucket, roles) if own else None
    filled = release.filled(
        generated.credentials,
        artifacts,
        roles,
        generated.checksum,
        login=login_of(stack, given.issuer, pool),
        tokens=tokens,
        database=_managed(database, generated) if database else None,
    )
    sealed = _images(given, cluster) if cluster and given.seal else None
    scaler = _autoscaler(given, access) if cluster and autoscaler.is_wanted(stack) else None
    install(
        stack.name,
        KubeflowArgs(
            graph=release.graph,
            replacements=autoscaler.use_role(filled, scaler.role_arn) if scaler else filled,
            provider=access.provider,
            needs=[*(part.ready for part in (cluster, files) if part), *(sealed.ready if sealed else ())],
            protect=stack.protect,
            forced=forced,
            earlier=earlier,
        ),
    )
    address = _address(stack, network, cluster, own.storage) if own and network and cluster else None
    seen = _monitoring(given, cluster, address) if cluster and stack.monitoring.kind == "cloudwatch" else None
    backup = _backup(given) if stack.backup_days else None
    given.extensions.add(
        stack,
        Components(
            network=network,
            cluster=cluster,
            access=access,
            files=files,
            images=sealed,
            address=address,
            database=database,
            backup=backup,
            monitoring=seen,
            registry=own.registry if own else None,
            storage=own.storage if own else None,
            identity=own.identity if own else None,
            sagemaker=own.sagemaker if own else None,
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
        sagemaker_role_arns=own.sagemaker.role_arns if own and own.sagemaker else {},
        region=stack.region or None,
        dashboard_user=stack.dashboard.user,
        dashboard_password=stack.dashboard.password.output() if stack.login.kind == "release" else None,
        dashboard_logout=logout_url(stack, given.issuer, pool),
        token_issuer=tokens.url if tokens else None,
        kubeflow_release=release.source.name,
        dashboard_service="/".join(found[:2]) if (found := service(release.objects)) else None,
        dashboard=entry(
            release.objects, emulated=stack.emulated, context=stack.cluster.context, url=external_url(stack)
        ),
        address=external_url(stack),
        address_records=address.records if address else [],
    )


@dataclass(frozen=True, kw_only=True)
class _OwnAccount:
    """What a stack has in AWS beside a cluster."""

    registry: Registry
    storage: Storage
    identity: Identity
    sagemaker: SageMaker | None


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
    storage = Storage(
        stack.name,
        StorageArgs(
            on_destroy=on_destroy,
            kept=given.kept.bucket,
            logs=BalancerLogs(account=account, prefix=LOGS) if stack.address else None,
            tags=tags,
        ),
        kept,
    )
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
    if stack.budget:
        Budget(stack.name, BudgetArgs(budget=stack.budget, stack=stack.stack, tags=tags))
    sagemaker = None
    if stack.sagemaker:
        sagemaker = SageMaker(
            stack.name,
            SageMakerArgs(
                region=stack.region,
                account=account,
                runners=runners(stack.kubeflow.profile_namespaces),
                runner_role_arns=identity.runner_role_arns,
                bucket_arn=storage.bucket_arn,
                repository_arn=registry.repository_arn,
                tags=tags,
            ),
        )
    return _OwnAccount(registry=registry, storage=storage, identity=identity, sagemaker=sagemaker)


def _address(stack: Settings, network: Network, cluster: Cluster, storage: Storage) -> Address | None:
    """Where people open the platform, if it is to have an address."""
    if stack.address is None:
        return None
    return Address(
        stack.name,
        AddressArgs(
            address=stack.address,
            network=network,
            cluster=cluster,
            storage=storage,
            port=PORT,
            health_port=HEALTH_PORT,
            health_path=HEALTH_PATH,
            tags=stack.resource_tags,
        ),
    )


def _images(given: Inputs, cluster: Cluster) -> Images:
    stack = given.settings
    assert given.seal, "images come from a registry"
    assert given.caller, "a registry is in an account"
    copies = given.seal.copies(pulled(given.release.objects))
    return Images(
        stack.name,
        ImagesArgs(
            prefix=given.seal.prefix,
            secrets=stack.images.secrets,
            cached=given.seal.cached,
            # Those of other releases stay: somebody may go back.
            copied=sorted({*given.kept.images, *(one.repository for one in copies)}),
            cluster=cluster,
            region=stack.region,
            account=given.caller.account,
            on_destroy=stack.storage.on_destroy,
            kept=given.kept.images,
            protect=stack.protect,
            tags=stack.resource_tags,
        ),
    )


def _monitoring(given: Inputs, cluster: Cluster, address: Address | None) -> Monitoring:
    stack = given.settings
    assert given.caller, "a cluster of the stack's own is in an account"
    return Monitoring(
        stack.name,
        MonitoringArgs(
            cluster=cluster,
            cluster_name=stack.cluster.name,
            region=stack.region,
            account=given.caller.account,
            build=versions.KUBERNETES[stack.cluster.version].addons.cloudwatch,
            retention_days=stack.cluster.log_retention_days,
            email=stack.monitoring.email,
            certificate_arn=address.certificate_arn if address else None,
            tags=stack.resource_tags,
        ),
    )


def _backup(given: Inputs) -> Backup:
    stack = given.settings
    return Backup(
        stack.name,
        BackupArgs(
            project=stack.project,
            stack=stack.stack,
            region=stack.region,
            days=stack.backup_days,
            files=stack.files == "efs",
            database=stack.database is not None,
            on_destroy=stack.storage.on_destroy,
            kept=given.kept.vault,
            protect=stack.protect,
            tags=stack.resource_tags,
        ),
    )


def _autoscaler(given: Inputs, access: ClusterAccess) -> Autoscaler:
    stack = given.settings
    assert given.caller, "a cluster of the stack's own is in an account"
    assert access.issuer, "a cluster of the stack's own has an issuer"
    return Autoscaler(
        stack.name,
        AutoscalerArgs(
            cluster_name=stack.cluster.name,
            region=stack.region,
            account=given.caller.account,
            issuer=access.issuer,
            namespace=autoscaler.NAMESPACE,
            service_account=autoscaler.ACCOUNT,
            tags=stack.resource_tags,
        ),
    )


def _managed(database: Database, generated: GeneratedCredentials) -> ManagedDatabase:
    """The database as its users are told of it."""
    return ManagedDatabase(
        host=database.host,
        admin_password=generated.database["database_password"],
        cache_password=generated.database["cache_password"],
        metadata_password=generated.database["metadata_password"],
    )


def _administrator(stack: Settings, cluster_name: pulumi.Output[str]) -> AdministratorArgs | None:
    """The role that administers the stack's own cluster, if anybody may take it."""
    access = stack.cluster.access
    if not access.role_principals:
        return None
    return AdministratorArgs(
        role_name=f"{access.role}-{stack.stack}", cluster_name=cluster_name, principals=access.role_principals
    )


def _user_pool(stack: Settings, account: str) -> UserPool:
    """The people who may sign in; the owner of the first profile is one of them."""
    url = login_url(stack)
    return UserPool(
        stack.name,
        UserPoolArgs(
            prefix=re.sub(r"[^a-z0-9]+", "-", f"{stack.name}-{account}".lower()),
            region=stack.region,
            users=tuple(dict.fromkeys((stack.dashboard.user, *stack.login.users))),
            groups=stack.login.groups,
            callback=f"{url}{CALLBACK}",
            home=f"{url}/",
            protect=stack.protect,
            tags=stack.resource_tags,
        ),
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
