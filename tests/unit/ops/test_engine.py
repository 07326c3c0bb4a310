"""What an engine gets, and why it failed, out of what it printed."""

from typing import Any, cast

import pytest
from pulumi import automation
from rich.console import Console

from ops.engine import journals, told
from ops.run import _ground
from tools.plugins import SETTING


class Result:
    """What the Automation API makes an error of."""

    def __init__(self, output: str) -> None:
        self.output = output

    def __str__(self) -> str:
        return self.output


def failed(output: str) -> automation.CommandError:
    return automation.CommandError(cast("Any", Result(output)))


LISTED = """
 code: 1
 stdout:
 stderr: error: 2 errors occurred:
    1) the state has errors
    2) importing it could be dangerous
"""


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (" code: 255\n stderr: error: no stack named 'dev' found\n", "no stack named 'dev' found"),
        (LISTED, "2 errors occurred:\n    1) the state has errors\n    2) importing it could be dangerous"),
        (
            " code: -9\n stderr: \n",
            "The engine was killed by signal 9: run the same command again, and it continues from there.",
        ),
        (" code: 255\n stderr: error: [500] x.json was changed\n", "x.json was changed"),
        ("  it said something else \n", "it said something else"),
    ],
)
def test_the_reason_is_in_the_engines_own_words(output: str, reason: str) -> None:
    assert told(failed(output)) == reason


def test_what_the_journal_says_is_said_once() -> None:
    full = "the state cannot be written (write local.journal: no space left on device): free some space"
    errors = [f"network-vpc: post-step event returned an error: [500] {full}", f"roles: [500] {full}", "update failed"]
    assert journals(errors) == full
    assert journals(["network-vpc: AWS refuses"]) == ""


def test_on_aws_the_engines_downloads_of_plugins_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SETTING, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"):
        monkeypatch.delenv(name, raising=False)
    with _ground("dev", Console(), "instant") as ground:
        assert "=http://127.0.0.1:" in ground.environment[SETTING]
