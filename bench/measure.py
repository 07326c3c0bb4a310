"""What is measured, in which order, and the figures that come of it."""

import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tools
from bench import graph, growth, retry, timeline
from bench.exponent import exponent
from bench.lab import Lab, fresh
from bench.stages import changed_copy
from infra.kubeflow.load import load
from infra.kubeflow.release import resolve
from localcloud.laptop import PACKAGES
from localcloud.plane import Pods
from localcloud.plugin import TOOL
from ops.project import PROJECT_ROOT
from ordering.graph import Graph
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render

SAMPLE = PROJECT_ROOT / "manifests" / "sample"
MAIN, OTHER = "26.03", "1.10.2"

ROUNDS = 3
"""How often what is compared runs: a shared machine's speed changes by a third within minutes."""

Say = Callable[[str], None]


def quick(say: Say) -> dict[str, Any]:
    """The graph, and `up` and a preview of the sample."""
    say("graph")
    result = {**_about(), "graph": graph.measure(sizes=(1_000, 2_000), runs=1)}
    say("sample")
    with fresh() as lab:
        brought_up = up(lab, _graph(SAMPLE), SAMPLE)
        preview = again(lab, "preview", SAMPLE)
    return {**result, "platforms": {"sample": {"up": brought_up, "preview_noop": preview}}}


def full(say: Say) -> dict[str, Any]:
    """Everything; half an hour on two cores that are free."""
    result: dict[str, Any] = {**_about()}
    main = _path(MAIN)
    say("graph")
    result["graph"] = graph.measure()
    say("growth")
    result["growth"] = grow(growth.SIZES)
    say("stages of the program")
    with fresh() as lab:
        result["stages"] = lab.command("stages")
    result["platforms"] = {}
    for name, path in {"sample": SAMPLE, MAIN: main, OTHER: _path(OTHER)}.items():
        say(name)
        result["platforms"][name] = whole_life(path, say)
    order, objects = _graph(main), render(main)
    runs = compared(result["platforms"][MAIN], order, main, objects, say)
    result["rounds_s"] = {name: [_seconds(run) for run in repeated] for name, repeated in runs.items()}
    result["up_unsafe"], result["retry_loop"] = middle(runs.pop("up_unsafe")), middle(runs.pop("retry_loop"))
    result["platforms"][MAIN] |= {name: middle(repeated) for name, repeated in runs.items()}
    say("up with realistic pods")
    with fresh("realistic") as lab:
        result["up_realistic"] = up(lab, order, main, pods="realistic")
    say("retry loop with realistic pods")
    with fresh("realistic") as lab:
        result["retry_loop_realistic"] = retry.until_applied(lab.plane, objects)
    result["figures"] = figures(result)
    return result


def whole_life(path: Path, say: Say) -> dict[str, Any]:
    """`up`, a preview without change, an `up` with one object changed, and destroy, on one control plane."""
    order = _graph(path)
    with fresh() as lab, tempfile.TemporaryDirectory() as made:
        result = {"up": up(lab, order, path)}
        say("  preview without change")
        result["preview_noop"] = again(lab, "preview", path)
        changed = Path(made) / path.name
        name = changed_copy(path, changed)
        say(f"  ConfigMap {name} changed")
        result["change"] = again(lab, "up", changed)
        say("  destroy")
        result["destroy"] = again(lab, "destroy")
    return result


def again(lab: Lab, operation: str, path: Path | None = None) -> dict[str, Any]:
    """What an operation on a living platform took, without the names of all that it went through."""
    told = lab.command("run", operation, manifests=path)
    return {name: value for name, value in told.items() if name not in ("done", "started", "ended")}


