"""What `make recover` says."""

from pathlib import Path

import pytest

from ops.backend import Backend
from ops.commands import recover
from ordering.errors import UserError
from state.serving import Recovery

DONE = Recovery(
    kept=(Path("local.json.set-aside-1"), Path("local.journal.set-aside-1")),
    source=Path("stacks/local.backup"),
    resources=195,
    steps=40,
    lost=2,
    pending=3,
    twice=("artifacts (a-1 and a-2)",),
)


def test_every_file_loss_and_doubt_is_named() -> None:
    text = "\n".join(recover.described(DONE, "local"))
    for part in (
        "local.json.set-aside-1",
        "local.journal.set-aside-1",
        "now local.backup",
        "40 steps",
        "195 resources",
        "2 lines of the journal cannot be read",
        "artifacts (a-1 and a-2)",
        "first looks at 3 things",
        "`make up STACK=local`",
    ):
        assert part in text


def test_a_backend_that_keeps_its_own_history_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "backend", lambda stack: Backend(environment={}, note="State is at s3://b."))
    with pytest.raises(UserError, match=r"s3://b\. It keeps earlier states itself: .*--stack dev"):
        recover.command.main(["--stack", "dev"], standalone_mode=False)
