"""Who may take a stack down: settings, state, another run and a person's answer, all before anything is touched."""

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pulumi
import pytest
from moto import mock_aws
from pulumi import automation
from rich.console import Console

from infra import preflight
from infra.aws import standing
from infra.aws.standing import Living
from infra.preflight import Caller
from ops import forgetting, people, run, teardown, waiting
from ops.drain import drain
from ops.progress import Tracker
from ops.run import Ground, Session
from ordering.errors import UserError
from tests.unit import settings_source
from tests.unit.ops.test_drain import Played, claim, made, pod, volume

URN = "urn:pulumi:prod::kubeflow::kubeflow:infra:Storage$aws:s3/bucket:Bucket::prod-artifacts"
NAMESPACE = "urn:pulumi:prod::kubeflow::kubeflow:infra:Kubeflow$kubernetes:core/v1:Namespace::kubeflow"


def state(*, protected: bool) -> list[dict[str, Any]]:
    """A stack with a bucket, and a namespace in a cluster that it reaches."""
    return [
        {"type": "aws:s3/bucket:Bucket", "urn": URN, "id": "prod-artifacts-0", "protect": protected},
        {"type": "pulumi:providers:kubernetes", "urn": "urn:provider", "inputs": {}},
        {"type": "kubernetes:core/v1:Namespace", "urn": NAMESPACE},
    ]


@dataclass
class Engine:
    """An engine that keeps a state, is held by another run or not, and runs a destroy's program before it deletes."""

    resources: list[dict[str, Any]]
    held: bool = False
    name: str = "prod"
    did: list[str] = field(default_factory=list)

    def export_stack(self) -> automation.Deployment:
        return automation.Deployment(version=3, deployment={"resources": self.resources})

    def import_stack(self, state: automation.Deployment) -> None:
        self.did.append("import")
        self.resources = list((state.deployment or {})["resources"])

    def destroy(self, *, program: Callable[[], None] | None = None, **options: Any) -> None:
        if self.held:
            raise automation.ConcurrentUpdateError(cast("Any", "[409] Conflict"))
        self.did.append("locked")
        if program is not None:
            assert options["run_program"]
            try:
                program()
            except pulumi.RunError as error:
                self.did.append("failed")
                raise automation.CommandError(cast("Any", f"error: {error}")) from None
        self.did.append("deleted")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Played:
    """The stack's cluster: a database with its claim and volume, and somebody's profile."""
    database = made("Deployment", "mysql", spec={"replicas": 1})
    replicas = made("ReplicaSet", "mysql-1", owner=database, spec={"replicas": 1})
    found = Played(
        made("Profile", "bob", ""),
        database,
        replicas,
        pod("mysql-1-x", "data", replicas),
        claim("data"),
        volume("data"),
    )

    @contextmanager
    def connected(_: object) -> Iterator[Played]:
        yield found

    monkeypatch.setattr(teardown, "connected", connected)
    monkeypatch.setattr(forgetting, "unreachable", lambda access: None)
    monkeypatch.setattr(teardown, "read_config", lambda stack: ({"kubeflow:clusterMode": "create"}, frozenset()))
    monkeypatch.setattr(run, "read_config", lambda stack: ({"aws:region": "us-west-2"}, frozenset()))
    monkeypatch.setattr(teardown, "drain", partial(drain, poll=0))
    monkeypatch.setattr(
        teardown, "stack_settings", lambda stack: SimpleNamespace(settings=settings_source.settings(stack))
    )
    monkeypatch.setattr(preflight, "check_aws", lambda region: Caller(account="1", arn="arn:aws:iam::1:user/ada"))
    monkeypatch.setattr(standing, "look", lambda *_: None)
    return found


def take_down(engine: Engine, *, forget: bool = False, log: io.StringIO | None = None) -> list[dict[str, Any]]:
    console = Console(file=log or io.StringIO(), width=200)
    session = Session(
        stack=cast("Any", engine),
        program=cast("Any", SimpleNamespace(failure=None)),
        tracker=Tracker(console=console),
        ground=Ground(),
    )
    return teardown.destroy(session, console, stuck=lambda _: "stop", forget=forget)


