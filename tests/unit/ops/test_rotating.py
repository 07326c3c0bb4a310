"""A database is told its new password before anybody reads it, and only where it changes; a run cut short goes on."""

import json
import os
import subprocess
from base64 import b64encode
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from infra.kubeflow.credentials import GENERATED
from ops.commands import rotate
from ops.rotating import SCRIPT, rotated, tell
from ops.unanswered import SECRET
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

TYPE = "random:index/randomPassword:RandomPassword"


def made(name: str, value: str, component: str = "kubeflow:infra:Credentials") -> dict[str, Any]:
    sealed = {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}
    return {
        "type": TYPE,
        "urn": f"urn:pulumi:dev::kubeflow::{component}${TYPE}::kubeflow-dev-{name}",
        "outputs": {"result": sealed},
    }


STATE = [made(spec.name.replace("_", "-"), f"new-{spec.name}") for spec in GENERATED] + [made("salt-seed", "seed")]


def secret(name: str, **data: str) -> Manifest:
    encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "kubeflow"}, "data": encoded}


def pod(name: str, phase: str = "Running", **labels: str) -> Manifest:
    return {"metadata": {"name": name, "namespace": "kubeflow", "labels": labels}, "status": {"phase": phase}}


class Live:
    """A cluster whose databases do as they are asked, unless they refuse."""

    def __init__(self, *objects: Manifest, answer: str = "changed\n") -> None:
        self.objects = [
            secret("mysql-secret", password="old", username="root"),
            secret("katib-mysql-secrets", MYSQL_ROOT_PASSWORD="old-katib"),
            *(deployment(name) for name in ("mysql", "katib-mysql")),
            *objects,
        ]
        self.answer = answer
        self.told: list[tuple[str, str, str]] = []

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        place = (kind, namespace, name)
        at = ((one.get("kind"), one["metadata"]["namespace"], one["metadata"]["name"]) for one in self.objects)
        return next((one for one, there in zip(self.objects, at, strict=True) if there == place), None)

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        if kind == "Pod":
            return [
                pod("other", app="mysql", phase="Pending"),
                pod("mysql-1", app="mysql", more="labels"),
                pod("katib-1", **{"katib.kubeflow.org/component": "mysql"}),
            ]
        return [one for one in self.objects if one.get("kind") == kind]

    def execute(self, pod: Manifest, container: str, script: str, given: str) -> str:
        assert script == SCRIPT
        self.told.append((pod["metadata"]["name"], container, given))
        return self.answer


def deployment(name: str) -> Manifest:
    template = {"spec": {"containers": [{"name": f"{name}-main"}, {"name": "istio-proxy"}]}}
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": "kubeflow"}, "spec": {"template": template}}


def test_each_database_is_told_the_password_that_its_secret_gets() -> None:
    live, said = Live(), list[str]()
    tell(STATE, live, said.append, run_pods=True)
    assert live.told == [
        ("mysql-1", "mysql-main", "new-mysql_password"),
        ("katib-1", "katib-mysql-main", "new-katib_mysql_password"),
    ]
    assert said == [f"told the database {name} its new password" for name in ("mysql", "katib-mysql")]


def test_a_database_whose_password_stays_or_that_is_not_there_is_not_asked() -> None:
    live = Live()
    live.objects = [secret("mysql-secret", password="new-mysql_password"), deployment("mysql")]
    tell(STATE, live, pytest.fail, run_pods=True)
    live.objects = [secret("mysql-secret", password="old")]
    tell(STATE, live, pytest.fail, run_pods=True)
    tell([], Live(), pytest.fail, run_pods=True)
    assert live.told == []


def test_a_database_that_does_not_take_it_stops_the_run_and_no_secret_is_told() -> None:
    live = Live(answer="ERROR 1045 (28000): Access denied\n")
    with pytest.raises(UserError, match=r"The database mysql does not take a new password \(ERROR 1045 .* nothing was"):
        tell(STATE, live, pytest.fail, run_pods=True)
    with pytest.raises(UserError, match="it says nothing") as refused:
        tell(STATE, Live(answer=""), pytest.fail, run_pods=True)
    assert "new-mysql" not in str(refused.value)


