"""How long the graph takes: `python -m bench.graph` prints seconds, growth and memory as JSON.

Times are the least of several runs, in CPU seconds of one core, from parsed objects to the finished graph. `exponent`
is the slope of log(seconds) over log(objects); 1 is linear. Memory is what the graph adds at its peak, in MiB.
"""

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.exponent import exponent
from bench.synthetic import platform
from ordering.graph import build
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render

RELEASE = Path(__file__).resolve().parents[2] / "shared" / "kubeflow" / "26.03"
SIZES = (1_000, 2_000, 5_000, 10_000)
RUNS = 3


def measure(sizes: tuple[int, ...] = SIZES, runs: int = RUNS) -> dict[str, Any]:
    """Seconds and memory of the release, where it is at hand, and of synthetic platforms of the given sizes."""
    synthetic = {size: _timed(platform(size), runs) for size in sizes}
    result: dict[str, Any] = {
        "synthetic": synthetic,
        "exponent": exponent({size: timed["seconds"] for size, timed in synthetic.items()}),
    }
    if RELEASE.is_dir():
        result["26.03"] = _timed(render(RELEASE), runs)
    return result


def _timed(objects: list[Manifest], runs: int) -> dict[str, Any]:
    graph = build(objects)
    seconds = min(_seconds(lambda: build(objects)) for _ in range(runs))
    tracemalloc.start()
    build(objects)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "objects": len(objects),
        "edges": graph.stats["edges"],
        "levels": graph.stats["levels"],
        "seconds": round(seconds, 3),
        "peakMiB": round(peak / 2**20, 1),
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
