"""`up` on an engine that is played: what is shown, who is asked, and what stops it before anything is changed."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from pulumi import automation
from pulumi.automation.events import EngineEvent
from rich.console import Console

from ops import bring_up as module
from ops import preview, run
from ops.bring_up import Brought, bring_up
from ops.commands import up
from ops.comment import CostLine
from ops.drift import Drift, Drifted
from ops.preview import Preview
from ops.progress import Tracker
from ops.run import Ground, Session
from ops.steps import Recorder, Step
from ops.summary import print_planned
from ordering.errors import UserError
from ordering.graph import build
from tests.unit.settings_source import settings

BUCKET = "aws:s3/bucket:Bucket"


def event(op: str, type_: str, name: str, **inputs: Any) -> EngineEvent:
    """What the engine tells before a step."""
    urn = f"urn:pulumi:dev::kubeflow::kubeflow:infra:Storage${type_}::{name}"
    state = {"type": type_, "urn": urn, "id": "", "inputs": inputs, "protect": False}
    sides = {"old": None if op == "create" else state, "new": None if op == "delete" else state}
    metadata = {"op": op, "urn": urn, "type": type_, "provider": "", **sides}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": metadata}})


def tagged(**inputs: Any) -> dict[str, Any]:
    return {"tags": {"pulumi:project": "kubeflow", "pulumi:stack": "dev"}, **inputs}


@dataclass
class Engine:
    """An engine that tells the same events of a preview and of an update."""

    events: list[EngineEvent]
    name: str = "dev"
    did: list[str] = field(default_factory=list)
    state: list[dict[str, Any]] = field(default_factory=list)
    later: list[EngineEvent] = field(default_factory=list)
    """What it tells once it has read what changed by itself."""

    def export_stack(self) -> automation.Deployment:
        self.did.append("looked")
        return automation.Deployment(version=3, deployment={"resources": self.state})

    def preview(self, *, on_event: Callable[[EngineEvent], None], **_: Any) -> None:
        self.did.append("previewed")
        for one in self.events:
            on_event(one)

    def refresh(self, *, target: list[str], **_: Any) -> None:
        self.did.append(f"read {' '.join(one.rpartition('::')[2] for one in target)}")
        self.events = self.later

    def up(self, *, on_event: Callable[[EngineEvent], None], **_: Any) -> Any:
        self.did.append("updated")
        for one in self.events:
            on_event(one)
        return SimpleNamespace(outputs={"bucket": automation.OutputValue("b", False)})


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and prices without files of a release, and a cluster in which nothing is kept."""
    found = SimpleNamespace(settings=settings())
    monkeypatch.setattr(module, "stack_settings", lambda stack, changes: found)
    monkeypatch.setattr(run, "read_config", lambda stack: ({"aws:region": "us-west-2"}, frozenset()))
    monkeypatch.setattr("ops.cost.claimed_gib", lambda settings: 50)
    empty = SimpleNamespace(metadata=lambda *_, **__: [])
    monkeypatch.setattr(module, "answered", lambda session: nullcontext(empty))


def brought(
    engine: Engine,
    agree: Callable[[Preview], None] = lambda _: None,
    refusal: UserError | None = None,
    live_version: str = "",
    clients: dict[Any, Any] | None = None,
    leaves: bool = False,
) -> Brought:
    graph = build([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}])
    program = SimpleNamespace(
        graph=graph,
        preload=lambda: None,
        expected=dict,
        failure=None,
        refusal=refusal,
        notices=(),
        live_version=live_version,
        given=None,
        leaves_pod_identity=leaves,
    )
    session = Session(
        stack=cast("Any", engine),
        program=cast("Any", program),
        tracker=Tracker(console=Console(quiet=True)),
        ground=Ground(),
        clients={} if clients is None else clients,
    )
    return bring_up(session, show=lambda _: engine.did.append("shown"), agree=agree)


def test_what_is_agreed_to_is_looked_at_once_shown_and_then_made() -> None:
    engine = Engine([event("create", BUCKET, "artifacts", **tagged())])
    done = brought(engine, lambda planned: engine.did.append(f"asked about {len(planned.changes)}"))
    assert engine.did == ["looked", "previewed", "shown", "asked about 1", "updated"]
    assert done.preview is not None
    assert done.preview.costs is not None
    assert sum(line.before for line in done.preview.costs) == 0
    assert round(sum(line.after for line in done.preview.costs), 2) == 868.1


def test_a_stack_that_leaves_pod_identity_is_asked_about_twice() -> None:
    engine = Engine([event("create", BUCKET, "artifacts", **tagged())])
    brought(engine, lambda _: engine.did.append("asked"), leaves=True)
    once = ["looked", "previewed", "shown", "asked", "updated"]
    assert engine.did == [*once, *once]


