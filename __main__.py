"""The stack, top to bottom: inputs, network, cluster, registry, storage, identity, Kubeflow, outputs."""

from pathlib import Path

import pulumi

from infra import inputs
from infra.aws import iam
from infra.aws.cluster import Cluster, ClusterArgs, ExistingClusterArgs, existing_cluster
from infra.aws.identity import AdministratorArgs, Identity, IdentityArgs, runners
from infra.aws.network import Network, NetworkArgs
from infra.aws.registry import Registry, RegistryArgs
from infra.aws.storage import Storage, StorageArgs
from infra.errors import UserError
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.install import KubeflowArgs, install
from infra.kubeflow.s3 import PLATFORM_ACCOUNTS, ArtifactStore

try:
    given = inputs.read(Path(__file__).resolve().parent)
except UserError as error:
    raise pulumi.RunError(str(error)) from None

stack, release, tags = given.settings, given.release, given.settings.resource_tags
kept = pulumi.ResourceOptions(protect=stack.protect)
pulumi.info(release.source.note)

network = cluster = administrator = None
if stack.cluster.mode == "create":
    network = Network(
        stack.name,
        NetworkArgs(
            cidr=stack.network.cidr,
            zones=stack.network.zones,
            nat=stack.network.nat,
            region=stack.region,
            cluster_name=stack.cluster.name,
            tags=tags,
        ),
        kept,
    )
    cluster = Cluster(
        stack.name,
        ClusterArgs(
            cluster_name=stack.cluster.name,
            version=stack.cluster.version,
            region=stack.region,
            vpc_id=network.vpc_id,
            private_subnet_ids=network.private_subnet_ids,
            public_access_cidrs=stack.cluster.public_access_cidrs,
            log_retention_days=stack.cluster.log_retention_days,
            administrators=stack.cluster.administrators,
            instance_type=stack.nodes.instance_type,
            nodes_min=stack.nodes.minimum,
            nodes_desired=stack.nodes.desired,
            nodes_max=stack.nodes.maximum,
            disk_gib=stack.nodes.disk_gib,
            tags=tags,
        ),
        kept,
    )
    administrator = AdministratorArgs(
        role_name=f"{stack.cluster.administrator_role}-{stack.stack}",
        cluster_name=cluster.name,
        principals=(iam.account_root(stack.region, given.caller.account),),
    )
    access = cluster.access
else:
    access = existing_cluster(
        stack.name,
        ExistingClusterArgs(
            kubeconfig=given.kubeconfig,
            context=stack.cluster.context,
            stack=stack.cluster.stack,
            oidc_provider_arn=stack.cluster.oidc_provider_arn,
        ),
    )

registry = Registry(
    stack.name,
    RegistryArgs(repository=stack.registry.repository, on_destroy=stack.storage.on_destroy, tags=tags),
    kept,
)
storage = Storage(stack.name, StorageArgs(on_destroy=stack.storage.on_destroy, tags=tags), kept)
identity = Identity(
    stack.name,
    IdentityArgs(
        region=stack.region,
        account=given.caller.account,
        administrator=administrator,
        issuer=access.issuer,
        runners=runners(stack.kubeflow.profile_namespaces),
        bucket_arn=storage.bucket_arn,
        repository_arn=registry.repository_arn,
        tags=tags,
    ),
)
artifacts = (
    ArtifactStore(
        bucket=storage.bucket,
        region=stack.region,
        platform_roles={name: identity.runner_role_arns[f"kubeflow/{name}"] for name in PLATFORM_ACCOUNTS},
        profile_role=identity.runner_role_arns[f"{stack.kubeflow.profile_namespaces[0]}/default-editor"],
    )
    if stack.kubeflow.artifacts == "s3"
    else None
)
login = GeneratedCredentials(stack.name, stack.dashboard.user, stack.dashboard.password.reveal())
install(
    stack.name,
    KubeflowArgs(
        graph=release.graph,
        replacements=release.filled(login.credentials, artifacts),
        provider=access.provider,
        needs=[cluster.ready] if cluster else [],
    ),
)

pulumi.export("cluster_name", stack.cluster.name)
pulumi.export("kubeconfig", access.kubeconfig)
pulumi.export("oidc_provider_arn", access.issuer.provider_arn if access.issuer else None)
pulumi.export("vpc_id", network.vpc_id if network else None)
pulumi.export("bucket", storage.bucket)
pulumi.export("repository_url", registry.repository_url)
pulumi.export("runner_role_arns", identity.runner_role_arns)
pulumi.export("region", stack.region)
pulumi.export("dashboard_user", stack.dashboard.user)
pulumi.export("dashboard_password", stack.dashboard.password.output())
pulumi.export("kubeflow_release", release.source.name)
pulumi.export(
    "dashboard", "kubectl port-forward svc/istio-ingressgateway -n istio-system 8080:80, then http://localhost:8080"
)
