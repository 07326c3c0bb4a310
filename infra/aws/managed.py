"""Whether RDS offers the database that a stack wants: asked before anything is made."""

from collections.abc import Iterable
from typing import Any

from infra.aws.database import ENGINE, FAMILY, STORAGE, VERSION, Parameter
from infra.settings import DatabaseSettings
from ordering.errors import UserError

# RDS API reference, "DescribeOrderableDBInstanceOptions": what a region never had, and what a class is not.
_UNKNOWN = frozenset({"InvalidParameterValue", "InvalidParameterCombination"})


def check(rds: Any, database: DatabaseSettings, zones: Iterable[str]) -> None:
    """UserError unless RDS offers the class, with MySQL of the version and as it is set, in enough of the zones.

    ClientError when AWS does not say.
    """
    wanted, zones = database.instance_class, list(zones)
    offered = _offered(rds, wanted)
    if not offered:
        raise UserError(
            f"RDS does not offer databaseInstanceClass {wanted} with MySQL in this region; choose another class."
        )
    fitting = [one for one in offered if f"{one['EngineVersion']}.".startswith(f"{VERSION}.")]
    if not fitting:
        versions = ", ".join(sorted({str(one["EngineVersion"]) for one in offered}))
        raise UserError(
            f"RDS does not offer databaseInstanceClass {wanted} with MySQL {VERSION} in this region (with {versions}); "
            "choose another class."
        )
    fitting = [one for one in fitting if one.get("StorageType") == STORAGE and one.get("SupportsStorageEncryption")]
    if not fitting:
        raise UserError(
            f"RDS offers databaseInstanceClass {wanted} without encrypted {STORAGE} storage; choose another class."
        )
    if database.multi_az:
        fitting = [one for one in fitting if one.get("MultiAZCapable")]
        if not fitting:
            raise UserError(
                f"RDS offers no standby for databaseInstanceClass {wanted}; choose another class, or set "
                "databaseMultiAz to false."
            )
    there = {zone["Name"] for one in fitting for zone in one.get("AvailabilityZones", ())}
    enough = 2 if database.multi_az else 1
    if len(there.intersection(zones)) < enough:
        raise UserError(
            f"RDS offers databaseInstanceClass {wanted} in {', '.join(sorted(there)) or 'no zone'}, and it takes "
            f"{enough} of networkZones ({', '.join(zones)}); choose another class, or other zones."
        )


def native_password(rds: Any) -> list[Parameter]:
    """What has the server load `mysql_native_password`, by which ML Metadata's client signs in.

    MySQL 8.4 loads it with an option of that name only (its reference manual, "Native Pluggable Authentication"). On
    RDS it still works with 8.4, and not with a later version (RDS user guide, "Known issues and limitations", "MySQL
    default authentication plugin"). That no option is wanted for that is said of Aurora alone, where the plugin is
    always on and nobody changes that (Aurora user guide, "Aurora MySQL version 8.4 compatible with MySQL 8.4"). So RDS
    is asked which parameters it has for 8.4 (API reference, "DescribeEngineDefaultParameters"): one that it does not
    have would fail the whole group. Where nobody may set one nothing is set. `authentication_policy` stays: it is what
    a user gets that names no plugin, `caching_sha2_password` by default. ClientError when AWS does not say.
    """
    pages = rds.get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily=FAMILY)
    return [
        Parameter(
            name=one["ParameterName"],
            value="1" if "1" in str(one.get("AllowedValues")).split(",") else "ON",
            static=one.get("ApplyType") == "static",
        )
        for page in pages
        for one in page["EngineDefaults"].get("Parameters", ())
        if str(one["ParameterName"]).replace("-", "_") == "mysql_native_password" and one.get("IsModifiable")
    ]


def _offered(rds: Any, instance_class: str) -> list[dict[str, Any]]:
    # botocore takes a while to import, and whoever has a client has done so.
    from botocore.exceptions import ClientError

    asked = rds.get_paginator("describe_orderable_db_instance_options")
    try:
        pages = asked.paginate(Engine=ENGINE, DBInstanceClass=instance_class, Vpc=True)
        return [one for page in pages for one in page["OrderableDBInstanceOptions"]]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _UNKNOWN:
            return []
        raise