def compared(
    life: Mapping[str, Any], order: Graph, path: Path, objects: list[Manifest], say: Say
) -> dict[str, list[dict[str, Any]]]:
    """What the ratios are made of, run ROUNDS times in turn; `life` has the first `up` and the first preview."""
    runs: dict[str, list[dict[str, Any]]] = {
        "up": [life["up"]],
        "preview_noop": [life["preview_noop"]],
        "up_unsafe": [],
        "retry_loop": [],
    }
    for number in range(1, ROUNDS + 1):
        say(f"{MAIN}, with and without checkpoints and by the retry loop, {number} of {ROUNDS}")
        if number > 1:
            with fresh() as lab:
                runs["up"].append(up(lab, order, path))
                runs["preview_noop"].append(again(lab, "preview", path))
        with fresh() as lab:
            runs["up_unsafe"].append(up(lab, order, path, unsafe=True))
        with fresh() as lab:
            runs["retry_loop"].append(retry.until_applied(lab.plane, objects))
    return runs


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run whose time is the median of an odd number's."""
    return sorted(runs, key=_seconds)[len(runs) // 2]


def _seconds(run: Mapping[str, Any]) -> float:
    return float(run["engine_s"] if "engine_s" in run else run["seconds"])


def up(lab: Lab, order: Graph, path: Path, *, pods: Pods = "instant", unsafe: bool = False) -> dict[str, Any]:
    """`up` on a laptop where nothing is yet: seconds and their parts, and what was refused."""
    options = ["--pods", pods, *(["--unsafe"] if unsafe else [])]
    told = lab.command("run", "up", *options, manifests=path)
    started, ended = told.pop("started"), told.pop("ended")
    spans = lab.spans(order, told.pop("done"), started)
    missing = len(order.nodes) - len(spans)
    first = min((span.sent for span in spans.values()), default=started)
    last = max((span.ready for span in spans.values()), default=ended)
    refused = lab.refused(started)
    chain, parts = timeline.chain(order, spans), timeline.parts(order, spans, started, ended)
    return {
        **told,
        "parts_s": {name: round(value, 2) for name, value in asdict(parts).items()},
        "kubernetes_s": round(last - first, 2),
        "critical_path_s": round(timeline.critical_path(order, spans), 2),
        "chain": [str(id_) for id_ in chain],
        "refused_requests": len(refused.refused),
        "refused_webhooks": len(refused.refused_calls),
        "objects_not_seen": missing,
        "timeline": [
            [str(id_), *(round(value - started, 3) for value in (span.sent, span.answered, span.ready))]
            for id_, span in sorted(spans.items(), key=lambda pair: pair[1].sent)
        ],
    }


def grow(sizes: tuple[int, ...]) -> dict[str, Any]:
    """Seconds of `up` for platforms of plain objects, and the exponent of their growth."""
    with fresh() as lab:
        told = lab.command("grow", *map(str, sizes))
    seconds = {int(size): float(value) for size, value in told["seconds"].items()}
    return {**told, "exponent": exponent(seconds)}


def figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that decide, for the main release."""
    life = result["platforms"][MAIN]
    up_ = life["up"]
    return {
        "up_s": up_["engine_s"],
        "up_kubernetes_s": up_["kubernetes_s"],
        "up_unsafe_s": result["up_unsafe"]["engine_s"],
        "up_realistic_s": result["up_realistic"]["engine_s"],
        "up_realistic_kubernetes_s": result["up_realistic"]["kubernetes_s"],
        "retry_loop_s": result["retry_loop"]["seconds"],
        "retry_loop_realistic_s": result["retry_loop_realistic"]["seconds"],
        "preview_noop_s": life["preview_noop"]["engine_s"],
        "change_s": life["change"]["engine_s"],
        "destroy_s": life["destroy"]["engine_s"],
        "state_bytes": up_["state_bytes"],
        "checkpoint_writes": up_["written"]["writes"],
        "checkpoint_bytes": up_["written"]["bytes"],
        "refused_requests": up_["refused_requests"],
        "refused_webhooks": up_["refused_webhooks"],
        "graph_s": result["stages"]["graph_s"],
        "python_cpu_s": up_["python_cpu_s"],
        "python_peak_mb": up_["peak_mb"]["program"],
        "growth_exponent": result["growth"]["exponent"],
        "critical_path_s": up_["critical_path_s"],
        "critical_path_realistic_s": result["up_realistic"]["critical_path_s"],
    }


def _about() -> dict[str, Any]:
    """The machine and the versions, that of the Kubernetes plugin as it came here."""
    [plugin] = tools.find(TOOL)
    return {
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "versions": {package: version(name) for package, name in PACKAGES.items()} | {"pulumi": version("pulumi")},
        "plugin": plugin.origin,
        "load_average_at_start": [round(load, 1) for load in os.getloadavg()],
        "not_compared": ["yaml.v2.ConfigGroup: on release 26.03 with pods that take their time it fails"],
    }


def _path(release: str) -> Path:
    return resolve(release=release, path=None, sample=True, root=PROJECT_ROOT).path


def _graph(path: Path) -> Graph:
    os.environ["KUSTOMIZE"] = str(tools.ensure("kustomize")["kustomize"])
    loaded = load(release=MAIN, path=str(path), sample=True, root=PROJECT_ROOT, kubernetes_version=None)
    return loaded.graph