def test_a_database_none_of_whose_pods_runs_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    live = Live()
    monkeypatch.setattr(live, "list", lambda *_: [])
    with pytest.raises(UserError, match=r"No pod of the database mysql runs, .* Nothing was changed"):
        tell(STATE, live, pytest.fail, run_pods=True)


def test_where_pods_run_nothing_that_is_said() -> None:
    said: list[str] = []
    tell(STATE, Live(), said.append, run_pods=False)
    assert [one.partition(", so ")[2] for one in said] == [
        f"the database {name} is not told its new password." for name in ("mysql", "katib-mysql")
    ]


def test_all_of_the_stacks_own_is_made_again_but_the_seed_that_hashes_the_login() -> None:
    teams = made("mysql-password", "theirs", component="team:extension:Database")
    names = {urn.rpartition("::")[2] for urn in rotated([*STATE, teams])}
    assert teams["urn"] not in rotated([*STATE, teams])
    assert names == {f"kubeflow-dev-{spec.name.replace('_', '-')}" for spec in GENERATED}


@pytest.mark.parametrize(
    ("password", "given", "said", "sql"),
    [
        ("old", "new", "changed", True),
        ("new", "new", "changed", False),
        ("unknown", "new", "", True),
    ],
)
def test_the_script_asks_first_and_changes_what_it_asks_by_last(
    tmp_path: Path, password: str, given: str, said: str, sql: bool
) -> None:
    """On a client that is played; it was run on MariaDB 10.11 as well, whose statements are the same."""
    client = tmp_path / "mysql"
    told = 'case "$*" in *execute*) ;; *) cat > asked;; esac'
    client.write_text(f'#!/bin/sh\n{told}\n[ "$MYSQL_PWD" = {password} ]\n')
    client.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MYSQL_ROOT_PASSWORD": "old"}
    command = ["sh", "-c", SCRIPT]
    done = subprocess.run(
        command, input=f"{given}\n", cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == said
    asked = tmp_path / "asked"
    lines = asked.read_text().splitlines() if asked.exists() else []
    assert bool(lines) is sql
    if lines:
        assert lines == [
            "ALTER USER IF EXISTS 'root'@'%' IDENTIFIED BY 'new';",
            "ALTER USER 'root'@'localhost' IDENTIFIED BY 'new';",
        ]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    played = SimpleNamespace(resources=STATE, did=[])
    monkeypatch.setattr(rotate, "sound_settings", lambda stack: None)
    monkeypatch.setattr("ops.run.session", lambda *_, **__: nullcontext(played))
    monkeypatch.setattr("ops.run.settle", lambda *_, **__: None)
    monkeypatch.setattr("ops.preview.look", lambda *_: SimpleNamespace(changes=[]))
    monkeypatch.setattr("ops.rotating.renew", lambda _: played.did.append("made again"))
    brought = SimpleNamespace(outputs={})
    monkeypatch.setattr(rotate, "bring_up", lambda *_, **__: played.did.append("brought up") or brought)
    monkeypatch.setattr("ops.summary.print_up", lambda *_: None)
    return played


def test_rotate_makes_them_again_and_brings_the_stack_up(session: SimpleNamespace) -> None:
    assert CliRunner().invoke(rotate.command, ["--stack=dev", "--yes"]).exception is None
    assert session.did == ["made again", "brought up"]


def test_rotate_asks_and_touches_nothing_without_an_answer(session: SimpleNamespace) -> None:
    done = CliRunner().invoke(rotate.command, ["--stack=dev"], input="no\n")
    assert isinstance(done.exception, UserError)
    assert session.did == []


def test_rotate_refuses_where_more_would_change(session: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleNamespace(changes=[SimpleNamespace(name="nodes")])
    monkeypatch.setattr("ops.preview.look", lambda *_: other)
    done = CliRunner().invoke(rotate.command, ["--stack=dev", "--yes"])
    assert str(done.exception) == (
        "1 other resources of dev would change as well, nodes among them: bring it up first with `make up STACK=dev`."
    )
    session.resources = []
    done = CliRunner().invoke(rotate.command, ["--stack=dev", "--yes"])
    assert "dev has no passwords or keys yet: bring it up first" in str(done.exception)
    assert session.did == []
