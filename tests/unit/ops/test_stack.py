"""A stack on the real engine, whose backend is a folder: what is only looked at changes nothing there, nor at home."""

from pathlib import Path

import pytest
from pulumi import automation

from ops import stack as module
from ops.backend import backend
from ops.program import Program
from ops.project import PROJECT_ROOT, read_section
from ops.settings import read_config
from ops.stack import Missing, in_state, make, selected
from ordering.errors import UserError

SETTINGS = PROJECT_ROOT / "Pulumi.dev.yaml"


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A backend that has been looked at, and a home of Pulumi's."""
    (tmp_path / "backend").mkdir()
    found = {
        "PULUMI_BACKEND_URL": (tmp_path / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "mine",
        "PULUMI_HOME": str(tmp_path / "home"),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(UserError, match="'dev' has no state yet"),
        selected("dev", program=Program(), chosen=backend("dev"), env=found),
    ):
        pass
    return found


def world(env: dict[str, str]) -> dict[str, bytes]:
    """All that may not change: the backend, the settings, and what is selected at home."""
    folders = [Path(env["PULUMI_BACKEND_URL"].removeprefix("file://")), Path(env["PULUMI_HOME"]) / "workspaces"]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in [*found, SETTINGS]}


@pytest.mark.parametrize("missing", ["make", "play"])
@pytest.mark.parametrize("reference", ["", "organization/other/prod"])
def test_a_stack_that_was_made_only_to_be_refused_is_gone_again(
    env: dict[str, str], missing: Missing, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_config("dev")[0] | {"kubeflow:clusterStack": reference}
    monkeypatch.setattr(module, "read_config", lambda _: (config, frozenset()))
    before = world(env)
    with selected("dev", program=Program(), chosen=backend("dev"), env=env, missing=missing) as found:
        # What the Automation API asks after each operation takes other options than the operations do.
        assert found.info() is None
        deployment = found.export_stack().deployment
        assert deployment
        assert deployment["secrets_providers"]["type"] == "passphrase"
        assert (world(env) == before) == (missing == "play" and not reference)
    assert world(env) == before


def test_a_setting_is_changed_once_however_its_key_is_written(tmp_path: Path) -> None:
    """Of two keys that are the same to the engine it takes one by chance."""
    settings = tmp_path / "Pulumi.dev.yaml"
    settings.write_text('config:\n  aws:region: a\n  kubeflowRelease: "1.10.2"\n')
    module._change(settings, {"kubeflowRelease": "26.03"})
    assert read_section(settings) == {"aws:region": "a", "kubeflow:kubeflowRelease": "26.03"}


def test_a_stack_that_is_made_for_good_stays_and_is_made_once(env: dict[str, str]) -> None:
    before = world(env)
    make("dev", backend("dev"))
    made = world(env)
    assert made != before
    make("dev", backend("dev"))
    with selected("dev", program=Program(), chosen=backend("dev"), env=env, missing="make"):
        pass
    assert in_state("dev") == []
    assert world(env) == made


def test_a_stack_that_has_something_stays(env: dict[str, str]) -> None:
    before = world(env)
    with selected("dev", program=Program(), chosen=backend("dev"), env=env, missing="make") as found:
        exported = found.export_stack()
        assert exported.deployment is not None
        urn = "urn:pulumi:dev::kubeflow::random:index/randomPassword:RandomPassword::a"
        thing = {"urn": urn, "type": "random:index/randomPassword:RandomPassword", "custom": True, "id": "none"}
        resources = {**exported.deployment, "resources": [thing]}
        found.import_stack(automation.Deployment(version=3, deployment=resources))
    assert world(env) != before
    assert [one["id"] for one in in_state("dev")] == ["none"]


def test_somebody_who_makes_it_at_the_same_moment_keeps_it(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = automation.Stack.create

    def later(name: str, workspace: automation.Workspace) -> automation.Stack:
        create(name, workspace)
        return create(name, workspace)

    monkeypatch.setattr(automation.Stack, "create", later)
    before = world(env)
    with selected("dev", program=Program(), chosen=backend("dev"), env=env, missing="make") as found:
        assert found.name == "dev"
    assert world(env) != before
