"""Where state goes, as the engine itself would choose, and where it must not."""

from pathlib import Path

import pytest

from ops import backend as module
from ops.backend import backend
from ordering.errors import UserError


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which nobody has chosen anything."""
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    return {"PULUMI_HOME": str(tmp_path / "home")}


def logged_in(env: dict[str, str], content: str) -> None:
    home = Path(env["PULUMI_HOME"])
    home.mkdir()
    (home / "credentials.json").write_text(content)


def test_a_chosen_backend_comes_first_then_the_projects_then_a_login_then_a_token(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    env["PULUMI_ACCESS_TOKEN"] = "pul-1"
    assert backend("dev", env).note == "State is at https://api.pulumi.com (PULUMI_ACCESS_TOKEN)."
    logged_in(env, '{"current": "s3://mine"}')
    assert backend("dev", env).note == "State is at s3://mine (pulumi login)."
    monkeypatch.setattr(module, "read_project", lambda: {"backend": {"url": "s3://ours"}})
    assert backend("dev", env).note == "State is at s3://ours (Pulumi.yaml)."
    env["PULUMI_BACKEND_URL"] = "s3://chosen"
    chosen = backend("dev", env)
    assert chosen.note == "State is at s3://chosen (PULUMI_BACKEND_URL)."
    assert (chosen.environment, chosen.folder) == ({}, None)


def test_without_any_state_is_in_files_with_a_passphrase_that_only_the_owner_reads(env: dict[str, str]) -> None:
    chosen = backend("dev", env)
    assert chosen.folder is not None
    passphrase = chosen.folder.parent / "passphrase"
    assert not chosen.folder.parent.exists(), "whoever only reads changes nothing"
    chosen.prepare()
    assert passphrase.stat().st_mode & 0o077 == 0
    assert chosen.environment["PULUMI_CONFIG_PASSPHRASE"] == passphrase.read_text()
    assert backend("dev", env).environment == chosen.environment
    backend("dev", env).prepare()
    assert chosen.environment["PULUMI_CONFIG_PASSPHRASE"] == passphrase.read_text()


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_ci_keeps_no_state_in_files_but_the_laptops(env: dict[str, str], value: str) -> None:
    env["CI"] = value
    with pytest.raises(UserError, match="the state of dev would end with this machine: set PULUMI_BACKEND_URL"):
        backend("dev", env)
    assert backend("local", env).folder is not None
    env["CI"] = "false"
    assert backend("dev", env).folder is not None


def test_a_checkout_that_cannot_be_written_stops_nobody_who_only_reads(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", "/proc")
    chosen = backend("dev", env)
    assert chosen.environment["PULUMI_CONFIG_PASSPHRASE"]
    with pytest.raises(OSError, match=r"/proc/\.local"):
        chosen.prepare()


def test_a_place_for_state_that_is_misspelt_is_refused(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", "/nope")
    with pytest.raises(UserError, match="KUBEFLOW_LOCAL_ROOT is /nope, and there is no such folder"):
        backend("dev", env)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"current": 5}', "[" * 99999])
def test_a_damaged_login_is_named(env: dict[str, str], content: str) -> None:
    logged_in(env, content)
    with pytest.raises(UserError, match=r"credentials.json is damaged; remove it, and run `pulumi login` again\."):
        backend("dev", env)
