"""What manifests/rds leaves open, because only the stack knows it: the database's host, and its users' passwords.

Each program has a user of its own; a Job makes them before the programs start. It is replaced, and so runs again, when
a password changes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.kubeflow.credentials import Credentials
from infra.kubeflow.readers import ANNOTATION
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "rds")

_NAMESPACE = "kubeflow"
_CONFIG = "pipeline-install-config"

# A MetadataStoreServerConfig as text (ml_metadata/proto/metadata_store.proto of ml-metadata 1.14), with braces doubled
# for `join`. That there are options of TLS makes its client demand TLS.
_METADATA = """\
connection_config {{
  mysql {{
    host: "{host}"
    port: 3306
    database: "metadb"
    user: "metadata"
    password: "{password}"
    skip_db_creation: true
    ssl_options {{ verify_server_cert: false }}
  }}
}}
migration_options {{ enable_upgrade_migration: true }}
"""


@dataclass(frozen=True, kw_only=True)
class ManagedDatabase:
    """Where the database is, and the passwords of its administrator and of users that the release has no Secret for.

    Each may be text or whatever stands for text that is not known yet, such as a `pulumi.Output`.
    """

    host: Any
    admin_password: Any
    cache_password: Any
    metadata_password: Any


def use_database(
    objects: Iterable[Manifest],
    database: ManagedDatabase,
    credentials: Credentials,
    *,
    digest: Callable[[Any], Any],
    join: Callable[..., Any] = str.format,
) -> list[Manifest]:
    """The objects with host and passwords filled in; the given ones are left as they are.

    `join` puts values into a text as `str.format` does, `digest` makes a text that changes with what it is given.
    UserError for manifests without Pipelines, whose settings name the host for all.
    """
    given = list(objects)
    if not any(_is(one, "ConfigMap", _CONFIG) for one in given):
        raise UserError(
            f"database is rds, and the manifests hold no ConfigMap {_NAMESPACE}/{_CONFIG}, which names the database to "
            "Pipelines and Katib; set it to release, or install Pipelines."
        )
    passwords = [
        database.admin_password,
        credentials.mysql_password,
        database.cache_password,
        database.metadata_password,
        credentials.katib_mysql_password,
    ]
    secrets = {
        "database-admin": {"password": database.admin_password, "host": database.host},
        "database-cache": {"password": database.cache_password},
        "database-metadata": {"password": database.metadata_password},
        "database-metadata-config": {
            "config": join(_METADATA, host=database.host, password=database.metadata_password)
        },
    }
    return [_filled(one, secrets, database.host, lambda: digest(passwords)) for one in given]


def _filled(manifest: Manifest, secrets: dict[str, dict[str, Any]], host: Any, run: Callable[[], Any]) -> Manifest:
    if _is(manifest, "ConfigMap", _CONFIG):
        return {**manifest, "data": {**manifest["data"], "dbHost": host, "mysqlHost": host}}
    if _is(manifest, "Job", "database-users"):
        spec = manifest["spec"]
        template = spec["template"]
        metadata = {**template["metadata"], "annotations": {ANNOTATION: run()}}
        return {**manifest, "spec": {**spec, "template": {**template, "metadata": metadata}}}
    for name, values in secrets.items():
        if _is(manifest, "Secret", name):
            return {**manifest, "stringData": {**manifest["stringData"], **values}}
    return manifest


def _is(manifest: Manifest, kind: str, name: str) -> bool:
    metadata = manifest["metadata"]
    return (manifest["kind"], metadata.get("namespace"), metadata["name"]) == (kind, _NAMESPACE, name)
