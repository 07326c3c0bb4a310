"""The program, top to bottom: network, cluster, registry, storage, identity, Kubeflow, outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra import inputs, options, versions
from infra.aws import apis
from infra.aws.address import LOGS
from infra.aws.budget import Budget, BudgetArgs
from infra.aws.cluster import Cluster, ClusterAccess, ClusterArgs
from infra.aws.database import Database, DatabaseArgs
from infra.aws.existing import ExistingClusterArgs, existing_cluster
from infra.aws.files import Files, FilesArgs
from infra.aws.identity import Identity, IdentityArgs, runners
from infra.aws.network import Network, NetworkArgs
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.sagemaker import SageMaker, SageMakerArgs
from infra.aws.storage import BalancerLogs, Storage, StorageArgs
from infra.components import Components
from infra.inputs import Inputs
from infra.kubeflow import autoscaler, prometheus
from infra.kubeflow.address import external_url
from infra.kubeflow.dashboard import entry, service
from infra.kubeflow.earlier import Earlier
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.install import KubeflowArgs, install
from infra.login import login_of, logout_url, token_issuer
from infra.outputs import Outputs
from infra.settings.groups import described
from ordering.check import told
from ordering.errors import UserError

_NONE = Earlier()


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
    for notice in (*given.notices, *given.pod_access, *filter(None, [given.uncopied])):
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
                services=apis.services(stack),
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
                associated=not given.leaving_pod_identity,
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
                    least_gib=given.kept.database_gib,
                    parameters=given.database_parameters,
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
                associated=not given.leaving_pod_identity,
            ),
        )

    own = _own_account(given, given.caller.account, access, cluster) if given.caller else None
    pool = options.user_pool(stack, given.caller.account) if stack.login.kind == "cognito" and given.caller else None
    tokens = token_issuer(stack, given.tokens, access)
    roles = own.identity.runner_role_arns if own else {}
    annotated = own.identity.annotated if own else {}
    artifacts = options.artifacts(stack, own.storage.bucket, annotated) if own else None
    filled = release.filled(
        generated.credentials,
        artifacts,
        annotated,
        generated.checksum,
        login=login_of(stack, given.issuer, pool),
        tokens=tokens,
        database=options.managed(database, generated) if database else None,
    )
    paging = options.paging(given, access)
    if paging:
        arns = paging.topic_arn, paging.annotated
        filled = prometheus.use_topic(filled, *arns, region=stack.region, join=pulumi.Output.format)
    sealed = options.images(given, cluster) if cluster and given.seal else None
    scaler = options.autoscaler(given, access) if cluster and autoscaler.is_wanted(stack) else None
    install(
        stack.name,
        KubeflowArgs(
            graph=release.graph,
            replacements=options.with_pod_access(stack, filled, scaler, paging),
            provider=access.provider,
            needs=[
                *(part.ready for part in (cluster, files) if part),
                *(ready for part in (sealed, scaler, paging, own and own.identity) if part for ready in part.ready),
            ],
            protect=stack.protect,
            forced=forced,
            earlier=earlier,
        ),
    )
    address = options.address(stack, network, cluster, own.storage) if own and network and cluster else None
    firewall = options.firewall(stack, address)
    seen = options.monitoring(given, cluster, address) if cluster and stack.monitoring.kind == "cloudwatch" else None
    backup = options.backup(given) if stack.backup_days else None
    given.extensions.add(
        stack,
        Components(
            network=network,
            cluster=cluster,
            access=access,
            files=files,
            images=sealed,
            address=address,
            firewall=firewall,
            database=database,
            backup=backup,
            monitoring=seen or paging,
            registry=own.registry if own else None,
            storage=own.storage if own else None,
            identity=own.identity if own else None,
            sagemaker=own.sagemaker if own else None,
        ),
    )
    return Outputs(
        cluster_name=stack.cluster.name,
        kubeconfig=access.kubeconfig,
        oidc_provider_arn=access.oidc_provider_arn,
        vpc_id=network.vpc_id if network else None,
        bucket=own.storage.bucket if own else None,
        repository_url=own.registry.repository_url if own else None,
        pipelines_image=stack.pipelines.image,
        runner_role_arns=roles,
        node_pools=described(stack.nodes, stack.pools) if cluster else None,
        sagemaker_role_arns=own.sagemaker.role_arns if own and own.sagemaker else {},
        pod_access=stack.cluster.pod_access if own else None,
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
            administrator=options.administrator(stack, cluster.name) if cluster else None,
            pods=access.pods,
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
