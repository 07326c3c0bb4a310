"""The figures as the tables of docs/performance.md."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.report import OPERATIONS, TARGETS

# docs/performance.md has the tables between these two lines.
START, END = "<!-- figures: start -->", "<!-- figures: end -->"

_OPERATION_WORDS = {
    "up": "`up`",
    "preview_noop": "preview, nothing changed",
    "change": "`up`, one ConfigMap changed",
    "destroy": "`destroy`",
}
_ROUND_WORDS = {
    **_OPERATION_WORDS,
    "up_unsafe": "`up` without checkpoints",
    "retry_loop": "retry loop",
}
_PART_WORDS = {
    "start": "before the first object of the chain: program, AWS",
    "hand_over": "between an object that is ready and the next being sent: engine, program, journal",
    "create": "the API server's answers",
    "wait": "until an object is ready",
    "end": "after the last object",
}


def tables(report: Mapping[str, Any], main: str) -> str:
    """All tables of a full report, `main` being the release that the figures are about."""
    life, figures = report["platforms"][main], report["figures"]
    sections = (
        ("What an operation takes", _operations(report)),
        (f"Against the limits, {main}", _limits(figures)),
        (f"What is compared, each of its runs, {main}", _rounds(report["rounds_s"])),
        (f"Against the retry loop, {main}", _loops(report, main)),
        (f"Where the time of `up` goes, {main}", _parts(report, main)),
        (f"Who needs what, {main}", _processes(life)),
        ("The program before it registers anything", _stages(report["stages"])),
        ("The graph alone", _graph(report["graph"], main)),
        ("Growth of `up` with objects that wait for nothing", _growth(report["growth"])),
    )
    about = report["machine"]
    first = (
        f"One run on {about['cores']} cores that it shared with others, load average at its start "
        f"{report['load_average_at_start'][0]}. Seconds are of that machine; what counts is the ratios. "
        "What they compare ran several times in turn, and the median run is reported."
    )
    last = "\n".join(f"Not compared: {line}." for line in report["not_compared"])
    return "\n\n".join([first, *(f"### {title}\n\n{table}" for title, table in sections), last])


def between(text: str) -> str:
    """What stands between the markers of a page."""
    return text.partition(START)[2].partition(END)[0].strip()


def replaced(text: str, content: str, what: str = "figures") -> str:
    """The page with other content between its markers."""
    start, end = START.replace("figures", what), END.replace("figures", what)
    before, _, rest = text.partition(start)
    return f"{before}{start}\n{content}\n{end}{rest.partition(end)[2]}"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    heads = list(head)
    lines = [f"| {' | '.join(heads)} |", f"|---|{'--:|' * (len(heads) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def _operations(report: Mapping[str, Any]) -> str:
    rows = []
    for name, life in report["platforms"].items():
        for key in OPERATIONS:
            done = life[key]
            written = done["written"]
            rows.append(
                [
                    f"{name}, {_OPERATION_WORDS[key]}",
                    f"{done['engine_s']:.1f}",
                    f"{done['python_cpu_s']:.1f}",
                    f"{done['state_bytes'] / 1e6:.2f}",
                    written["writes"],
                    f"{written['bytes'] / 1e6:.1f}",
                ]
            )
    return _table(
        ("", "seconds", "Python's CPU, s", "state after it, MB", "writes of state", "written, MB"),
        rows,
    )


def _limits(figures: Mapping[str, Any]) -> str:
    rows = [
        [
            words,
            f"{figures[this]:.1f} s",
            f"{figures[that]:.1f} s",
            f"{figures[this] / figures[that]:.2f}",
            f"{most:.2f}",
            _verdict(figures[this] / figures[that], most),
        ]
        for words, this, that, most in TARGETS
    ]
    state, cpu, peak = figures["state_bytes"] / 1e6, figures["python_cpu_s"], figures["python_peak_mb"]
    growth = figures["growth_exponent"]
    rows += [
        ["state", f"{state:.2f} MB", "", "", "4 MB", _verdict(state, 4)],
        ["Python's CPU in `up`", f"{cpu:.1f} s", "", "", "5 s", _verdict(cpu, 5)],
        ["Python's memory at its peak", f"{peak:.0f} MB", "", "", "600 MB", _verdict(peak, 600)],
        ["exponent of growth", growth, "", "", "1.15", _verdict(growth, 1.15)],
    ]
    return _table(("", "this", "of that", "ratio", "at most", "limit"), rows)


def _verdict(value: float, most: float) -> str:
    return "met" if value <= most else "**missed**"


def _rounds(seconds: Mapping[str, list[float]]) -> str:
    rows = [[_ROUND_WORDS[name], ", ".join(f"{value:.1f}" for value in values)] for name, values in seconds.items()]
    return _table(("", "seconds"), rows)


def _loops(report: Mapping[str, Any], main: str) -> str:
    runs = {
        "at once": (report["platforms"][main]["up"], report["retry_loop"]),
        "after 20 to 60 s": (report["up_realistic"], report["retry_loop_realistic"]),
    }
    rows = []
    for pods, (up, loop) in runs.items():
        ours = (up["engine_s"], 1, up)
        theirs = (loop["seconds"], len(loop["passes_s"]), loop)
        for words, (seconds, passes, asked) in {"`up`": ours, "retry loop": theirs}.items():
            refused = [asked["refused_requests"], asked["refused_webhooks"]]
            rows.append([f"{words}, pods start {pods}", f"{seconds:.1f}", passes, *refused])
    return _table(("", "seconds to all Available", "passes", "requests refused", "webhook calls refused"), rows)


def _parts(report: Mapping[str, Any], main: str) -> str:
    instant, realistic = report["platforms"][main]["up"], report["up_realistic"]
    rows = [
        [words, f"{instant['parts_s'][part]:.1f}", f"{realistic['parts_s'][part]:.1f}"]
        for part, words in _PART_WORDS.items()
    ]
    rows.append(["whole", f"{instant['engine_s']:.1f}", f"{realistic['engine_s']:.1f}"])
    rows.append(
        [
            "first object sent to last one ready",
            f"{instant['kubernetes_s']:.1f}",
            f"{realistic['kubernetes_s']:.1f}",
        ]
    )
    rows.append(
        [
            "critical path: the same if program, engine and journal cost nothing",
            f"{instant['critical_path_s']:.1f}",
            f"{realistic['critical_path_s']:.1f}",
        ]
    )
    return _table(("along the chain that ended last", "pods at once, s", "pods after 20 to 60 s, s"), rows)


def _processes(life: Mapping[str, Any]) -> str:
    up, preview = life["up"], life["preview_noop"]
    parts = sorted(up["cpu_s"], key=lambda part: -up["cpu_s"][part])
    rows = [
        [part, f"{up['cpu_s'][part]:.1f}", f"{preview['cpu_s'].get(part, 0):.1f}", f"{up['peak_mb'][part]:.0f}"]
        for part in parts
    ]
    return _table(("", "CPU of `up`, s", "CPU of a preview, s", "peak memory in `up`, MB"), rows)


def _stages(stages: Mapping[str, Any]) -> str:
    rows = [
        ["import the SDKs", f"{stages['import_s']:.2f}"],
        ["render and parse, the first time", f"{stages['render_first_s']:.2f}"],
        ["render, from the cache", f"{stages['render_s']:.2f}"],
        ["leave out what only readers need", f"{stages['slim_s']:.2f}"],
        ["graph", f"{stages['graph_s']:.2f}"],
    ]
    return _table(("", "CPU, s"), rows)


def _graph(graph: Mapping[str, Any], main: str) -> str:
    measured = {main: graph.get(main), **graph["synthetic"]}
    rows = [
        [name, one["objects"], one["edges"], one["levels"], f"{one['seconds']:.2f}", f"{one['peakMiB']:.0f}"]
        for name, one in measured.items()
        if one
    ]
    table = _table(("", "objects", "edges", "levels", "CPU, s", "memory, MiB"), rows)
    return f"{table}\n\nGrowth of the synthetic ones: seconds = c · objects^{graph['exponent']}."


def _growth(growth: Mapping[str, Any]) -> str:
    table = _table(("objects", "seconds"), growth["seconds"].items())
    return f"{table}\n\nGrowth: seconds = c · objects^{growth['exponent']}."
