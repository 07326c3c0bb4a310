"""What doctor and `up` ask RDS before anything is made, by answers of the shape that its API has."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws import managed
from infra.aws.database import Parameter
from infra.kubeflow.credentials import DATABASE_GENERATED, GENERATED
from infra.settings import SettingsError
from ordering.errors import UserError
from tests.unit.settings_source import settings

ZONES = ("us-west-2a", "us-west-2b")


def option(version: str = "8.4.6", zones: tuple[str, ...] = ZONES, **changes: Any) -> dict[str, Any]:
    told = {"StorageType": "gp3", "SupportsStorageEncryption": True, "MultiAZCapable": True}
    return {"EngineVersion": version, "AvailabilityZones": [{"Name": zone} for zone in zones], **told, **changes}


class Rds:
    """Answers what it is given, or refuses with a code."""

    def __init__(self, *options: dict[str, Any], code: str = "") -> None:
        self._options, self._code = list(options), code

    def get_paginator(self, operation: str) -> "Rds":
        assert operation == "describe_orderable_db_instance_options"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "Vpc": True}
        if self._code:
            raise ClientError({"Error": {"Code": self._code}}, "DescribeOrderableDBInstanceOptions")
        return [{"OrderableDBInstanceOptions": self._options}]


def check(rds: Rds, *, standby: bool = False) -> None:
    database = settings(database="rds", databaseMultiAz=str(standby).lower()).database
    assert database is not None
    managed.check(rds, database, ZONES)


def test_what_is_offered_passes() -> None:
    check(Rds(option("8.0.40"), option()), standby=True)
    check(Rds(option(zones=ZONES[:1])))


class Families:
    """RDS with the parameters of a family, on two pages."""

    def __init__(self, *parameters: dict[str, Any]) -> None:
        self._parameters = parameters

    def get_paginator(self, operation: str) -> "Families":
        assert operation == "describe_engine_default_parameters"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"DBParameterGroupFamily": "mysql8.4"}
        return [{"EngineDefaults": {}}, {"EngineDefaults": {"Parameters": list(self._parameters)}}]


@pytest.mark.parametrize(
    ("told", "set_to"),
    [
        ({"AllowedValues": "0,1", "ApplyType": "static", "IsModifiable": True}, ("1", True)),
        ({"AllowedValues": "OFF,ON", "ApplyType": "dynamic", "IsModifiable": True}, ("ON", False)),
        ({"AllowedValues": "0,1", "ApplyType": "static", "IsModifiable": False}, None),
    ],
)
@pytest.mark.parametrize("name", ["mysql_native_password", "mysql-native-password"])
def test_the_plugin_of_ml_metadatas_client_is_loaded_where_rds_lets_anybody(
    name: str, told: dict[str, Any], set_to: tuple[str, bool] | None
) -> None:
    found = managed.native_password(Families({"ParameterName": "max_connections"}, {"ParameterName": name, **told}))
    assert found == ([Parameter(name=name, value=set_to[0], static=set_to[1])] if set_to else [])
    assert managed.native_password(Families()) == [], "a parameter that is not there would fail the whole group"


@pytest.mark.parametrize(
    ("rds", "standby", "told"),
    [
        (Rds(), False, "does not offer databaseInstanceClass db.t4g.medium with MySQL in this region"),
        (Rds(code="InvalidParameterValue"), False, "does not offer databaseInstanceClass db.t4g.medium"),
        (Rds(option("8.0.40"), option("8.41.0")), False, r"with MySQL 8.4 in this region \(with 8.0.40, 8.41.0\)"),
        (Rds(option(StorageType="gp2")), False, "without encrypted gp3 storage"),
        (Rds(option(MultiAZCapable=False)), True, "no standby for databaseInstanceClass db.t4g.medium"),
        (Rds(option(zones=ZONES[:1])), True, r"in us-west-2a, and it takes 2 of networkZones"),
        (Rds(option(zones=("us-west-2d",))), False, r"in us-west-2d, and it takes 1 of networkZones"),
    ],
)
def test_what_is_not_offered_is_one_sentence(rds: Rds, standby: bool, told: str) -> None:
    with pytest.raises(UserError, match=told):
        check(rds, standby=standby)


def test_a_refusal_to_say_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ClientError):
        check(Rds(code="AccessDenied"))


def test_its_groups_of_subnets_have_two_zones() -> None:
    with pytest.raises(SettingsError, match="needs at least 2; add a zone"):
        settings(database="rds", networkZones='["us-west-2a"]')


def test_no_password_is_longer_than_mysql_takes() -> None:
    # RDS API reference, "CreateDBInstance", MasterUserPassword: 8 to 41 characters for MySQL.
    lengths = {one.name: one.length for one in (*GENERATED, *DATABASE_GENERATED) if "password" in one.name}
    assert {"database_password", "katib_mysql_password"} <= lengths.keys()
    assert all(8 <= length <= 41 for length in lengths.values())
