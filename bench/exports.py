"""`python -m bench.exports`: the exports of `ordering`, each sent by its own engine, and beside it the manifests alone.

The engines are built at their pinned versions, by the Go toolchain, into the project's cache. What came of a round is
kept in bench/results/exports.json; the next call goes on with what is missing. The table in ordering/README.md is made
of all that is kept.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.lab import fresh
from bench.resumed import Results, page, resumed
from bench.retry import STORAGE_CLASS
from localcloud.plane import Pods
from ops.project import PROJECT_ROOT
from ordering import cache
from ordering.errors import UserError
from ordering.exports import TARGETS, Export
from ordering.exports.export import dump
from ordering.graph import build
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.local.cluster import Cluster, is_available
from tests.local.stack import SAMPLE, release
from tools.build import environment, find_go

PAGE = PROJECT_ROOT / "ordering" / "README.md"
PODS: dict[str, Pods] = {"sample": "realistic", "26.03": "instant"}
"""The platforms, with when their pods are ready: after 20 to 60 s, or at once, where a level of 26.03 is quick too."""
LONGEST_S = 3600.0
_SETTLED_S = 120.0
"""Seconds that Deployments have to be Available after an engine's end: some do not wait for them."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine: a main package of a Go module, the target that is written for it, and the commands that send it.

    `alone` is how it takes manifests that nobody put in order, as the files of a folder.
    """

    module: str
    package: str
    version: str
    target: str
    commands: Callable[[str, Path], Sequence[Sequence[str]]]
    alone: Callable[[Sequence[Manifest]], Mapping[str, str]]


def _file(manifests: Sequence[Manifest]) -> Mapping[str, str]:
    return {"resources.yaml": dump(manifests)}


def _chart(manifests: Sequence[Manifest]) -> Mapping[str, str]:
    """A chart as somebody writes it who moves definitions to `crds/`, and no more."""
    definitions = [one for one in manifests if one["kind"] == "CustomResourceDefinition"]
    rest = dump(one for one in manifests if one["kind"] != "CustomResourceDefinition")
    return {
        "alone/Chart.yaml": dump([{"apiVersion": "v2", "name": "alone", "version": "0.1.0"}]),
        "alone/templates/all.yaml": rest.replace("{{", '{{ "{{" }}'),
        **({"alone/crds/definitions.yaml": dump(definitions)} if definitions else {}),
    }


ENGINES = {
    "kapp": Engine(
        module="carvel.dev/kapp",
        package="cmd/kapp",
        version="0.64.2",
        target="kapp",
        commands=lambda program, folder: [
            (program, "deploy", "--app=exported", f"--file={folder}", "--yes", "--wait-timeout=20m")
        ],
        alone=_file,
    ),
    "kapply": Engine(
        module="sigs.k8s.io/cli-utils",
        package="cmd",
        version="0.37.2",
        target="depends-on",
        commands=lambda program, folder: [
            (program, "init", str(folder)),
            # Else it keeps what it applied in an annotation, which no long definition has room for.
            (program, "apply", str(folder), "--server-side", "--reconcile-timeout=2m"),
        ],
        alone=_file,
    ),
    "Helm": Engine(
        module="helm.sh/helm/v4",
        package="cmd/helm",
        version="4.1.0",
        target="helm",
        commands=lambda program, folder: [
            (program, "install", chart.name, str(chart), "--wait", "--wait-for-jobs", "--timeout=10m")
            for chart in sorted(folder.iterdir())
        ],
        alone=_chart,
    ),
}
ROUNDS = [(platform, engine, ordered) for platform in PODS for engine in ENGINES for ordered in (False, True)]
"""The platform, the engine, and whether it is sent the export."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of one: the engine's exit code and seconds, what was refused, and Deployments that never came up.

    `conflicts` are updates of an object that somebody else had changed since it was read, which kapp tries again.

    `told` has the first of the refusals, `said` the end of what the engine said.
    """

    platform: str
    engine: str
    version: str
    ordered: bool
    objects: int
    code: int
    seconds: float
    conflicts: int
    refused: int
    refused_calls: int
    unavailable: int
    told: tuple[str, ...]
    said: str

    @property
    def right(self) -> bool:
        """What an export is to be; the manifests alone are whatever they are."""
        return not self.ordered or not (self.code or self.refused or self.refused_calls or self.unavailable)


def program(engine: Engine) -> str:
    """The engine, built where it is not yet. UserError where Go cannot.

    By a module of its own that requires it: `go install` asks for the list of a module's versions first, which not
    every proxy has.
    """
    folder = cache.home() / "engines" / f"{engine.module.replace('/', '-')}-{engine.version}"
    made = folder / "engine"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "go.mod").write_text(f"module engine\n\ngo 1.26\n\nrequire {engine.module} v{engine.version}\n")
        command = [find_go(engine.module), "build", "-mod=mod", "-o", made.name, f"{engine.module}/{engine.package}"]
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"{engine.module} {engine.version} cannot be built: {done.stderr.strip()[-1000:]}")
    return str(made)


def sent(platform: str, name: str, *, ordered: bool) -> Round:
    """One round, on a plane of its own."""
    engine = ENGINES[name]
    manifests = render(SAMPLE if platform == "sample" else release(platform))
    export = TARGETS[engine.target](build(manifests)) if ordered else Export(engine.alone(manifests), ())
    with tempfile.TemporaryDirectory() as made, fresh(PODS[platform]) as lab:
        folder, cluster = Path(made) / "sent", Cluster(lab.plane)
        export.write(folder)
        cluster.apply(STORAGE_CLASS)
        since = time.time()
        code, said = _run(engine, folder, {**os.environ, **lab.plane.environment, "HOME": made})
        seconds = time.time() - since
        deadline = time.time() + _SETTLED_S
        while (missing := _missing(cluster, manifests)) and not code and time.time() < deadline:
            time.sleep(1)
        asked = lab.refused(since)
    conflicts = [one for one in asked.refused if one.verb == "update" and one.code == HTTPStatus.CONFLICT]
    return Round(
        platform=platform,
        engine=name,
        version=engine.version,
        ordered=ordered,
        objects=len(manifests),
        code=code,
        seconds=round(seconds, 1),
        conflicts=len(conflicts),
        refused=len(asked.refused) - len(conflicts),
        refused_calls=len(asked.refused_calls),
        unavailable=len(missing),
        told=tuple(str(one) for one in (*asked.refused, *asked.refused_calls) if one not in conflicts)[:8],
        said=said[-600:],
    )


def _missing(cluster: Cluster, manifests: Iterable[Manifest]) -> set[tuple[str, str]]:
    """Deployments of the manifests, by namespace and name, that are not Available, or were never made."""
    there = cluster.get("deployments", "-A") or {"items": []}
    up = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in there["items"] if is_available(one)}
    return {
        (one["metadata"]["namespace"], one["metadata"]["name"]) for one in manifests if one["kind"] == "Deployment"
    } - up


def _run(engine: Engine, folder: Path, told: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of the engine's commands, and the end of what they said."""
    code, said = 0, ""
    for command in engine.commands(program(engine), folder):
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=LONGEST_S)
        code, said = done.returncode, done.stdout + done.stderr
        if code:
            break
    return code, said


