"""The default classes of a cluster's volumes and of their snapshots, both made by the EBS CSI driver.

Plain resources, as all other objects are: for typed classes the SDK imports the whole core API, half a second.
"""

import pulumi

_DRIVER = "ebs.csi.aws.com"


def storage(name: str, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Encrypted gp3 volumes in the zone of the pod that wants them; EKS has had no default class since 1.30."""
    return pulumi.CustomResource(
        "kubernetes:storage.k8s.io/v1:StorageClass",
        name,
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": _DRIVER,
            "parameters": {"type": "gp3", "encrypted": "true"},
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": True,
            "reclaimPolicy": "Delete",
        },
        opts,
    )


def snapshots(name: str, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """EBS snapshots, which go with their VolumeSnapshots, as volumes go with their claims.

    `opts` waits for the snapshot controller's add-on, which brings the kind.
    """
    return pulumi.CustomResource(
        "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass",
        name,
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "metadata": {"name": "ebs", "annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"}},
            "driver": _DRIVER,
            "deletionPolicy": "Delete",
        },
        opts,
    )
