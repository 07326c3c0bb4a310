"""Backups: what the plan's selections really select, by the tags that the program's own resources get."""

import json
from fnmatch import fnmatchcase
from typing import Any, Literal

import pytest

from infra.aws.kept import Kept, vault_name
from infra.program import program
from infra.settings import SettingsError
from ops import cost
from policy import RULES, Resource, check
from tests.unit.inputs import inputs
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import settings

ARN = "arn:aws:{service}:us-west-2:123456789012:{resource}"


def backed_up(on_destroy: Literal["keep", "empty"] = "keep", kept: Kept | None = None, **changes: str) -> Recording:
    given: dict[str, Any] = {"backupDays": "30", "files": "efs", "database": "rds", "storageOnDestroy": on_destroy}
    given |= changes
    return record(lambda: program(inputs(kept=kept, **given)))


def selected(found: Recording, service: str, resource: str, tags: dict[str, str]) -> bool:
    """Whether AWS Backup would back that up: of a type that a selection names, with all tags that it asks for."""
    arn = ARN.format(service=service, resource=resource)
    return any(
        any(fnmatchcase(arn, pattern) for pattern in one.inputs["resources"])
        and all(
            tags.get(wanted["key"].removeprefix("aws:ResourceTag/")) == wanted["value"]
            for condition in one.inputs["conditions"]
            for wanted in condition["stringEquals"]
        )
        for one in found.all("Selection")
    )


def drivers_tags(found: Recording) -> dict[str, str]:
    """What the volume driver puts on a claim's volume: what the add-on is told, and its own."""
    addon = found.one("Addon", "kubeflow-dev-aws-ebs-csi-driver").inputs
    told: dict[str, str] = json.loads(addon["configurationValues"])["controller"]["extraVolumeTags"]
    return {**told, "ebs.csi.aws.com/cluster": "true", "kubernetes.io/created-for/pvc/name": "models"}


def test_the_volumes_of_claims_the_files_and_the_database_are_selected() -> None:
    found = backed_up()
    assert selected(found, "ec2", "volume/vol-1", drivers_tags(found))
    assert selected(found, "elasticfilesystem", "file-system/fs-1", found.one("FileSystem").inputs["tags"])
    assert selected(found, "rds", "db:kubeflow-dev-database", found.one("Instance").inputs["tags"])


def test_nodes_disks_another_stacks_volumes_and_the_bucket_are_not() -> None:
    found = backed_up()
    [disk] = [
        one["tags"]
        for one in found.one("LaunchTemplate").inputs["tagSpecifications"]
        if one["resourceType"] == "volume"
    ]
    assert disk["pulumi:stack"] == "dev"
    assert not selected(found, "ec2", "volume/vol-1", disk)
    assert not selected(found, "ec2", "volume/vol-1", {**drivers_tags(found), "pulumi:stack": "prod"})
    assert not selected(found, "s3", "bucket", found.one("Bucket").inputs["tags"])


def test_what_the_stack_does_not_have_is_not_asked_for() -> None:
    found = backed_up(files="none", database="release")
    assert [one.name for one in found.all("Selection")] == ["kubeflow-dev-volumes"]
    assert not record(lambda: program(inputs())).all("Vault")


def test_a_backup_is_kept_for_as_long_as_is_set() -> None:
    found = backed_up()
    [rule] = found.one("Plan").inputs["rules"]
    assert rule["lifecycle"] == {"deleteAfter": 30}
    assert rule["targetVaultName"] == "kubeflow-dev-backups"
    # A role that is gone backs nothing up: it has its policies first, and loses them last.
    assert all({"kubeflow-dev-backup-backup", "kubeflow-dev-backup-restores"} <= one.depends_on
               for one in found.all("Selection"))  # fmt: skip


def test_the_vault_outlives_the_stack_only_where_that_is_wanted() -> None:
    kept, emptied = backed_up().one("Vault"), backed_up("empty").one("Vault")
    assert (kept.retain_on_delete, kept.inputs["forceDestroy"]) == (True, False)
    assert (emptied.retain_on_delete, emptied.inputs["forceDestroy"]) == (False, True)
    assert backed_up(kept=Kept(vault="kubeflow-dev-backups")).one("Vault").import_id == "kubeflow-dev-backups"
    assert backed_up(protect="true").one("Vault").protect


def test_a_lasting_stack_may_not_empty_its_vault() -> None:
    resource = Resource(
        type="aws:backup/vault:Vault",
        urn="urn:pulumi:production::kubeflow::aws:backup/vault:Vault::v",
        inputs={"forceDestroy": True, "tags": {"pulumi:project": "kubeflow", "pulumi:stack": "production"}},
        protect=False,
    )
    told = [str(one) for one in check([resource], RULES)]
    assert any("set protect to true" in one for one in told), told
    assert any("set storageOnDestroy to keep" in one for one in told), told


@pytest.mark.parametrize("stack", ["kubeflow-dev", "kubeflow-" + "x" * 60, "kubeflow-a.b"])
def test_the_vaults_name_is_one_that_aws_takes(stack: str) -> None:
    assert 2 <= len(vault_name(stack)) <= 50
    assert vault_name(stack).replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backupDays": "3651"}, "backupDays 3651 is out of range"),
        (
            {"backupDays": "7", "clusterMode": "existing", "clusterContext": "here"},
            "backupDays needs the volumes of a cluster to create",
        ),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        settings(**changes)


def test_the_bill_has_a_line_for_one_copy_and_what_changes() -> None:
    [one] = [line for line in cost.estimate(settings(backupDays="1"), volumes_gib=100) if line.name == "backups"]
    assert one.on_demand == 5
    both = {"backupDays": "1", "files": "efs", "database": "rds"}
    [all_] = [line for line in cost.estimate(settings(**both), volumes_gib=100) if line.name == "backups"]
    assert float(all_.on_demand) == pytest.approx(5 + 2.5 + 20 * 0.095)
    [month] = [line for line in cost.estimate(settings(backupDays="31"), volumes_gib=100) if line.name == "backups"]
    assert float(month.on_demand) == pytest.approx(5 * 1.6)
