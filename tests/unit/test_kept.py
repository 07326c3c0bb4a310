"""What a stack takes over in AWS, on moto: its own by name and tags, of nobody else, and never one of two."""

import functools
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.aws.kept import Kept, look
from infra.program import program
from ordering.errors import UserError
from tests.unit.inputs import inputs
from tests.unit.mocks import record
from tests.unit.settings_source import settings

REGION = "us-west-2"
OURS = {"pulumi:project": "kubeflow", "pulumi:stack": "dev"}
BLUE = {"pulumi:project": "kubeflow", "pulumi:stack": "blue"}
GROUP = "/aws/eks/kubeflow-dev/cluster"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def bucket(name: str, tags: dict[str, str] | None = None) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if tags:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": listed})


def repository(name: str, tags: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    client("ecr").create_repository(repositoryName=name, tags=listed)


def cluster(name: str, tags: dict[str, str]) -> None:
    network = {"subnetIds": ["subnet-1"]}
    client("eks").create_cluster(
        name=name, roleArn="arn:aws:iam::123456789012:role/x", resourcesVpcConfig=network, tags=tags
    )


def test_an_account_without_any_has_nothing_to_take_over() -> None:
    assert look(client, settings()) == Kept()


def test_what_the_stack_kept_is_found_among_others() -> None:
    bucket("kubeflow-dev-artifacts-1a2b3c4", OURS)
    bucket("kubeflow-dev-artifacts-0000000")
    bucket("kubeflow-dev-blue-artifacts-1a2b3c4", BLUE)
    repository("kubeflow-dev-images-1a2b3c4", OURS)
    repository("kubeflow-dev-images-0000000", BLUE)
    client("logs").create_log_group(logGroupName=GROUP)
    client("logs").create_log_group(logGroupName=f"{GROUP}-other")
    assert look(client, settings()) == Kept(
        bucket="kubeflow-dev-artifacts-1a2b3c4", repository="kubeflow-dev-images-1a2b3c4", log_group=GROUP
    )


def test_names_that_the_provider_makes_are_in_lower_case_and_tags_are_not() -> None:
    ours = OURS | {"pulumi:stack": "Dev"}
    bucket("kubeflow-dev-artifacts-1a2b3c4", ours)
    bucket("kubeflow-dev-artifacts-0000000", OURS)
    repository("kubeflow-dev-images-1a2b3c4", ours)
    repository("kubeflow-dev-images-0000000", OURS)
    found = look(client, settings("Dev"))
    assert (found.bucket, found.repository) == ("kubeflow-dev-artifacts-1a2b3c4", "kubeflow-dev-images-1a2b3c4")


def test_of_two_none_is_taken() -> None:
    for end in ("1a2b3c4", "5d6e7f8"):
        bucket(f"kubeflow-dev-artifacts-{end}", OURS)
        repository(f"kubeflow-dev-images-{end}", OURS)
    assert look(client, settings()) == Kept()


def test_a_repository_that_is_named_is_taken_over_or_refused() -> None:
    repository("team/images", OURS)
    repository("kubeflow-dev-images-1a2b3c4", OURS)
    assert look(client, settings(registryRepository="team/images")).repository == "team/images"
    assert look(client, settings(registryRepository="team/new")).repository is None
    repository("team/theirs", BLUE)
    with pytest.raises(UserError, match=r"^registryRepository is team/theirs, and ECR has a repository of that name"):
        look(client, settings(registryRepository="team/theirs"))


def test_the_log_group_of_a_cluster_that_lives_and_is_anothers_is_left_alone() -> None:
    client("logs").create_log_group(logGroupName=GROUP)
    cluster("kubeflow-dev", BLUE)
    with pytest.raises(UserError, match=r"^EKS has a cluster kubeflow-dev already, and it is not this stack's; set"):
        look(client, settings())


def test_the_log_group_of_the_stacks_own_cluster_stays_its_own() -> None:
    client("logs").create_log_group(logGroupName=GROUP)
    cluster("kubeflow-dev", OURS)
    assert look(client, settings()).log_group == GROUP


def test_on_an_existing_cluster_the_log_group_is_not_the_stacks() -> None:
    client("logs").create_log_group(logGroupName="/aws/eks/mine/cluster")
    found = settings(clusterMode="existing", clusterKubeconfig="~/.kube/config", clusterName="mine")
    assert look(client, found).log_group is None


class Refusing:
    """AWS, which does not let somebody look, or does not answer as it should."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __getattr__(self, name: str) -> Any:
        def refuse(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": self.code}}, name)

        return refuse


def test_what_aws_does_not_let_one_see_is_said_and_stops_nothing() -> None:
    def some(service: str) -> Any:
        return Refusing("AccessDenied") if service == "s3" else client(service)

    repository("kubeflow-dev-images-1a2b3c4", OURS)
    found = look(some, settings())
    assert found == Kept(repository="kubeflow-dev-images-1a2b3c4", unknown=("a bucket (list_buckets is refused)",))
    with pytest.raises(ClientError):
        look(lambda _: Refusing("InternalError"), settings())


def test_the_program_takes_over_what_is_kept_and_makes_the_rest() -> None:
    kept = Kept(bucket="b-1", repository="r-1", log_group=GROUP)
    found = record(lambda: program(inputs(kept=kept)).export())
    fresh = record(lambda: program(inputs()).export())
    kinds = ("Bucket", "Repository", "LogGroup")
    assert [found.one(kind).import_id for kind in kinds] == ["b-1", "r-1", GROUP]
    assert {one.import_id for one in fresh.resources} == {""}
    assert {one.type.rpartition(":")[2] for one in found.resources if one.import_id} == set(kinds)


def test_a_file_system_is_asked_for_and_taken_over_where_there_is_to_be_one() -> None:
    tags = [{"Key": key, "Value": value} for key, value in OURS.items()]
    efs = client("efs")
    efs.create_file_system(CreationToken="kubeflow-dev-blue-files", Tags=tags)
    assert look(client, settings(files="efs")).file_system is None
    made = efs.create_file_system(CreationToken="kubeflow-dev-files", Tags=tags)["FileSystemId"]
    assert look(client, settings(files="efs")).file_system == made
    assert look(client, settings()).file_system is None


def test_a_vault_of_backups_is_taken_over_and_one_of_somebody_elses_is_named() -> None:
    backup = client("backup")
    assert look(client, settings(backupDays="7")).vault is None
    made = backup.create_backup_vault(BackupVaultName="kubeflow-dev-backups")["BackupVaultArn"]
    with pytest.raises(UserError, match="AWS Backup has a vault kubeflow-dev-backups without this stack's tags"):
        look(client, settings(backupDays="7"))
    assert look(client, settings()).vault is None
    backup.tag_resource(ResourceArn=made, Tags=OURS)
    assert look(client, settings(backupDays="7")).vault == "kubeflow-dev-backups"


def test_a_database_begins_with_what_its_snapshot_had_and_one_that_lives_with_what_it_has_begun_with() -> None:
    tags, rds = [{"Key": key, "Value": value} for key, value in OURS.items()], client("rds")

    def made(name: str, gib: int, **more: Any) -> None:
        about = {"DBInstanceClass": "db.t4g.medium", "Engine": "mysql", "MasterUsername": "a", "StorageType": "gp3"}
        rds.create_db_instance(
            **about, DBInstanceIdentifier=name, AllocatedStorage=gib, MasterUserPassword="b" * 32, Tags=tags, **more
        )

    def gib(**changes: Any) -> int:
        return look(client, settings(database="rds", **changes)).database_gib

    assert gib() == 0
    made("kubeflow-dev-database", 60)
    for name in ("kubeflow-dev-database-last-1", "kubeflow-dev-database-last-2"):
        rds.create_db_snapshot(DBInstanceIdentifier="kubeflow-dev-database", DBSnapshotIdentifier=name, Tags=tags)
    rds.delete_db_instance(DBInstanceIdentifier="kubeflow-dev-database", SkipFinalSnapshot=True)
    made("another", 300)
    rds.create_db_snapshot(DBInstanceIdentifier="another", DBSnapshotIdentifier="mine")
    assert (gib(), gib(databaseSnapshot="mine"), look(client, settings()).database_gib) == (60, 300, 0)
    assert gib(databaseSnapshot="of-nobody") == 0, "RDS says so when it is made"
    # It began with 20, and has grown.
    made("kubeflow-dev-database", 70, MaxAllocatedStorage=100)
    assert (gib(), gib(databaseSnapshot="mine")) == (20, 20)
