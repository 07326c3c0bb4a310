"""Conditions of compiled pipelines, evaluated on this machine."""

from pathlib import Path
from typing import Any

import pytest

from pipelines import conditions
from pipelines.__main__ import main

GIVEN = "inputs.parameter_values['pipelinechannel--{}']"


class Store:
    """What kfp keeps of a group: inputs, and outputs by task and name."""

    def get_parent_input(self, name: str) -> Any:
        """An input of the group."""
        return {"count": 3, "mode": "full && fast"}[name]

    def get_task_output(self, task: str, name: str) -> Any:
        """An output of a task."""
        return {("look-at", "Output"): True, ("look-at", "top-score"): 0.5}[task, name]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (f"{GIVEN.format('look-at-Output')} == true", True),
        (f"!({GIVEN.format('look-at-Output')} == true)", False),
        (f"{GIVEN.format('look-at-top-score')} > 0.4 && int({GIVEN.format('count')}) >= 4", False),
        (f"{GIVEN.format('look-at-top-score')} > 0.4 || int({GIVEN.format('count')}) >= 4", True),
        (f"{GIVEN.format('mode')} == 'full && fast'", True),
        (f"{GIVEN.format('mode')} != 'true'", True),
    ],
)
def test_a_condition_as_kfp_compiles_it(condition: str, holds: bool) -> None:
    assert conditions.holds(condition, Store()) is holds


@pytest.mark.parametrize("condition", [f"{GIVEN.format('gone')} == 1", "size([]) == 0", "1 +"])
def test_a_condition_that_cannot_be_evaluated_skips_nothing_in_silence(condition: str) -> None:
    with pytest.raises(RuntimeError, match="cannot be evaluated here"):
        conditions.holds(condition, Store())


MODULE = """
from kfp import dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def add(number: int) -> int:
    return number + 1

@dsl.pipeline
def two_ways(number: int = 1):
    first = add(number=number)
    with dsl.If(first.output > 5, "many"):
        add(number=100).set_display_name("large")
    with dsl.Else("few"):
        add(number=10)
"""


def test_the_branch_that_holds_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "branches.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    assert main(["run", "branches:two_ways", "--local", "--param", "number=7"]) == 0
    steps = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "succeeded" in line]
    assert steps == ["add", "add-2"]
    assert main(["run", "branches:two_ways", "--local"]) == 0
    steps = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "succeeded" in line]
    assert steps == ["add", "add-3"]
