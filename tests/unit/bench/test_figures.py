"""The exponent, the platforms to grow with, the table and the pictures."""

from pathlib import Path
from typing import Any

import pytest

from bench.exponent import exponent
from bench.growth import plain_platform
from bench.measure import middle
from bench.pictures import bars, draw
from bench.report import table
from ordering.graph import build, takes_time


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_exponent(power: float) -> None:
    assert exponent({size: 3 * size**power for size in (500, 1_000, 4_000)}) == power


def test_plain_platforms_have_the_size_asked_for_and_nothing_to_wait_for() -> None:
    graph = build(plain_platform(500))
    assert len(graph.nodes) == 500
    assert {node.id.kind for node in graph.nodes if takes_time(node)} <= {"Namespace"}


def life(seconds: float) -> dict[str, Any]:
    parts = {"start": 1.0, "hand_over": 0.5, "create": 0.5, "wait": 2.0, "end": 1.0}
    up = {
        "engine_s": seconds,
        "parts_s": parts,
        "state_bytes": 3_900_000,
        "refused_requests": 0,
        "refused_webhooks": 0,
        "critical_path_s": 3.0,
        "chain": ["v1/Namespace//a"],
        "timeline": [["v1/Namespace//a", 1.0, 1.5, 3.0], ["v1/ConfigMap/a/b", 3.1, 3.2, 3.2]],
    }
    return {"up": up, "preview_noop": {"engine_s": seconds / 4}}


REPORT = {
    "platforms": {"sample": life(5.0)},
    "retry_loop": {"passes_s": [3.0, 2.0], "pauses_s": 10.0, "available_after_s": 1.0},
}


def test_the_table_shows_what_was_measured_and_no_more() -> None:
    line = table(REPORT).splitlines()[1]
    assert line.split() == ["sample", "5.0", "s", "1.2", "s", "-", "-", "3.90", "MB", "0"]


def test_the_table_holds_ratios_against_their_limits() -> None:
    figures = {"up_s": 30.0, "up_unsafe_s": 24.0, "retry_loop_s": 60.0, "up_realistic_s": 90.0}
    figures |= {"retry_loop_realistic_s": 100.0, "preview_noop_s": 9.0}
    lines = table({**REPORT, "figures": figures}).splitlines()
    assert [line.split()[-4:] for line in lines if "at most" in line] == [
        ["1.25", "(at", "most", "1.50)"],
        ["0.50", "(at", "most", "1.00)"],
        ["0.90", "(at", "most", "1.00)"],
        ["0.30", "(at", "most", "0.33)"],
    ]


def test_the_bars_of_a_run_add_up_to_its_time() -> None:
    runs = bars(REPORT)
    assert sum(runs["up, sample"].values()) == 5.0
    assert runs["retry loop"] == {"apply": 5.0, "pause": 10.0, "until Available": 1.0}


def test_a_missed_limit_is_called_so() -> None:
    figures = {"up_s": 40.0, "up_unsafe_s": 20.0, "retry_loop_s": 60.0, "up_realistic_s": 90.0}
    figures |= {"retry_loop_realistic_s": 100.0, "preview_noop_s": 9.0}
    lines = table({**REPORT, "figures": figures}).splitlines()
    assert [line.split("  ")[0] for line in lines if line.endswith("missed")] == ["up, of the same without checkpoints"]


def test_the_chart_calls_runs_as_the_page_does() -> None:
    report = {**REPORT, "up_unsafe": life(4.0)["up"], "up_realistic": life(9.0)["up"]}
    assert list(bars(report)) == [
        "up, sample",
        "up without checkpoints",
        "up, pods start after 20 to 60 s",
        "retry loop",
    ]


def test_pictures_are_drawn(tmp_path: Path) -> None:
    files = draw(REPORT, tmp_path)
    assert [file.name for file in files] == ["latest-parts.png", "latest-timeline-sample.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_of_repeated_runs_the_median_is_reported() -> None:
    runs = [
        {"engine_s": 47.7, "state": "slow"},
        {"engine_s": 28.0, "state": "fast"},
        {"engine_s": 36.1, "state": "usual"},
    ]
    assert middle(runs)["state"] == "usual"
    assert middle([{"seconds": 3}, {"seconds": 1}, {"seconds": 2}]) == {"seconds": 2}
