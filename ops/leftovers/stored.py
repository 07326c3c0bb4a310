"""What a destroy keeps on purpose, and images that ECR fetched, which no state knows."""

from collections.abc import Iterator
from decimal import Decimal

from infra.aws import kept
from ops import prices
from ops.leftovers.owner import Client, Leftover, Place, pages

FETCHED = "repository of fetched images"
_PAGES = 20
"""Pages of 1,000 objects that are counted of a bucket."""


def buckets(client: Client, place: Place) -> Iterator[Leftover]:
    for name in kept.buckets(client, place.owner.names):
        count = size = 0
        more = False
        versions = client("s3").get_paginator("list_object_versions").paginate(Bucket=name)
        for index, page in enumerate(versions):
            if index == _PAGES:
                more = True
                break
            count += len(page.get("Versions", ()))
            size += sum(one["Size"] for one in page.get("Versions", ()))
        stored = Decimal(size) / 10**9
        yield Leftover(
            kind="bucket",
            id=name,
            what=f"kept on purpose, {'more than ' if more else ''}{count} objects of {stored:.1f} GB",
            monthly=stored * prices.S3_GB_MONTH,
            kept=True,
        )


def repositories(client: Client, place: Place) -> Iterator[Leftover]:
    names = place.owner.names
    for name in (*kept.repositories(client, names), *kept.copied(client, names)[0]):
        yield _images(client, "repository", name, "kept on purpose", on_purpose=True)
    # No state knows these, and they hold nothing that is not elsewhere.
    for name in kept.caches(client, names):
        yield _images(client, FETCHED, name, "made by ECR when it fetched", on_purpose=False)


def _images(client: Client, kind: str, name: str, why: str, *, on_purpose: bool) -> Leftover:
    images = list(pages(client("ecr"), "describe_images", "imageDetails", repositoryName=name))
    stored = Decimal(sum(one.get("imageSizeInBytes", 0) for one in images)) / 10**9
    what = f"{why}, {len(images)} images of {stored:.1f} GB"
    return Leftover(kind=kind, id=name, what=what, monthly=stored * prices.ECR_GB_MONTH, kept=on_purpose)


def file_systems(client: Client, place: Place) -> Iterator[Leftover]:
    for one in kept.file_systems(client, place.owner.names):
        stored = Decimal(one["SizeInBytes"]["Value"]) / 10**9
        yield Leftover(
            kind="file system",
            id=one["FileSystemId"],
            what=f"kept on purpose, {stored:.1f} GB",
            monthly=stored * prices.EFS_GB_MONTH,
            kept=True,
        )


def database_snapshots(client: Client, place: Place) -> Iterator[Leftover]:
    for one in kept.snapshots(client, place.owner.names):
        size = Decimal(one["AllocatedStorage"])
        yield Leftover(
            kind="database snapshot",
            id=one["DBSnapshotIdentifier"],
            what=f"kept on purpose, of a database of {size} GiB",
            monthly=size * prices.DATABASE_BACKUP_GIB_MONTH,
            kept=True,
        )


def backups(client: Client, place: Place) -> Iterator[Leftover]:
    vault = kept.vault(client, place.owner.names)
    if vault is None:
        return
    name = vault["BackupVaultName"]
    points = list(
        pages(client("backup"), "list_recovery_points_by_backup_vault", "RecoveryPoints", BackupVaultName=name)
    )
    stored = Decimal(sum(one.get("BackupSizeInBytes", 0) for one in points)) / 10**9
    yield Leftover(
        kind="backup vault",
        id=name,
        what=f"kept on purpose, {len(points)} recovery points of {stored:.1f} GB",
        monthly=stored * prices.BACKUP_GB_MONTH,
        kept=True,
    )
