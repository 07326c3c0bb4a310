"""What an earlier life of a stack left in AWS: the next one takes it over, where it would else fail or make a second.

A bucket, repositories, a file system, a vault of backups and a database's last snapshot are kept on purpose
(`storageOnDestroy`). The log group of a cluster comes back by itself: for minutes after its deletion EKS writes what it
still has, and makes it again (terraform-aws-eks issues 920, 2763).

The engine imports what has an id here and is not in the state, and brings it up to what the program says in the same
run (3.259, pkg/resource/deploy/step_generator.go); for what is in the state the id changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.aws import iam, upstreams
from infra.aws.database_size import first_gib
from infra.settings import Settings
from ordering.errors import UserError

_LONGEST_DATABASE = 50
"""Of the 63 characters that RDS takes, with room for what the name of a snapshot has behind."""

_AT_ONCE = 8
"""Repositories whose tags are asked for at the same time."""

_LONGEST_VAULT = 50

_GOING = frozenset({"deleting", "deleted"})

_Found = TypeVar("_Found")

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's region."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """By what a stack's things are known: its tags, its region, and a repository's name where the settings give one."""

    project: str
    stack: str
    region: str
    repository: str | None

    @property
    def prefix(self) -> str:
        """As `Settings.name`."""
        return f"{self.project}-{self.stack}"

    def own(self, tags: Mapping[str, str]) -> bool:
        """Whether something with these tags is the stack's."""
        return (tags.get("pulumi:project"), tags.get("pulumi:stack")) == (self.project, self.stack)


def names(settings: Settings) -> Names:
    """The names of a stack."""
    return Names(
        project=settings.project,
        stack=settings.stack,
        region=settings.region,
        repository=settings.registry.repository,
    )


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Names of what is there and is the stack's; `unknown` says what AWS refused to tell.

    `images` are the repositories of copied images, those of earlier releases among them. `last_snapshot` is the name
    that the next snapshot at the end of the stack's database gets, `database_gib` the least that this begins with.
    """

    bucket: str | None = None
    repository: str | None = None
    log_group: str | None = None
    images: tuple[str, ...] = ()
    file_system: str | None = None
    snapshot: str | None = None
    vault: str | None = None
    last_snapshot: str = ""
    database_gib: int = 0
    unknown: tuple[str, ...] = ()


def bucket_name(stack: str) -> str:
    """The resource's name, after which the provider names the bucket of a stack (`Settings.name`)."""
    return iam.fitting(f"{stack}-artifacts", iam.LONGEST_BUCKET)


def repository_name(stack: str) -> str:
    """The resource's name, after which the provider names the repository of a stack that gives it none."""
    return f"{stack}-images"


def file_system_token(stack: str) -> str:
    """By what EFS knows the file system of a stack; there is one of a token in an account and region."""
    return f"{stack}-files"


def database_name(stack: str) -> str:
    """By what RDS knows the database of a stack: letters, digits and single dashes (RDS, "CreateDBInstance")."""
    plain = re.sub(r"[^a-z0-9]+", "-", f"{stack}-database".lower()).strip("-")
    return iam.fitting(plain, _LONGEST_DATABASE)


def vault_name(stack: str) -> str:
    """By what AWS Backup knows the vault of a stack: letters, digits, - and _ (its API, "CreateBackupVault")."""
    return iam.fitting(re.sub(r"[^A-Za-z0-9_-]+", "-", f"{stack}-backups"), _LONGEST_VAULT)


def log_group_name(cluster: str) -> str:
    """Where EKS writes the logs of a cluster's control plane; the name is EKS's own."""
    return f"/aws/eks/{cluster}/cluster"


def look(client: Client, settings: Settings) -> Kept:
    """What the stack would take over.

    Of two that would do none is taken, for nobody can tell which. UserError for a name that something of somebody
    else's has. Where AWS refuses to say, nothing is taken over.
    """
    # botocore takes a while to import, and `check_aws` has done so where this is called.
    from botocore.exceptions import ClientError

    unknown: list[str] = []

    def asked(what: str, find: Callable[[], _Found | None]) -> _Found | None:
        try:
            return find()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if "AccessDenied" not in code and "NotAuthorized" not in code:
                raise
            unknown.append(f"{what} ({error.operation_name} is refused)")
            return None

    made = asked("a snapshot", lambda: _snapshots(client, settings)) or []
    return Kept(
        bucket=asked("a bucket", lambda: _only(buckets(client, names(settings)))),
        repository=asked("a repository", lambda: _repository(client, names(settings))),
        images=tuple(asked("images", lambda: _images(client, settings)) or ()),
        log_group=asked("a log group", lambda: _log_group(client, settings)),
        file_system=asked("a file system", lambda: _file_system(client, settings)),
        snapshot=made[-1] if made else None,
        vault=asked("a vault of backups", lambda: _vault(client, settings)),
        last_snapshot=_following(settings, made) if settings.database else "",
        database_gib=asked("a database's size", lambda: _database_gib(client, settings, made)) or 0,
        unknown=tuple(unknown),
    )


