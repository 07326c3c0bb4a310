"""What each option adds to a stack, as its component or as what Kubeflow is told: from the inputs, for the program."""

import re
from collections.abc import Mapping

import pulumi

from infra import versions
from infra.aws.address import Address, AddressArgs
from infra.aws.autoscaler import Autoscaler, AutoscalerArgs
from infra.aws.backup import Backup, BackupArgs
from infra.aws.cluster import Cluster, ClusterAccess
from infra.aws.database import Database
from infra.aws.firewall import Firewall, FirewallArgs
from infra.aws.identity import AdministratorArgs
from infra.aws.images import Images, ImagesArgs
from infra.aws.monitoring import Monitoring, MonitoringArgs
from infra.aws.network import Network
from infra.aws.paging import Paging, PagingArgs
from infra.aws.storage import Storage
from infra.aws.user_pool import UserPool, UserPoolArgs
from infra.inputs import Inputs
from infra.kubeflow import prometheus
from infra.kubeflow.address import CALLBACK, HEALTH_PATH, HEALTH_PORT, PORT
from infra.kubeflow.autoscaler import ACCOUNT, NAMESPACE, use_role
from infra.kubeflow.database import ManagedDatabase
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.pod_access import use_access
from infra.kubeflow.s3 import PLATFORM_ACCOUNTS, ArtifactStore
from infra.kubeflow.sealed import pulled
from infra.login import login_url
from infra.settings import Settings
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest


def address(stack: Settings, network: Network, cluster: Cluster, storage: Storage) -> Address | None:
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


def firewall(stack: Settings, address: Address | None) -> Firewall | None:
    """What stands before the address, if anything is to."""
    if stack.address is None or not stack.address.waf or address is None:
        return None
    return Firewall(stack.name, FirewallArgs(balancer_arn=address.arn, tags=stack.resource_tags))


def images(given: Inputs, cluster: Cluster) -> Images:
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


def monitoring(given: Inputs, cluster: Cluster, address: Address | None) -> Monitoring:
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


def paging(given: Inputs, access: ClusterAccess) -> Paging | None:
    """How Prometheus' alarms reach a person, if they are to reach one."""
    stack = given.settings
    if not prometheus.is_wanted(stack) or stack.monitoring.email is None:
        return None
    assert access.pods, "settings want accounts that get at AWS"
    return Paging(
        stack.name,
        PagingArgs(
            cluster_name=stack.cluster.name,
            access=access.pods,
            namespace=prometheus.NAMESPACE,
            service_account=prometheus.ACCOUNT,
            email=stack.monitoring.email,
            tags=stack.resource_tags,
        ),
    )


def backup(given: Inputs) -> Backup:
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


def autoscaler(given: Inputs, access: ClusterAccess) -> Autoscaler:
    stack = given.settings
    assert given.caller, "a cluster of the stack's own is in an account"
    assert access.pods, "the pods of a cluster of the stack's own get at AWS"
    return Autoscaler(
        stack.name,
        AutoscalerArgs(
            cluster_name=stack.cluster.name,
            region=stack.region,
            account=given.caller.account,
            pods=access.pods,
            namespace=NAMESPACE,
            service_account=ACCOUNT,
            tags=stack.resource_tags,
        ),
    )


def with_pod_access(
    stack: Settings, objects: Mapping[ObjectId, Manifest], scaler: Autoscaler | None, paging: Paging | None
) -> dict[ObjectId, Manifest]:
    """The objects, the pods of accounts that get at AWS such as they have to be for the way they do."""
    accounts = {
        *(f"kubeflow/{name}" for name in PLATFORM_ACCOUNTS),
        *([f"{NAMESPACE}/{ACCOUNT}"] if scaler else []),
        *([f"{prometheus.NAMESPACE}/{prometheus.ACCOUNT}"] if paging else []),
    }
    found = use_access(objects, stack.cluster.pod_access, accounts)
    return use_role(found, scaler.role_arn) if scaler and scaler.role_arn else found


def managed(database: Database, generated: GeneratedCredentials) -> ManagedDatabase:
    """The database as its users are told of it."""
    return ManagedDatabase(
        host=database.host,
        admin_password=generated.database["database_password"],
        cache_password=generated.database["cache_password"],
        metadata_password=generated.database["metadata_password"],
    )


def administrator(stack: Settings, cluster_name: pulumi.Output[str]) -> AdministratorArgs | None:
    """The role that administers the stack's own cluster, if anybody may take it."""
    access = stack.cluster.access
    if not access.role_principals:
        return None
    return AdministratorArgs(
        role_name=f"{access.role}-{stack.stack}", cluster_name=cluster_name, principals=access.role_principals
    )


def user_pool(stack: Settings, account: str) -> UserPool:
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


def artifacts(
    stack: Settings, bucket: pulumi.Output[str], annotated: Mapping[str, pulumi.Output[str]]
) -> ArtifactStore | None:
    """The stack's bucket as the place for artifacts, or None where they stay in the release's own object store.

    `annotated` are roles that accounts have to name, by `NAMESPACE/SERVICE ACCOUNT`.
    """
    if stack.kubeflow.artifacts != "s3":
        return None
    return ArtifactStore(
        bucket=bucket,
        region=stack.region,
        platform_roles={
            name: annotated[f"kubeflow/{name}"] for name in PLATFORM_ACCOUNTS if f"kubeflow/{name}" in annotated
        },
        way=stack.cluster.pod_access,
    )
