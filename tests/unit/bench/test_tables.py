"""The tables of docs/performance.md are those of the run that is kept."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import keep
from bench.tables import END, START, between, replaced, tables
from ordering.errors import UserError


def test_the_page_has_the_tables_of_the_kept_run() -> None:
    kept = json.loads(keep.KEPT.read_text())
    assert between(keep.PAGE.read_text()) == tables(kept, keep.MAIN), "run `python -m bench.keep --again`"


def test_a_limit_is_met_or_missed() -> None:
    kept = json.loads(keep.KEPT.read_text())
    kept["figures"] |= {"state_bytes": 3_900_000, "python_cpu_s": 5.1, "growth_exponent": 1.15}
    rows = [line for line in tables(kept, keep.MAIN).splitlines() if "| met |" in line or "| **missed** |" in line]
    verdicts = {row.split("|")[1].strip(): row.split("|")[-2].strip() for row in rows}
    assert verdicts["state"] == verdicts["exponent of growth"] == "met"
    assert verdicts["Python's CPU in `up`"] == "**missed**"


def test_the_page_is_written_again_without_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "docs" / "performance.md"
    page.parent.mkdir()
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    monkeypatch.setattr(keep, "PAGE", page)
    monkeypatch.setattr(keep, "PROJECT", tmp_path)
    before = keep.KEPT.read_text()
    assert CliRunner().invoke(keep.main, ["--again"]).exit_code == 0
    assert between(page.read_text()) == tables(json.loads(before), keep.MAIN)
    assert (page.parent / keep.PARTS).read_bytes().startswith(b"\x89PNG")
    assert keep.KEPT.read_text() == before


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{START}\nnew\n{END}\nafter\n"
    assert between(replaced(page, "new")) == "new"


def test_timelines_are_left_out_wherever_they_are() -> None:
    report = {"platforms": {"a": {"up": {"engine_s": 1, "timeline": [[1]]}}}, "timeline": []}
    assert keep.without_timelines(report) == {"platforms": {"a": {"up": {"engine_s": 1}}}}


@pytest.mark.parametrize("content", [None, {"platforms": {}}])
def test_without_a_full_run_nothing_is_kept(content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "LATEST", tmp_path)
    if content is not None:
        (tmp_path / "latest.json").write_text(json.dumps(content))
    before = keep.KEPT.read_text()
    with pytest.raises(UserError, match="make bench"):
        keep.keep_latest()
    assert keep.KEPT.read_text() == before
