"""The program, top to bottom: network, cluster, registry, storage, identity, Kubeflow, outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pulumi

from infra import inputs, versions
from infra.aws.cluster import Cluster, ClusterArgs
from infra.aws.existing import ExistingClusterArgs, existing_cluster
from infra.aws.files import Files, FilesArgs
from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.network import Network, NetworkArgs
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.storage import Storage, StorageArgs
from infra.components import Components
from infra.inputs import Inputs
from infra.kubeflow.dashboard import entry
from infra.kubeflow.earlier import Earlier
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.install import KubeflowArgs, install
from infra.kubeflow.s3 import PLATFORM_ACCOUNTS, ArtifactStore
from infra.settings import Settings
from ordering.errors import UserError

_NONE = Earlier()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What the stack exports, by these names; None for what a stack on an existing cluster does not have."""

    cluster_name: str
    kubeconfig: pulumi.Output[str] | None
    oidc_provider_arn: pulumi.Input[str] | None
    vpc_id: pulumi.Output[str] | None
    bucket: pulumi.Output[str]
    repository_url: pulumi.Output[str]
    runner_role_arns: Mapping[str, pulumi.Output[str]]
    region: str
    dashboard_user: str
    dashboard_password: pulumi.Output[str]
    kubeflow_release: str
    dashboard: str

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
    if given.kept.unknown:
        pulumi.warn(f"AWS does not say whether an earlier run kept {', '.join(given.kept.unknown)}.")
    given.extensions.register()
    kept = pulumi.ResourceOptions(protect=stack.protect)

    on_destroy, forced = stack.storage.on_destroy, stack.kubeflow.conflicts == "ours"
    network = cluster = files = None
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
                region=stack.region,
                vpc_id=network.vpc_id,
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
    else:
        existing = ExistingClusterArgs(cluster=stack.cluster, kubeconfig=given.kubeconfig, forced=forced)
        access = existing_cluster(stack.name, existing)

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
            account=given.caller.account,
            administrator=_administrator(stack, cluster.name) if cluster else None,
            issuer=access.issuer,
            runners=runners(stack.kubeflow.profile_namespaces),
            bucket_arn=storage.bucket_arn,
            repository_arn=registry.repository_arn,
            tags=tags,
        ),
    )
    login = GeneratedCredentials(stack.name, stack.dashboard)
    artifacts = _artifacts(stack, storage.bucket, identity.runner_role_arns)
    install(
        stack.name,
        KubeflowArgs(
            graph=release.graph,
            replacements=release.filled(login.credentials, artifacts, identity.runner_role_arns, login.checksum),
            provider=access.provider,
            needs=[part.ready for part in (cluster, files) if part],
            forced=forced,
            protect=stack.protect,
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
            registry=registry,
            storage=storage,
            identity=identity,
        ),
    )
    return Outputs(
        cluster_name=stack.cluster.name,
        kubeconfig=access.kubeconfig,
        oidc_provider_arn=access.issuer.provider_arn if access.issuer else None,
        vpc_id=network.vpc_id if network else None,
        bucket=storage.bucket,
        repository_url=registry.repository_url,
        runner_role_arns=identity.runner_role_arns,
        region=stack.region,
        dashboard_user=stack.dashboard.user,
        dashboard_password=stack.dashboard.password.output(),
        kubeflow_release=release.source.name,
        dashboard=entry(release.objects, emulated=stack.emulated),
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
