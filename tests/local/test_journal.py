"""The copy of the state that a preview works on."""

import json
from pathlib import Path
from urllib.parse import urlparse

import pytest

from infra.errors import UserError
from state import serving

CHECKPOINT = {"version": 3, "checkpoint": {"stack": "organization/kubeflow/local", "latest": {"manifest": {}}}}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The file of a stack's state."""
    file = tmp_path / ".pulumi" / "stacks" / "kubeflow" / "local.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(CHECKPOINT))
    return file


def test_what_happens_to_the_copy_does_not_happen_to_the_state(state: Path, tmp_path: Path) -> None:
    before = state.read_bytes()
    with serving.copied(tmp_path) as environment:
        copy = Path(urlparse(environment["PULUMI_BACKEND_URL"]).path)
        copied = copy / state.relative_to(tmp_path)
        assert json.loads(copied.read_text())["checkpoint"]["stack"] == "organization/kubeflow/local"
        copied.write_text("")
    assert state.read_bytes() == before
    assert not copy.exists()


def test_damaged_state_is_named(state: Path, tmp_path: Path) -> None:
    state.write_text('{"version": 3, "checkpoint": {"st')
    with pytest.raises(UserError, match=r"cannot be read: .*local\.json is not a checkpoint"), serving.copied(tmp_path):
        pass
