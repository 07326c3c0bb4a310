"""Files that many pods read and write at the same time: a file system of the stack's own, and volumes in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ec2, efs, eks
from pulumi_aws import iam as aws_iam

from infra.aws import iam, kept
from infra.aws.addons import AddonArgs, addon
from infra.aws.cluster import Cluster
from infra.aws.pod_access import account_role

STORAGE_CLASS = "efs"
DRIVER = "efs.csi.aws.com"

# Access points of the file system, and no other (docs/iam-policy-create.md of aws-efs-csi-driver at v3.4.1).
DRIVER_POLICY = "service-role/AmazonEFSCSIDriverPolicy"
DRIVER_ACCOUNT = "efs-csi-controller-sa"

NFS = 2049
IDLE_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class FilesArgs:
    """Where the file system is reached from, and whether its files outlive the stack.

    `cluster` is the stack's own; `subnet_ids` are one for each zone, which gets a way in. `driver` is the build of the
    add-on. `kept` names a file system that is there, and is taken over. With `protect` the file system stays.
    """

    cluster: Cluster
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    region: str
    driver: str
    on_destroy: Literal["keep", "empty"]
    kept: str | None
    protect: bool = False
    tags: Mapping[str, str]


class Files(pulumi.ComponentResource):
    """An encrypted EFS file system, its driver, and the storage class `efs`: a claim gets an access point of its own.

    Kept on destroy, the file system stays without its ways in, which are in the network's subnets.
    """

    file_system_id: pulumi.Output[str]
    ready: pulumi.Resource
    """What comes last: once it is there, a claim of the class becomes a volume."""

    def __init__(self, name: str, args: FilesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Files", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = dict(args.tags)
        system = self._file_system()
        entries = self._entries(system.id)
        driver = self._driver()
        self.file_system_id = system.id
        self.ready = self._storage_class(system.id, [*entries, driver])
        self.register_outputs({"file_system_id": self.file_system_id})

    def _file_system(self) -> efs.FileSystem:
        args = self._args
        return efs.FileSystem(
            f"{self._name}-files",
            creation_token=kept.file_system_token(self._name),
            encrypted=True,
            # By what is read and written; in bursting mode a file system that is nearly empty is slow.
            throughput_mode="elastic",
            lifecycle_policies=[
                efs.FileSystemLifecyclePolicyArgs(transition_to_ia=f"AFTER_{IDLE_DAYS}_DAYS"),
                efs.FileSystemLifecyclePolicyArgs(transition_to_primary_storage_class="AFTER_1_ACCESS"),
            ],
            tags={**self._tags, "Name": f"{self._name}-files"},
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(
                    protect=args.protect, retain_on_delete=args.on_destroy == "keep", import_=args.kept
                ),
            ),
        )

    def _entries(self, file_system_id: pulumi.Output[str]) -> list[pulumi.Resource]:
        """A mount target for each zone, which only the cluster's nodes and pods reach."""
        args = self._args
        group = ec2.SecurityGroup(
            f"{self._name}-files",
            description=f"NFS for the nodes and pods of {self._name}",
            vpc_id=args.vpc_id,
            ingress=[
                ec2.SecurityGroupIngressArgs(
                    protocol="tcp", from_port=NFS, to_port=NFS, security_groups=[args.cluster.security_group_id]
                )
            ],
            tags={**self._tags, "Name": f"{self._name}-files"},
            opts=self._child,
        )
        return [
            efs.MountTarget(
                f"{self._name}-files-{number}",
                file_system_id=file_system_id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=self._child,
            )
            for number, subnet in enumerate(args.subnet_ids)
        ]

    def _driver(self) -> eks.Addon:
        name, args = f"{self._name}-efs-csi", self._args
        pods = args.cluster.access.pods
        assert pods is not None, "the pods of a cluster of the stack's own get at AWS"
        role = account_role(name, pods, "kube-system", DRIVER_ACCOUNT, self._tags, self._child)
        policy = aws_iam.RolePolicyAttachment(
            name, role=role.name, policy_arn=iam.managed_policy(args.region, DRIVER_POLICY), opts=self._child
        )
        return addon(
            self._name,
            AddonArgs(
                cluster_name=args.cluster.name,
                addon="aws-efs-csi-driver",
                version=args.driver,
                role=role,
                tags=self._tags,
            ),
            pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[policy, args.cluster.ready])),
        )

    def _storage_class(self, file_system_id: pulumi.Output[str], needs: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """A plain resource, as the cluster's default class is."""
        return pulumi.CustomResource(
            "kubernetes:storage.k8s.io/v1:StorageClass",
            f"{self._name}-{STORAGE_CLASS}",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": STORAGE_CLASS},
                "provisioner": DRIVER,
                "parameters": {
                    "provisioningMode": "efs-ap",
                    "fileSystemId": file_system_id,
                    "basePath": "/volumes",
                    "directoryPerms": "700",
                },
                "volumeBindingMode": "Immediate",
                "reclaimPolicy": "Delete",
            },
            pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(provider=self._args.cluster.access.provider, depends_on=list(needs)),
            ),
        )