def buckets(client: Client, stack: Names) -> list[str]:
    """The buckets of the stack's name and tags."""
    s3, prefix = client("s3"), _generated(bucket_name(stack.prefix))
    listed = s3.list_buckets(Prefix=prefix, BucketRegion=stack.region)["Buckets"]
    found = [str(one["Name"]) for one in listed if one["Name"].startswith(prefix)]
    return [name for name in found if stack.own(_bucket_tags(s3, name))]


def repositories(client: Client, stack: Names) -> list[str]:
    """The repositories of the stack's tags, of the name that is set or the one that is generated."""
    ecr, wanted, prefix = client("ecr"), stack.repository, _generated(repository_name(stack.prefix))
    return [
        name
        for name, arn in _repositories(ecr)
        if (name == wanted if wanted else name.startswith(prefix)) and stack.own(_repository_tags(ecr, arn))
    ]


def _generated(resource: str) -> str:
    """What the name of a bucket or repository begins with that the provider made after the resource's, in lower case.

    Neither takes capitals (pulumi-aws, provider/resources.go, AutoName with strings.ToLower).
    """
    return f"{resource}-".lower()


def _repository(client: Client, stack: Names) -> str | None:
    found, wanted = repositories(client, stack), stack.repository
    if wanted and not found and wanted in (name for name, _ in _repositories(client("ecr"))):
        raise UserError(
            f"registryRepository is {wanted}, and ECR has a repository of that name without this stack's tags; choose "
            f"another name, or give it the tags pulumi:project={stack.project} and pulumi:stack={stack.stack} to have "
            "it taken over."
        )
    return _only(found)