def plan(kept: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    """The rounds that are not right yet, or were of another version of the engine."""
    right = {
        (one["platform"], one["engine"], one["ordered"])
        for one in kept
        if one["right"] and one["version"] == ENGINES[one["engine"]].version
    }
    return [one for one in ROUNDS if one not in right]


def run(results: Results, rounds: int) -> None:
    """So many of the rounds that are left."""
    for platform, engine, ordered in plan(results.kept)[:rounds]:
        outcome = sent(platform, engine, ordered=ordered)
        results.forget(platform=platform, engine=engine, ordered=ordered)
        results.keep({"right": outcome.right, **asdict(outcome)})


def table(kept: Sequence[Mapping[str, Any]]) -> str:
    """A row for each round."""
    lines = ["| platform | engine | | ended with | s | conflicts | refused | refused webhook calls | not Available |"]
    lines.append("|---|---|---|--:|--:|--:|--:|--:|--:|")
    for one in sorted(kept, key=lambda one: ROUNDS.index((one["platform"], one["engine"], one["ordered"]))):
        engine = ENGINES[one["engine"]]
        what = f"`--to {engine.target}`" if one["ordered"] else "the manifests alone"
        keys = ("code", "seconds", "conflicts", "refused", "refused_calls", "unavailable")
        figures = " | ".join(str(one[key]) for key in keys)
        lines.append(f"| {one['platform']} | {one['engine']} {one['version']} | {what} | {figures} |")
    return "\n".join(lines)


main = resumed(
    "exports",
    run,
    page(PAGE, table, "engines"),
    meaning="Send exports by their engines, and write down what was refused.",
)


if __name__ == "__main__":
    main()