@dataclass
class SlowEngine(Engine):
    """An engine that takes a while before it deletes."""

    def destroy(self, **options: Any) -> None:
        super().destroy(**options)
        time.sleep(0.1)


def test_between_the_drain_and_the_first_delete_it_is_said_what_goes_on(
    cluster: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "INTERVAL_S", 0.02)
    log = io.StringIO()
    take_down(SlowEngine(state(protected=False)), log=log)
    lines = log.getvalue().splitlines()
    assert re.fullmatch(r"waiting since \d+ s: the engine puts in order what it deletes", lines[-1]), lines
    drained = next(index for index, line in enumerate(lines) if line.startswith("drained "))
    assert not any("puts in order" in line for line in lines[:drained])


def test_a_state_that_takes_long_to_read_is_said(cluster: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "INTERVAL_S", 0.02)
    monkeypatch.setattr(forgetting, "unreachable", lambda access: time.sleep(0.1))
    log = io.StringIO()
    take_down(Engine(state(protected=False)), log=log)
    assert "waiting since 0 s: what the state says, and whether the cluster answers" in log.getvalue()


def test_so_is_one_that_takes_long_to_read_once_the_engine_holds_the_stack(
    cluster: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed destroy's second run was silent for 28 s there; a drain tells of itself once it has begun to."""
    monkeypatch.setattr(waiting, "INTERVAL_S", 0.02)

    def slow(known: Callable[..., Any]) -> Callable[..., Any]:
        def after(*given: Any) -> Any:
            time.sleep(0.1)
            return known(*given)

        return after

    monkeypatch.setattr(teardown, "check_state", slow(teardown.check_state))
    monkeypatch.setattr(people, "clear", slow(people.clear))
    log = io.StringIO()
    take_down(Engine(state(protected=False)), log=log)
    lines = log.getvalue().splitlines()
    told = [index for index, line in enumerate(lines) if line.endswith(("is protected", "is looked for"))]
    assert len({lines[index].partition(": ")[2] for index in told}) == 2
    assert told[-1] < next(index for index, line in enumerate(lines) if "has deleted" in line or "drained" in line)


def untouched(cluster: Played) -> bool:
    return not cluster.deleted and not cluster.scaled and len(cluster.objects) == 6


def test_what_the_state_protects_is_named_and_nothing_is_touched(cluster: Played) -> None:
    engine = Engine(state(protected=True))
    with pytest.raises(
        UserError, match=r"^The state of prod protects prod-artifacts: nothing was destroyed; run `make"
    ):
        take_down(engine)
    assert untouched(cluster)
    assert "deleted" not in engine.did


@pytest.mark.parametrize(("administrator", "goes_on"), [("user/ada", True), ("user/bob", False)])
def test_whom_the_cluster_does_not_let_in_takes_nothing_down(
    cluster: Played, monkeypatch: pytest.MonkeyPatch, administrator: str, goes_on: bool
) -> None:
    arn = "arn:aws:iam::123456789012:"
    one = frozenset({arn + administrator})
    monkeypatch.setattr(
        teardown, "stack_settings", lambda stack: SimpleNamespace(settings=settings_source.settings(stack))
    )
    monkeypatch.setattr(preflight, "check_aws", lambda region: Caller(account="123456789012", arn=f"{arn}user/ada"))
    monkeypatch.setattr(
        standing, "look", lambda *_: Living(version="1.35", entries=one, administrators=one, others=one)
    )
    engine = Engine(state(protected=False))
    if goes_on:
        take_down(engine)
    else:
        with pytest.raises(
            UserError, match=r"^Nothing was destroyed\. The cluster .* has no access entry for user/ada"
        ):
            take_down(engine)
    assert untouched(cluster) is not goes_on
    assert ("deleted" in engine.did) is goes_on


def test_many_protected_resources_are_counted(cluster: Played) -> None:
    with pytest.raises(UserError, match=r"protects r0, r1, r2, r3, r4 and 2 more: nothing"):
        teardown.check_state("prod", [{"urn": f"urn::r{index}", "protect": True} for index in range(7)])
    assert untouched(cluster)


def test_while_another_run_holds_the_stack_nothing_is_touched(cluster: Played) -> None:
    engine = Engine(state(protected=False), held=True)
    with pytest.raises(UserError, match="Another run holds stack 'prod'"):
        take_down(engine)
    assert untouched(cluster)
    assert engine.did == []


def test_the_cluster_is_drained_while_the_engine_holds_the_stack(cluster: Played) -> None:
    engine = Engine(state(protected=False))
    assert take_down(engine) == state(protected=False)
    assert engine.did == ["locked", "deleted"]
    assert {"Profile bob", "PersistentVolumeClaim kubeflow/data"} <= set(cluster.deleted)
    assert cluster.scaled == ["Deployment kubeflow/mysql"]


def test_an_empty_state_runs_nothing_before_the_engine(cluster: Played) -> None:
    engine = Engine([])
    assert take_down(engine) == []
    assert engine.did == ["locked", "deleted"]
    assert untouched(cluster)


UNREACHED = "The cluster of context 'x' at https://1.2.3.4 cannot be reached (timed out)"


@pytest.fixture
def lost(cluster: Played, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster that does not answer; EKS has it, unless a test deletes it there."""
    monkeypatch.setattr(forgetting, "unreachable", lambda access: UNREACHED)
    config = {"kubeflow:clusterMode": "create", "aws:region": "us-west-2"}
    monkeypatch.setattr(teardown, "read_config", lambda stack: (config, frozenset()))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        eks: Any = boto3.client("eks", region_name="us-west-2")
        role, network = "arn:aws:iam::123456789012:role/x", {"subnetIds": ["subnet-1"]}
        eks.create_cluster(name="kubeflow-prod", roleArn=role, resourcesVpcConfig=network)
        yield eks


def test_a_cluster_that_does_not_answer_and_lives_says_why_and_nothing_is_touched(lost: Any, cluster: Played) -> None:
    engine = Engine(state(protected=False))
    with pytest.raises(UserError, match=r"cannot be reached \(timed out\), and EKS has it \(active\): nothing was des"):
        take_down(engine)
    assert untouched(cluster)
    assert engine.did == []


def test_what_was_in_a_cluster_that_eks_does_not_have_is_forgotten(lost: Any, cluster: Played) -> None:
    lost.delete_cluster(name="kubeflow-prod")
    engine = Engine(state(protected=False))
    assert [one["type"] for one in take_down(engine)] == ["aws:s3/bucket:Bucket", "pulumi:providers:kubernetes"]
    assert engine.did == ["import", "locked", "deleted"]
    assert untouched(cluster)


def test_the_persons_word_does_where_eks_has_the_cluster_or_need_not_know_it(lost: Any, cluster: Played) -> None:
    engine = Engine(state(protected=False))
    take_down(engine, forget=True)
    assert engine.did == ["import", "locked", "deleted"]


def test_what_is_protected_is_protected_though_the_cluster_is_gone(lost: Any, cluster: Played) -> None:
    lost.delete_cluster(name="kubeflow-prod")
    engine = Engine(state(protected=True))
    with pytest.raises(UserError, match="protects prod-artifacts: nothing was destroyed"):
        take_down(engine, forget=True)
    assert engine.did == []


def test_a_cluster_that_answers_is_not_forgotten(cluster: Played) -> None:
    engine = Engine(state(protected=False))
    with pytest.raises(UserError, match="answers: nothing was destroyed; leave FORGET out"):
        take_down(engine, forget=True)
    assert engine.did == []


def storing(*, retained: bool) -> list[dict[str, Any]]:
    """The stack's bucket and repository, and a bucket of the team's own, about which the setting says nothing."""
    urn = "urn:pulumi:prod::kubeflow::kubeflow:infra:"
    return [
        {"type": kind, "urn": f"{urn}{component}${kind}::x", "id": name, "retainOnDelete": retained}
        for component, kind, name in (
            ("Storage", "aws:s3/bucket:Bucket", "artifacts-1"),
            ("Registry", "aws:ecr/repository:Repository", "images-1"),
        )
    ] + [{"type": "aws:s3/bucket:Bucket", "urn": "urn:pulumi:prod::kubeflow::aws:s3/bucket:Bucket::own", "id": "own"}]


def test_what_the_settings_keep_by_now_is_not_deleted_for_what_they_said_once(
    cluster: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"kubeflow:clusterMode": "create", "kubeflow:storageOnDestroy": "keep"}
    monkeypatch.setattr(teardown, "read_config", lambda stack: (config, frozenset()))
    engine = Engine([*state(protected=False)[1:], *storing(retained=False)])
    with pytest.raises(
        UserError,
        match=r"^storageOnDestroy is keep, and was empty .* artifacts-1, images-1 would be deleted",
    ):
        take_down(engine)
    assert untouched(cluster)
    assert "deleted" not in engine.did


@pytest.mark.parametrize(
    ("setting", "retained", "kept"),
    [("keep", True, []), ("empty", False, []), ("empty", True, ["artifacts-1", "images-1"])],
)
def test_what_is_kept_against_the_settings_is_named(
    monkeypatch: pytest.MonkeyPatch, setting: str, retained: bool, kept: list[str]
) -> None:
    monkeypatch.setattr(teardown, "read_config", lambda stack: ({"kubeflow:storageOnDestroy": setting}, frozenset()))
    assert teardown.check_kept("prod", storing(retained=retained)) == kept


def test_a_log_group_that_eks_made_again_is_deleted_again() -> None:
    groups = [
        {"type": "aws:cloudwatch/logGroup:LogGroup", "id": name}
        for name in ("/aws/eks/prod/cluster", "/aws/eks/calm/cluster", "/team/own")
    ]
    with mock_aws():
        logs = boto3.client("logs", region_name="us-west-2")
        for name in ("/aws/eks/prod/cluster", "/team/own"):
            logs.create_log_group(logGroupName=name)
        said = teardown.logs_again(lambda service: logs, groups)
        assert said == ["EKS had made the log group /aws/eks/prod/cluster again: deleted it once more."]
        assert [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]] == ["/team/own"]


def _last(skipped: bool) -> dict[str, Any]:
    return {"skipFinalSnapshot": skipped, **({} if skipped else {"finalSnapshotIdentifier": "last-2"})}


@pytest.mark.parametrize(("skipped", "left"), [(True, ["dev-own", "theirs-last-1"]), (False, None)])
def test_snapshots_that_earlier_destroys_kept_go_with_a_database_that_leaves_none(
    monkeypatch: pytest.MonkeyPatch, skipped: bool, left: list[str] | None
) -> None:
    monkeypatch.setattr(teardown, "read_config", lambda stack: ({"aws:region": "us-west-2"}, frozenset()))
    urn = "urn:pulumi:dev::kubeflow::kubeflow:infra:Database$aws:rds/instance:Instance::x"
    held = {"type": "aws:rds/instance:Instance", "urn": urn, "inputs": _last(skipped)}
    tags: Any = [{"Key": "pulumi:project", "Value": "kubeflow"}, {"Key": "pulumi:stack", "Value": "dev"}]
    ours = "kubeflow-dev-database"
    with mock_aws():
        rds = boto3.client("rds", region_name="us-west-2")
        for name in (ours, "theirs"):
            rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass="db.t4g.medium",
                Engine="mysql",
                AllocatedStorage=20,
                MasterUsername="a",
                MasterUserPassword="b" * 16,
            )
        for name, of in ((f"{ours}-last-1", ours), ("dev-own", ours), ("theirs-last-1", "theirs")):
            rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=of, Tags=tags)
        said = teardown.snapshots_too(lambda service: rds, "dev", [held])
        names = sorted(
            one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        )
    assert names == (left or sorted([f"{ours}-last-1", "dev-own", "theirs-last-1"]))
    assert len(said) == (1 if skipped else 0)


def test_a_vault_that_would_go_against_the_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teardown, "read_config", lambda stack: ({"kubeflow:storageOnDestroy": "keep"}, frozenset()))
    urn = "urn:pulumi:prod::kubeflow::kubeflow:infra:Backup$aws:backup/vault:Vault::v"
    with pytest.raises(UserError, match="kubeflow-prod-backups would be deleted with all that is in it"):
        teardown.check_kept("prod", [{"type": "aws:backup/vault:Vault", "id": "kubeflow-prod-backups", "urn": urn}])