def copied(client: Client, stack: Names) -> tuple[list[str], list[str]]:
    """Repositories for others' images under the stack's prefix: those with its tags, and those without.

    What ECR fetched is not among them.
    """
    ecr = client("ecr")
    found = [(name, arn) for name, arn in _of_images(ecr, stack) if not _is_cache(name, stack)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tags = list(pool.map(lambda one: _repository_tags(ecr, one[1]), found))
    own = [name for (name, _), given in zip(found, tags, strict=True) if stack.own(given)]
    return own, [name for name, _ in found if name not in own]


def caches(client: Client, stack: Names) -> list[str]:
    """Repositories of what ECR fetched for a stack: ECR gave them their names, and no tags."""
    return [name for name, _ in _of_images(client("ecr"), stack) if _is_cache(name, stack)]


def _of_images(ecr: Any, stack: Names) -> Iterator[tuple[str, str]]:
    start = f"{upstreams.prefix(stack.prefix)}/"
    return ((name, arn) for name, arn in _repositories(ecr) if name.startswith(start))


def _is_cache(name: str, stack: Names) -> bool:
    short = name.removeprefix(f"{upstreams.prefix(stack.prefix)}/").partition("/")[0]
    return short in {one.short for one in upstreams.UPSTREAMS.values()}


def _images(client: Client, settings: Settings) -> list[str]:
    if settings.images.source == "release":
        return []
    stack = names(settings)
    own, others = copied(client, stack)
    if others:
        raise UserError(
            f"ECR has a repository {others[0]}, where the stack keeps copies of images, without this stack's tags; "
            f"delete it, or give it the tags pulumi:project={stack.project} and pulumi:stack={stack.stack} to have it "
            "taken over."
        )
    return own


def _log_group(client: Client, settings: Settings) -> str | None:
    if settings.cluster.mode != "create":
        return None
    logs, name = client("logs"), log_group_name(settings.cluster.name)
    for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
        if group["logGroupName"] == name:
            tags = logs.list_tags_for_resource(resourceArn=str(group["arn"]).removesuffix(":*")).get("tags", {})
            if not names(settings).own(tags):
                _check_cluster(client, settings)
            return name
    return None


def file_systems(client: Client, stack: Names) -> list[dict[str, Any]]:
    """The file systems of the stack's token and tags, as EFS describes them."""
    answer = client("efs").describe_file_systems(CreationToken=file_system_token(stack.prefix))
    return [
        one for one in answer["FileSystems"] if one["LifeCycleState"] not in _GOING and stack.own(_map(one["Tags"]))
    ]


def _file_system(client: Client, settings: Settings) -> str | None:
    if settings.files == "none":
        return None
    return _only([str(one["FileSystemId"]) for one in file_systems(client, names(settings))])


def snapshots(client: Client, stack: Names) -> list[dict[str, Any]]:
    """The last snapshots of the stack's databases, oldest first, as RDS describes them."""
    found = (
        client("rds")
        .get_paginator("describe_db_snapshots")
        .paginate(DBInstanceIdentifier=database_name(stack.prefix), SnapshotType="manual")
    )
    last = re.compile(re.escape(database_name(stack.prefix)) + r"-last-\d+")
    own = [
        one
        for page in found
        for one in page["DBSnapshots"]
        if last.fullmatch(one["DBSnapshotIdentifier"]) and stack.own(_map(one.get("TagList", ())))
    ]
    return sorted(own, key=lambda one: _number(one["DBSnapshotIdentifier"]))


def _snapshots(client: Client, settings: Settings) -> list[str]:
    return [one["DBSnapshotIdentifier"] for one in snapshots(client, names(settings))] if settings.database else []


def _database_gib(client: Client, settings: Settings, made: list[str]) -> int:
    if settings.database is None:
        return 0
    snapshot = settings.database.snapshot or (made[-1] if made else None)
    return first_gib(client("rds"), database_name(settings.name), snapshot)


def vault(client: Client, stack: Names) -> dict[str, Any] | None:
    """The vault of the stack's name and tags, as AWS Backup lists it."""
    backup = client("backup")
    for one in _vaults(backup, stack):
        if stack.own(backup.list_tags(ResourceArn=one["BackupVaultArn"]).get("Tags") or {}):
            return one
    return None


def _vault(client: Client, settings: Settings) -> str | None:
    if not settings.backup_days:
        return None
    stack = names(settings)
    if found := vault(client, stack):
        return str(found["BackupVaultName"])
    if _vaults(client("backup"), stack):
        raise UserError(
            f"AWS Backup has a vault {vault_name(stack.prefix)} without this stack's tags; delete it, or give it the "
            f"tags pulumi:project={stack.project} and pulumi:stack={stack.stack} to have it taken over."
        )
    return None


def _vaults(backup: Any, stack: Names) -> list[dict[str, Any]]:
    """The one of the name, if any. To describe one that is not there AWS refuses (terraform-provider-aws, vault.go)."""
    pages = backup.get_paginator("list_backup_vaults").paginate()
    name = vault_name(stack.prefix)
    return [one for page in pages for one in page["BackupVaultList"] if one["BackupVaultName"] == name]


def _following(settings: Settings, made: list[str]) -> str:
    """Of two snapshots none may have the other's name, and a name that is chosen must stay until it is used."""
    return f"{database_name(settings.name)}-last-{_number(made[-1]) + 1 if made else 1}"


def _number(snapshot: str) -> int:
    return int(snapshot.rpartition("-")[2])


def _check_cluster(client: Client, settings: Settings) -> None:
    """UserError when a cluster of the name lives and is not the stack's: so is its log group."""
    from botocore.exceptions import ClientError

    name = settings.cluster.name
    try:
        tags = client("eks").describe_cluster(name=name)["cluster"].get("tags") or {}
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return
        raise
    if not names(settings).own(tags):
        raise UserError(
            f"EKS has a cluster {name} already, and it is not this stack's; set clusterName to another name."
        )


def _repositories(ecr: Any) -> Iterator[tuple[str, str]]:
    for page in ecr.get_paginator("describe_repositories").paginate():
        for one in page["repositories"]:
            yield one["repositoryName"], one["repositoryArn"]


def _repository_tags(ecr: Any, arn: str) -> dict[str, str]:
    return _map(ecr.list_tags_for_resource(resourceArn=arn)["tags"])


def _bucket_tags(s3: Any, name: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        return _map(s3.get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchTagSet", "NoSuchBucket"):
            return {}
        raise


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