def test_what_others_changed_is_read_before_anything_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    urn = "urn:pulumi:dev::kubeflow::aws:iam/role:Role::role"
    engine = Engine([event("create", BUCKET, "artifacts", **tagged())], state=[{"urn": urn}])
    gone = Drifted(urn=urn, type="aws:iam/role:Role", change="deleted")
    monkeypatch.setattr("ops.drift.look", lambda session: Drift(found=(gone,)))
    engine.later = engine.events
    brought(engine)
    assert engine.did == ["looked", "read role", "previewed", "shown", "updated"]


def test_a_cluster_that_does_not_answer_may_be_let_in_by_this_very_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(session: Session) -> Drift:
        raise OSError("no route")

    engine = Engine([event("create", BUCKET, "artifacts", **tagged())], state=[{"urn": "urn:a::b::c::d"}])
    monkeypatch.setattr("ops.drift.look", silent)
    brought(engine)
    assert engine.did == ["looked", "previewed", "shown", "updated"]


def test_a_cluster_is_asked_again_what_it_serves_once_definitions_may_have_gone() -> None:
    clients = {"cluster": "knows what was served before"}
    brought(Engine([event("create", BUCKET, "artifacts", **tagged())]), clients=clients)
    assert not clients


def test_what_a_failed_run_has_marked_as_kept_is_not_once_one_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the state, so no run finds it as something to take over."""
    kept = {"Namespace": [{"metadata": {"name": "a"}}, {"metadata": {"name": "left"}}]}
    patched: list[str] = []
    cluster = SimpleNamespace(
        metadata=lambda version, kind, **_: kept.get(kind, []),
        patch=lambda manifest, change: patched.append(manifest["metadata"]["name"]),
    )
    monkeypatch.setattr(module, "answered", lambda session: nullcontext(cluster))
    brought(Engine([event("create", BUCKET, "artifacts", **tagged())]))
    assert patched == ["a"]


def test_what_nobody_agrees_to_is_not_made() -> None:
    engine = Engine([event("create", BUCKET, "artifacts", **tagged())])

    def disagree(_: Preview) -> None:
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        brought(engine, disagree)
    assert engine.did == ["looked", "previewed", "shown"]


def test_a_broken_mandatory_rule_is_shown_and_stops_it_before_anybody_is_asked() -> None:
    engine = Engine([event("create", BUCKET, "open", **tagged(acl="public-read"))])
    with pytest.raises(UserError, match=r"1 policy rule is broken:\n  - open: is public "):
        brought(engine, lambda _: pytest.fail("nobody may be asked"))
    assert engine.did == ["looked", "previewed", "shown"]


def test_whom_the_cluster_does_not_let_in_is_told_before_anybody_is_asked() -> None:
    engine = Engine([event("create", BUCKET, "artifacts", **tagged())])
    with pytest.raises(UserError, match="stranger"):
        brought(engine, lambda _: pytest.fail("nobody may be asked"), refusal=UserError("a stranger"))
    assert engine.did == ["looked", "previewed"]


def control_plane(version: str) -> EngineEvent:
    encrypted = {"resources": ["secrets"], "provider": {"keyArn": "key"}}
    return event("same", "aws:eks/cluster:Cluster", "eks", **tagged(version=version, encryptionConfig=encrypted))


@pytest.mark.parametrize("known", ["1.34", "1.33"])
def test_a_cluster_that_eks_upgraded_is_read_into_the_state_before_anybody_is_asked(known: str) -> None:
    engine = Engine([control_plane(known)], later=[control_plane("1.35")])
    done = brought(engine, live_version="1.35")
    assert engine.did == ["looked", "previewed", "read eks", "previewed", "shown", "updated"]
    assert done.preview is not None
    assert done.preview.notices == ()


@pytest.mark.parametrize("live_version", ["1.35", "1.34", ""])
def test_a_cluster_that_is_as_the_state_has_it_is_not_read_again(live_version: str) -> None:
    engine = Engine([control_plane("1.35")])
    brought(engine, live_version=live_version)
    assert engine.did == ["looked", "previewed", "shown", "updated"]


def test_a_preview_says_what_eks_has_done_already() -> None:
    engine = Engine([control_plane("1.34")], later=[control_plane("1.34")])
    done = brought(engine, live_version="1.35")
    assert done.preview is not None
    assert done.preview.notices[0].startswith("The cluster runs Kubernetes 1.35 already, and the state has 1.34: EKS ")


def test_the_local_stack_goes_ahead_and_the_rules_are_applied_to_what_it_made() -> None:
    engine = Engine([event("create", BUCKET, "open", **tagged(acl="public-read"))], name="local")
    done = brought(engine, lambda _: pytest.fail("nobody may be asked"))
    assert engine.did == ["looked", "updated"]
    assert done.preview is None
    assert [one.rule for one in done.violations] == ["public-access"]


def planned(*steps: Step) -> Preview:
    return Preview(stack="dev", steps=steps, violations=(), costs=None, note="", parts={})


CREATED = Step(urn="urn:pulumi:dev::kubeflow::a::b", type=BUCKET, change="create")
KEPT = Step(urn="urn:pulumi:dev::kubeflow::a::c", type=BUCKET, change="same")


def answered(monkeypatch: pytest.MonkeyPatch, answer: str, *arguments: str, plan: Preview | None = None) -> Any:
    """`up --stack dev` by somebody who types this answer, as far as it comes."""

    class Agreed(Exception):  # noqa: N818
        pass

    def play(session: object, *, show: object, agree: Callable[[Preview], None], **given: Any) -> None:
        assert given == {"adopt": False, "lose": [], "keep": []}
        agree(plan or planned(CREATED))
        raise Agreed

    class Opened:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr("ops.run.session", lambda *args, **kwargs: Opened())
    monkeypatch.setattr(up, "bring_up", play)
    monkeypatch.setattr(up, "sound_settings", settings)
    done = CliRunner().invoke(up.command, ["--stack", "dev", *arguments], input=answer)
    return done.exception if isinstance(done.exception, UserError) else type(done.exception).__name__


@pytest.mark.parametrize(("answer", "words"), [("de\n", "'de' is not dev"), ("\n", "'' is not"), ("", "YES=1 brings")])
def test_any_answer_but_the_stacks_name_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, answer: str, words: str
) -> None:
    for arguments in ([], ["--yes=0"], ["--format=json"]):
        error = answered(monkeypatch, answer, *arguments)
        assert words in str(error)
        assert "nothing was changed" in str(error)


def test_the_name_a_yes_and_a_preview_without_changes_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(monkeypatch, "dev\n") == "Agreed"
    assert answered(monkeypatch, "", "--yes") == "Agreed"
    assert answered(monkeypatch, "", plan=planned(KEPT)) == "Agreed"


def test_a_preview_names_what_is_lost_and_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(
        planned(
            Step(urn="urn:pulumi:dev::kubeflow::a::kept", type=BUCKET, change="delete", retained=True),
            Step(urn="urn:pulumi:dev::kubeflow::a::lost", type=BUCKET, change="replace", causes=("bucket",)),
            Step(urn="urn:pulumi:dev::kubeflow::a::vpc", type="aws:ec2/vpc:Vpc", change="delete"),
            KEPT,
        ),
        costs=(CostLine(name="nodes", before=700.8, after=1401.6),),
    )
    print_planned(Console(width=160), found)
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "Planned: 2 to delete, 1 to replace, 1 unchanged" in told
    assert "By class: 1 data, 1 deleted, 1 kept" in told
    assert "data Bucket/lost lost: the objects in it; bucket cannot change" in told
    assert "kept Bucket/kept leaves the state and stays where it is" in told
    assert "deleted Vpc/vpc" in told
    assert "Data is lost with 1 of these 3." in told
    assert "Cost: 1,401.60 USD a month after, 700.80 before (+700.80)" in told


def test_a_provider_that_the_engine_makes_by_itself_is_not_counted() -> None:
    recorder = Recorder(console=Console(quiet=True))
    recorder(event("same", BUCKET, "artifacts"))
    recorder(event("same", "pulumi:providers:kubernetes", "cluster"))
    recorder(event("same", "pulumi:providers:aws", "default_7_51_1"))
    recorder(event("same", BUCKET, "default-artifacts"))
    assert [step.name for step in recorder.steps.values()] == ["artifacts", "cluster", "default-artifacts"]


def test_a_preview_leaves_its_recorder_with_the_session() -> None:
    engine = Engine([event("same", BUCKET, "artifacts", **tagged())])
    graph = build([])
    program = SimpleNamespace(
        given=None,
        graph=graph,
        preload=lambda: None,
        expected=dict,
        failure=None,
        refusal=None,
        notices=(),
        live_version="",
    )
    session = Session(
        stack=cast("Any", engine),
        program=cast("Any", program),
        tracker=Tracker(console=Console(quiet=True)),
        ground=Ground(),
    )
    found = preview.look(session, settings())
    assert isinstance(session.tracker, Recorder)
    assert (found.counts["same"], found.changes) == (1, [])
