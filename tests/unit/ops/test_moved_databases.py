"""What is in a database is copied once between the claim and the managed one."""

import base64
from contextlib import nullcontext
from typing import Any

import pytest

from ops.migrations import databases, table
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from tests.unit.ops.migrating import Live, between, deployment, made

USERS_JOB = made("batch/v1", "Job", "database-users", spec={"template": {"spec": {"containers": []}}})
CLIENTS = [deployment("ml-pipeline"), deployment("cache-server")]
RELEASE = [deployment("mysql"), made("v1", "PersistentVolumeClaim", "mysql-pv-claim"), *CLIENTS]
MANAGED = [USERS_JOB, *CLIENTS]


def with_mysql(**about: Any) -> Live:
    """A cluster in which MySQL runs, and whose administrator of the managed one is known."""
    pod = made("v1", "Pod", "mysql-1", status={"phase": "Running"})
    pod["metadata"]["labels"] = {"app": "mysql", "pod-template-hash": "1"}
    known = {"host": "db.example", "username": "kubeflow", "password": "pw"}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in known.items()}
    claim = made("v1", "PersistentVolumeClaim", "mysql-pv-claim")
    return Live(claim, pod, deployment("mysql"), made("v1", "Secret", "database-admin", data=data), **about)


def moved(live: Live, before: list[Manifest], after: list[Manifest], *, runs_pods: bool = True) -> list[str]:
    """What is said where the engine sends every client, each of which has the copy ahead of it."""
    said: list[str] = []
    step = between(before, after, runs_pods=runs_pods)
    ahead = databases.ahead(step, lambda: nullcontext(live), lambda line: said.append(str(line)))
    assert {id_.name for id_ in ahead} == {"ml-pipeline", "cache-server"}
    for one in ahead.values():
        one()
    return said


@pytest.mark.parametrize(("before", "after", "way"), [(RELEASE, MANAGED, "managed"), (MANAGED, RELEASE, "claim")])
def test_data_is_copied_once_before_the_first_client_of_the_other_database(
    before: list[Manifest], after: list[Manifest], way: str
) -> None:
    live = with_mysql(says="mlpipeline.runs 3\n\nmetadb.Type 20")
    [told] = table.look(between(before, after), live)
    assert told.startswith("What is in mlpipeline and cachedb and metadb is copied ")
    said = moved(live, before, after)
    assert said[1].startswith("copied 23 rows in 2 tables to ")
    given = f"{way} db.example 3306 kubeflow pw pipelines,cache,metadata mlpipeline,cachedb,metadb"
    assert live.given == [given]
    # A run that was cut short after that must not copy old rows over new ones.
    begun = between([*before, *after], after)
    table.before(begun, live, len)
    assert table.look(begun, live) == []
    assert moved(live, [*before, *after], after) == []
    # The way back is another copy.
    moved(live, after, before)
    assert len(live.given) == 2


def test_a_note_of_an_earlier_life_is_none_and_whoever_gives_up_keeps_what_is_there() -> None:
    live = with_mysql(ends="Failed")
    live.objects[0]["metadata"]["annotations"] = {databases.HELD: "managed"}
    step = between(RELEASE, MANAGED)
    assert len(table.look(step, live)) == 1
    table.before(step, live, len)
    with pytest.raises(UserError):
        moved(live, RELEASE, MANAGED)
    # Nothing was copied, so there is nothing to bring back over what is in the claim.
    given_up = between([*RELEASE, USERS_JOB], RELEASE)
    table.before(given_up, live, len)
    assert table.look(given_up, live) == []
    assert moved(live, [*RELEASE, USERS_JOB], RELEASE) == []
    assert len(live.given) == 1


def test_data_that_was_not_all_copied_holds_the_clients_up_and_is_copied_again() -> None:
    live = with_mysql(ends="Failed")
    told = r"was not all copied to the managed database \(It ended with 1: no room\)\. The old database goes on"
    for _ in range(2):
        with pytest.raises(UserError, match=told):
            moved(live, RELEASE, MANAGED)
    assert len(live.given) == 2


def test_a_database_that_does_not_run_is_told_before_anything_changes() -> None:
    live = with_mysql()
    live.objects = [one for one in live.objects if one["kind"] != "Pod"]
    with pytest.raises(UserError, match="No pod of the database mysql runs, and what is in it is to be copied"):
        table.check(between(RELEASE, MANAGED), live)
    table.check(between(RELEASE, MANAGED, runs_pods=False), live)
    [said] = moved(live, RELEASE, MANAGED, runs_pods=False)
    assert said == "Pods on this machine run nothing, so of the data of mysql nothing is copied."


def test_where_no_database_changes_nothing_is_copied() -> None:
    for objects in (RELEASE, MANAGED):
        assert databases.ahead(between(objects, objects), lambda: nullcontext(with_mysql()), len) == {}
