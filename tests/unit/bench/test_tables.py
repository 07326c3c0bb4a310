"""The tables of docs/performance.md are those of the run that is kept."""

import json
from pathlib import Path

import pytest

from bench import keep
from bench.tables import END, START, between, replaced, tables


def test_the_page_has_the_tables_of_the_kept_run() -> None:
    kept = json.loads(keep.KEPT.read_text())
    assert between(keep.PAGE.read_text()) == tables(kept, keep.MAIN), "run `python -m bench.keep`"


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{START}\nnew\n{END}\nafter\n"
    assert between(replaced(page, "new")) == "new"


def test_timelines_are_left_out_wherever_they_are() -> None:
    report = {"platforms": {"a": {"up": {"engine_s": 1, "timeline": [[1]]}}}, "timeline": []}
    assert keep.without_timelines(report) == {"platforms": {"a": {"up": {"engine_s": 1}}}}


@pytest.mark.parametrize("content", [None, {"platforms": {}}])
def test_without_a_full_run_nothing_is_kept(
    content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keep, "LATEST", tmp_path)
    if content is not None:
        (tmp_path / "latest.json").write_text(json.dumps(content))
    before = keep.KEPT.read_text()
    assert keep.main() == 1
    assert "make bench" in capsys.readouterr().err
    assert keep.KEPT.read_text() == before
