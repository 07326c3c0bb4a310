"""A week's trace as somebody writes it down: what is read, and what is wrong in one sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.aws.instances import GI
from ops.costs.week.trace import read, read_file
from ordering.errors import UserError

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples" / "traces").glob("*.yaml"))
ANNA: dict[str, Any] = {"name": "anna", "team": "fraud", "cpu": "2", "memory": "8Gi", "days": "mon-fri"}
ANNA |= {"from": "09:00", "to": "17:30"}
STEP: dict[str, Any] = {"cpu": "500m", "memory": "1Gi", "minutes": 10}
NIGHTLY: dict[str, Any] = {"name": "nightly", "team": "fraud", "days": "sat", "at": "02:00", "steps": [STEP]}


def wrong(text: str) -> str:
    with pytest.raises(UserError) as caught:
        read(text, "week.yaml")
    told = str(caught.value)
    assert told.startswith("week.yaml")
    assert "\n" not in told
    return told


def test_hours_and_sizes_are_read_without_quotes_too() -> None:
    text = """
notebooks:
- {name: anna, team: fraud, cpu: 500m, memory: 8Gi, days: "mon,wed-thu", from: 9:00, to: 17:30, leftRunning: true}
pipelines:
- {name: nightly, team: fraud, days: sat, at: [2:00, 14:30], steps: [{cpu: 1.5, memory: 2Gi, minutes: 10, count: 3}]}
"""
    found = read(text, "week.yaml")
    [anna], [nightly] = found.notebooks, found.pipelines
    assert (anna.days, anna.start, anna.end, anna.left, anna.count) == ((0, 2, 3), 540, 1050, True, 1)
    assert (anna.shape.cpu, anna.shape.memory, anna.shape.gpus, anna.shape.pool) == (500, 8 * GI, 0, None)
    assert nightly.starts == (120, 870)
    assert (nightly.steps[0].shape.cpu, nightly.steps[0].count, nightly.steps[0].minutes) == (1500, 3, 10)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpu": "much"}, "week.yaml: notebooks[0] (anna) has 'much' as its cpu; write one like 2 or 500m."),
        ({"cpu": "0"}, "has '0' as its cpu"),
        ({"memory": "8GB"}, "has '8GB' as its memory; write one like 8Gi."),
        ({"memory": None}, "has 'null' as its memory; write one like 8Gi."),
        ({"gpus": -1}, "has '-1' as its gpus; write a whole number from 0 to 64."),
        ({"count": "1e3"}, "has '1e3' as its count"),
        ({"arch": "x86"}, "has 'x86' as its arch, which is not one of amd64, arm64."),
        ({"days": "fri-mon"}, "has 'fri-mon' as its days; write some of mon, tue"),
        ({"days": "weekdays"}, "has 'weekdays' as its days"),
        ({"from": "9"}, "has '9' as its from; write a time of the day like 09:00."),
        ({"to": "24:00"}, "has '24:00' as its to"),
        ({"to": "08:00"}, "is worked with from 09:00 to 08:00; end it later on the same day."),
        ({"leftRunning": "maybe"}, "has 'maybe' as its leftRunning; write true or false."),
        ({"team": ["a"]}, "has ['a'] as its team; write one text."),
        ({"team": "a\tb"}, "as its team; use up to 63 letters"),
        ({"gpu": 1}, "has the field 'gpu', which is not known; known are name, team, cpu"),
    ],
)
def test_what_is_wrong_with_a_notebook_is_one_sentence(change: dict[str, Any], words: str) -> None:
    assert words in wrong(yaml.safe_dump({"notebooks": [{**ANNA, **change}]}))


@pytest.mark.parametrize("field", [field for field in ANNA if field != "name"])
def test_what_is_missing_is_named(field: str) -> None:
    told = wrong(yaml.safe_dump({"notebooks": [{key: value for key, value in ANNA.items() if key != field}]}))
    assert told == f"week.yaml: notebooks[0] (anna) has no {field}; add it."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": []}, "week.yaml: pipelines[0] (nightly) has no steps; write at least one"),
        ({"steps": "train"}, "has something else than a list as its steps"),
        ({"steps": ["train"]}, "pipelines[0] (nightly): steps[0] is no map; write fields such as cpu"),
        ({"steps": [{**STEP, "minutes": 0}]}, "steps[0] has '0' as its minutes; write a whole number from 1 to 2880."),
        ({"at": ["02:00", "2:00"]}, "names a time twice in its at; keep one."),
        ({"at": []}, "has [] as its at; write one text."),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_one_sentence(change: dict[str, Any], words: str) -> None:
    assert words in wrong(yaml.safe_dump({"pipelines": [{**NIGHTLY, **change}]}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no map; write fields such as notebooks, pipelines."),
        ("notebooks: []", "has no notebooks and no pipelines; write some of either."),
        ("notebook: []", "has the field 'notebook', which is not known; known are notebooks, pipelines."),
        ("notebooks: [", "line 1 is no YAML"),
        ("notebooks: []\nnotebooks: []", "line 2 is no YAML: the key 'notebooks' stands twice."),
        ("? [a]\n: b", "is no YAML"),
        ("a: &a [*a]", "has the field 'a'"),
        ("--- a\n--- b", "is no YAML"),
    ],
)
def test_what_is_no_trace_is_one_sentence(text: str, words: str) -> None:
    assert words in wrong(text)


def test_a_trace_that_would_be_played_for_ever_is_refused() -> None:
    many = [{**ANNA, "count": 500} for _ in range(3)]
    assert "makes 7500 pods a week, and at most 5000 are played" in wrong(yaml.safe_dump({"notebooks": many}))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file or directory; name a file such as those in"):
        read_file(tmp_path / "week.yaml")
    (tmp_path / "week.yaml").write_bytes(b"\xff")
    with pytest.raises(UserError, match="cannot be read: it is no text in UTF-8"):
        read_file(tmp_path / "week.yaml")


def test_three_examples_are_shipped() -> None:
    assert len(EXAMPLES) == 3
    for path in EXAMPLES:
        assert read_file(path).notebooks
