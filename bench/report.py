"""The figures as text."""

from collections.abc import Mapping
from typing import Any

# Words, what is compared with what, and the largest ratio that is good enough.
TARGETS = (
    ("up, of the same without checkpoints", "up_s", "up_unsafe_s", 1.5),
    ("up, of the retry loop", "up_s", "retry_loop_s", 1.0),
    ("up with realistic pods, of the retry loop", "up_realistic_s", "retry_loop_realistic_s", 1.0),
    ("preview without change, of up", "preview_noop_s", "up_s", 1 / 3),
)

OPERATIONS = ("up", "preview_noop", "change", "destroy")


def table(report: Mapping[str, Any]) -> str:
    """Lines for a terminal: each platform's operations, then the figures that decide, with their limits."""
    lines = [f"{'':12}{'up':>9}{'preview':>9}{'change':>9}{'destroy':>9}{'state':>12}{'refused':>9}"]
    for name, life in report["platforms"].items():
        up = life["up"]
        seconds = [life[key]["engine_s"] if key in life else None for key in OPERATIONS]
        lines.append(
            f"{name:12}{''.join(f'{value:7.1f} s' if value else ' ' * 8 + '-' for value in seconds)}"
            f"{up['state_bytes'] / 1e6:9.2f} MB"
            f"{up['refused_requests'] + up['refused_webhooks']:9}"
        )
    figures = report.get("figures")
    if figures:
        lines.append("")
        lines += [f"{name:28}{value}" for name, value in figures.items()]
        lines.append("")
        for words, above, below, limit in TARGETS:
            ratio = figures[above] / figures[below]
            missed = "" if ratio <= limit else ": missed"
            lines.append(f"{words:44}{ratio:6.2f} (at most {limit:.2f}){missed}")
    return "\n".join(lines)
