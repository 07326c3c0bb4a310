"""What a destroy keeps, and what EKS makes again, is taken over by the next `up`: nothing twice, nothing lost.

Nor is data lost that an `up` would delete: on the laptop, too, it stops until each thing is named.
"""

from collections.abc import Iterator

import pytest

from tests.local.stack import Checkout, changes, checked_out, world

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


def test_what_was_kept_is_taken_over_by_the_next_up(checkout: Checkout) -> None:
    checkout.configure({"storageOnDestroy": "keep", "database": "rds"})
    checkout.must("up")
    [bucket], [repository] = ids(checkout, "aws:s3/bucket:Bucket"), ids(checkout, "aws:ecr/repository:Repository")
    checkout.aws("s3").put_object(Bucket=bucket, Key="model", Body=b"x")
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    checkout.must("destroy")
    assert kept(checkout) == {bucket, repository}
    assert snapshots(checkout) == ["kubeflow-local-database-last-1"]
    # For minutes after its end EKS writes what it still has.
    checkout.aws("logs").create_log_group(logGroupName=LOG_GROUP)

    planned = checkout.must("preview")
    said = checkout.must("up")
    for output in (planned, said):
        for name in (bucket, repository, LOG_GROUP):
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
    checkout.configure({"storageOnDestroy": "empty"})
    checkout.must("up")
    assert "Deleted the database's snapshot kubeflow-local-database-last-1" in checkout.must("destroy")
    assert kept(checkout) == set()
    assert snapshots(checkout) == []
    assert checkout.resources() == {}
    assert not [one for one in world(checkout) if one.startswith(("log group", "cluster", "nat gateway"))]
