"""What a destroy keeps, and what EKS makes again, is taken over by the next `up`: nothing twice, nothing lost.

Nor is data lost that an `up` would delete: on the laptop, too, it stops until each thing is named.
"""

import json
import time
from collections.abc import Iterator

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.local.stack import REGION, Checkout, changes, checked_out, world

VAULT = "kubeflow-local-backups"
CLAIMED = {"namespace": "kubeflow", "name": "models"}
LOG_GROUP = "/aws/eks/kubeflow-local/cluster"
MANIFEST = """
apiVersion: v1
kind: Namespace
metadata: {name: kubeflow}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pipeline-install-config, namespace: kubeflow}
data: {dbHost: mysql, dbPort: "3306", mysqlHost: mysql}
"""
CLAIM = """
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models, namespace: kubeflow}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with next to nothing in its cluster: this is about what is beside it."""
    folder = tmp_path_factory.mktemp("kept")
    manifests = folder / "manifests"
    manifests.mkdir()
    (manifests / "kustomization.yaml").write_text("resources: [namespace.yaml]\n")
    (manifests / "namespace.yaml").write_text(MANIFEST)
    with checked_out(folder, manifests) as made:
        yield made


def ids(checkout: Checkout, kind: str) -> list[str]:
    return [one["id"] for one in checkout.resources().values() if one["type"] == kind]


def kept(checkout: Checkout) -> set[str]:
    """The buckets and repositories that there are."""
    buckets = checkout.aws("s3").list_buckets()["Buckets"]
    repositories = checkout.aws("ecr").describe_repositories()["repositories"]
    return {one["Name"] for one in buckets} | {one["repositoryName"] for one in repositories}


def snapshots(checkout: Checkout) -> list[str]:
    """Those of the stack's database that there are."""
    return [one["DBSnapshotIdentifier"] for one in checkout.aws("rds").describe_db_snapshots()["DBSnapshots"]]


def points(checkout: Checkout) -> dict[str, str]:
    """The recovery points in the stack's vault, by the kind of what they are of."""
    found = checkout.aws("backup").list_recovery_points_by_backup_vault(BackupVaultName=VAULT)["RecoveryPoints"]
    made = {one["ResourceType"]: one["RecoveryPointArn"].split(":", 5)[5] for one in found}
    return {kind: rest.partition("/")[2] or rest.partition(":")[2] for kind, rest in made.items()}


