from collections.abc import Sequence
from typing import Literal

import pytest

from infra.aws.database import Database, DatabaseArgs, Parameter
from infra.aws.kept import Kept
from infra.program import program
from infra.settings import SettingsError
from ops.costs.database import database_price
from tests.unit.inputs import inputs
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import settings

TAGS = {"team": "ml"}
NAME = "kubeflow-dev"


def database(
    on_destroy: Literal["keep", "empty"] = "keep",
    *,
    protect: bool = False,
    kept: str | None = None,
    least_gib: int = 0,
    snapshot: str = "",
    storage_gib: int = 20,
    parameters: Sequence[Parameter] = (),
) -> Recording:
    given = settings(database="rds", databaseSnapshot=snapshot, databaseStorageGiB=storage_gib).database
    assert given is not None

    def program() -> dict[str, object]:
        made = Database(
            NAME,
            DatabaseArgs(
                database=given,
                vpc_id="vpc-1",
                subnet_ids=["subnet-1", "subnet-2"],
                group_id="sg-cluster",
                password="secret",
                on_destroy=on_destroy,
                kept=kept,
                last="kubeflow-dev-database-last-1",
                least_gib=least_gib,
                parameters=parameters,
                protect=protect,
                tags=TAGS,
            ),
        )
        return {"host": made.host}

    return record(program)


def test_the_database_is_encrypted_private_and_for_the_cluster_alone() -> None:
    found = database()
    instance = found.one("Instance").inputs
    assert instance["storageEncrypted"] is True
    assert instance["publiclyAccessible"] is False
    assert (instance["engine"], instance["engineVersion"]) == ("mysql", "8.4")
    assert found.one("SubnetGroup").inputs["subnetIds"] == ["subnet-1", "subnet-2"]
    [rule] = found.one("SecurityGroup").inputs["ingress"]
    assert rule == {"protocol": "tcp", "fromPort": 3306, "toPort": 3306, "securityGroups": ["sg-cluster"]}


def test_the_server_refuses_what_is_not_encrypted() -> None:
    [parameter] = database().one("ParameterGroup").inputs["parameters"]
    assert (parameter["name"], parameter["value"]) == ("require_secure_transport", "1")


def test_what_its_clients_need_is_set_where_rds_has_it() -> None:
    native = Parameter(name="mysql_native_password", value="1", static=True)
    found = database(parameters=[native]).one("ParameterGroup").inputs["parameters"]
    assert [(one["name"], one["applyMethod"]) for one in found] == [
        ("require_secure_transport", "immediate"),
        ("mysql_native_password", "pending-reboot"),
    ]


def test_no_password_has_a_character_that_sql_a_shell_or_an_address_would_read_otherwise() -> None:
    found = record(lambda: program(inputs(database="rds"))).resources
    made = [one for one in found if one.type == "random:index/randomPassword:RandomPassword"]
    for name in ("database-password", "katib-mysql-password"):
        assert [one for one in made if one.name.endswith(f"-{name}")], name
    assert [one.name for one in made if one.inputs.get("special", True)] == []


def test_its_data_outlives_the_stack_only_where_that_is_wanted() -> None:
    kept, emptied = database().one("Instance").inputs, database("empty").one("Instance").inputs
    assert kept["finalSnapshotIdentifier"] == "kubeflow-dev-database-last-1"
    assert kept["skipFinalSnapshot"] is False
    assert emptied["skipFinalSnapshot"] is True
    assert "finalSnapshotIdentifier" not in emptied


def test_it_starts_from_what_an_earlier_life_kept_or_the_settings_name() -> None:
    assert "snapshotIdentifier" not in database().one("Instance").inputs
    assert database(kept="last-1").one("Instance").inputs["snapshotIdentifier"] == "last-1"
    assert database(snapshot="awsbackup:job-1").one("Instance").inputs["snapshotIdentifier"] == "awsbackup:job-1"
    assert database(kept="last-1", snapshot="mine").one("Instance").inputs["snapshotIdentifier"] == "mine"


@pytest.mark.parametrize(
    ("wanted", "least", "sent"),
    [(20, 0, (20, 100)), (20, 60, (60, 300)), (80, 60, (80, 400)), (20, 40000, (40000, 65536))],
)
def test_it_begins_with_no_less_than_it_had_and_may_grow_from_there(
    wanted: int, least: int, sent: tuple[int, int]
) -> None:
    instance = database(storage_gib=wanted, least_gib=least).one("Instance").inputs
    assert (instance["allocatedStorage"], instance["maxAllocatedStorage"]) == sent


def test_what_was_kept_says_how_large_it_comes_back() -> None:
    kept = Kept(snapshot="last-1", last_snapshot="last-2", database_gib=60)
    instance = record(lambda: program(inputs(database="rds", kept=kept)).export()).one("Instance").inputs
    assert (instance["snapshotIdentifier"], instance["allocatedStorage"]) == ("last-1", 60)


def test_protection_holds_in_the_engine_and_in_aws() -> None:
    instance = database(protect=True).one("Instance")
    assert instance.protect
    assert instance.inputs["deletionProtection"] is True


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"databaseInstanceClass": "m7g.large"}, "databaseInstanceClass 'm7g.large' is not a class of RDS"),
        ({"databaseBackupDays": "36"}, "databaseBackupDays 36 is out of range"),
        ({"databaseStorageGiB": "10"}, "databaseStorageGiB 10 is out of range"),
        ({"databaseSnapshot": "aws:job-1"}, "databaseSnapshot 'aws:job-1' is not the name of a snapshot"),
        ({"databaseSnapshot": "a--b"}, "databaseSnapshot 'a--b' is not the name of a snapshot"),
        ({"database": "release", "databaseSnapshot": "mine"}, "databaseSnapshot is for a managed database"),
        (
            {"clusterMode": "existing", "clusterContext": "here"},
            "database 'rds' needs the VPC of a cluster to create",
        ),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        settings(**{"database": "rds", **changes})


def test_a_standby_costs_as_much_again() -> None:
    one, two = (settings(database="rds", databaseMultiAz=standby).database for standby in ("false", "true"))
    assert one is not None
    assert two is not None
    assert database_price(two)[1] == 2 * database_price(one)[1]