def back_up(checkout: Checkout, *sources: str) -> None:
    """What the plan's jobs do on a day."""
    backup, [role] = checkout.aws("backup"), backup_roles(checkout)
    jobs = [
        backup.start_backup_job(BackupVaultName=VAULT, ResourceArn=one, IamRoleArn=role)["BackupJobId"]
        for one in sources
    ]
    deadline = time.monotonic() + 30
    while {backup.describe_backup_job(BackupJobId=one)["State"] for one in jobs} != {"COMPLETED"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def backup_roles(checkout: Checkout) -> list[str]:
    outputs = [one["outputs"] for urn, one in checkout.resources().items() if "infra:Backup$aws:iam/role:" in urn]
    return [one["arn"] for one in outputs]


def claimed_volume(checkout: Checkout) -> str:
    """A volume as the driver makes it for the claim kubeflow/models, with the tags that the add-on is told."""
    [addon] = [one for urn, one in checkout.resources().items() if urn.endswith("-aws-ebs-csi-driver")]
    tags = json.loads(addon["inputs"]["configurationValues"])["controller"]["extraVolumeTags"]
    tags |= {"ebs.csi.aws.com/cluster": "true"}
    tags |= {f"kubernetes.io/created-for/pvc/{key}": value for key, value in CLAIMED.items()}
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    made = checkout.aws("ec2").create_volume(
        AvailabilityZone=f"{REGION}b",
        Size=2,
        VolumeType="gp3",
        TagSpecifications=[{"ResourceType": "volume", "Tags": given}],
    )
    return str(made["VolumeId"])


def test_a_backup_is_brought_back_beside_what_is_there(checkout: Checkout) -> None:
    checkout.configure({"storageOnDestroy": "keep", "database": "rds", "files": "efs", "backupDays": 7})
    checkout.must("up")
    ec2 = checkout.aws("ec2")
    volume, here = claimed_volume(checkout), f"{REGION}:123456789012"
    [files] = ids(checkout, "aws:efs/fileSystem:FileSystem")
    back_up(
        checkout,
        f"arn:aws:ec2:{here}:volume/{volume}",
        f"arn:aws:rds:{here}:db:kubeflow-local-database",
        f"arn:aws:elasticfilesystem:{here}:file-system/{files}",
    )
    made = points(checkout)
    listed = checkout.must("restore")
    assert "volume of claim kubeflow/models" in listed
    assert "database" in listed
    assert changes(checkout.must("preview")).keys() == {"unchanged"}

    brought = checkout.ops("restore", "--point", made["EBS"])
    assert brought.returncode == 0, brought.stderr
    volume_there, claim = yaml.safe_load_all(brought.stdout)
    [restored] = ec2.describe_volumes(VolumeIds=[volume_there["spec"]["csi"]["volumeHandle"]])["Volumes"]
    assert restored["VolumeId"] != volume
    # Where its pod may be bound to, and as the driver's role wants it.
    assert (restored["AvailabilityZone"], restored["Size"]) == (f"{REGION}b", 2)
    assert {"Key": "ebs.csi.aws.com/cluster", "Value": "true"} in restored["Tags"]
    cluster = checkout.cluster()
    cluster.apply(volume_there, claim)
    waited = cluster.run(
        "wait", "--for=jsonpath={.status.phase}=Bound", "pvc/models-restored", "-n", "kubeflow", "--timeout=20s"
    )
    assert waited.returncode == 0, waited.stderr
    cluster.delete("pvc", "models-restored", "-n", "kubeflow")
    cluster.delete("pv", volume_there["metadata"]["name"])
    for one in (volume, restored["VolumeId"]):
        ec2.delete_volume(VolumeId=one)
    assert "set `databaseSnapshot` to awsbackup:job-" in checkout.ops("restore", "--point", made["RDS"]).stderr

    back = checkout.ops("restore", "--point", made["EFS"])
    assert back.returncode == 0, back.stderr
    assert f"The files are back in {files}, in its folder aws-backup-restore_" in back.stderr
    systems = checkout.aws("efs").describe_file_systems()["FileSystems"]
    assert [one["FileSystemId"] for one in systems] == [files], "beside what is there, in no file system of its own"
    assert changes(checkout.must("preview")).keys() == {"unchanged"}

    with pytest.raises(ClientError, match="cannot be deleted because it contains recovery points"):
        checkout.aws("backup").delete_backup_vault(BackupVaultName=VAULT)


def test_what_was_kept_is_taken_over_by_the_next_up(checkout: Checkout) -> None:
    [bucket], [repository] = ids(checkout, "aws:s3/bucket:Bucket"), ids(checkout, "aws:ecr/repository:Repository")
    checkout.aws("s3").put_object(Bucket=bucket, Key="model", Body=b"x")
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    checkout.must("destroy")
    assert kept(checkout) == {bucket, repository}
    assert "kubeflow-local-database-last-1" in snapshots(checkout)
    assert points(checkout).keys() == {"EBS", "EFS", "RDS"}
    # For minutes after its end EKS writes what it still has.
    checkout.aws("logs").create_log_group(logGroupName=LOG_GROUP)

    planned = checkout.must("preview")
    said = checkout.must("up")
    for output in (planned, said):
        for name in (bucket, repository, LOG_GROUP, VAULT):
            assert f"is there already ({name}), and is taken over" in output
    assert kept(checkout) == {bucket, repository}
    assert checkout.aws("s3").get_object(Bucket=bucket, Key="model")["Body"].read() == b"x"
    [group] = checkout.aws("logs").describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
    assert group["retentionInDays"] == 30
    [database] = [one for one in checkout.resources().values() if one["type"] == "aws:rds/instance:Instance"]
    assert database["inputs"]["snapshotIdentifier"] == "kubeflow-local-database-last-1"
    assert database["inputs"]["finalSnapshotIdentifier"] == "kubeflow-local-database-last-2"
    again = checkout.must("preview")
    assert changes(again).keys() == {"unchanged"}
    assert "taken over" not in again


def test_a_claim_that_would_go_is_refused_on_the_laptop_too_unless_it_is_named(checkout: Checkout) -> None:
    assert checkout.manifests is not None
    path, name = checkout.manifests / "namespace.yaml", "PersistentVolumeClaim/kubeflow/models"

    def there() -> bool:
        return checkout.cluster().get("pvc", "models", "-n", "kubeflow") is not None

    path.write_text(MANIFEST + CLAIM)
    assert "Planned:" not in checkout.must("up"), "what loses nothing needs no preview"
    path.write_text(MANIFEST)
    refused = checkout.ops("up")
    assert refused.returncode == 1
    assert f"This would lose for good {name} (the volume's content). Nothing was changed; " in refused.stderr
    assert f"LOSE={name}" in refused.stderr
    assert there()
    checkout.must("up", "--keep", name)
    assert there()
    assert not [urn for urn in checkout.resources() if "PersistentVolumeClaim" in urn]
    path.write_text(MANIFEST + CLAIM)
    checkout.must("up")  # which takes back what was kept
    path.write_text(MANIFEST)
    checkout.must("up", "--lose", name)
    assert not there()


def test_without_a_trace_where_the_settings_say_so(checkout: Checkout) -> None:
    checkout.configure({"backupDays": 0})
    checkout.must("up")
    assert points(checkout).keys() == {"EBS", "EFS", "RDS"}, "they stay, as storageOnDestroy says"
    checkout.configure({"storageOnDestroy": "empty", "backupDays": 7})
    checkout.must("up")
    assert "Deleted the database's snapshot kubeflow-local-database-last-1" in checkout.must("destroy")
    assert kept(checkout) == set()
    assert snapshots(checkout) == []
    assert checkout.aws("backup").list_backup_vaults()["BackupVaultList"] == []
    assert checkout.resources() == {}
    assert not [one for one in world(checkout) if one.startswith(("log group", "cluster", "nat gateway"))]
