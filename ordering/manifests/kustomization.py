"""What a kustomization reads, and the tool that builds it."""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ordering.errors import UserError
from ordering.manifests.parse import documents, parse

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# Keys whose entries are files or folders that kustomize reads as resources or as further kustomizations.
_SOURCES = ("resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators")
# Of these, those whose objects are plugins, which name files themselves. Such a path starts at the kustomization that
# lists the plugin (`runGenerators` and its like in kustomize's api 0.21.1, internal/target/kusttarget.go).
_PLUGINS = ("generators", "transformers", "validators")
# A kustomization with these keys alone passes its resources on unchanged: no tool is needed to read it. Of any other
# value the tool says what is wrong (`EnforceFields` in kustomize's api 0.21.1, types/kustomization.go).
_PLAIN = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_REMOTE = re.compile(r"://|^git@|^github\.com[/:]|[?&](?:ref|version)=|\.git(?:/|$)")

# A build reaches the network for remote bases only; kustomize itself gives up on each after 27 s.
_BUILD_SECONDS = 300

ALLOWED = {"helm": ("--enable-helm",), "any-file": ("--load-restrictor", "LoadRestrictionsNone")}
"""What a build may be allowed on top, and the flags that say so: to run helm for charts, to read files anywhere."""

SILENT_GIT = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes", "GCM_INTERACTIVE": "never"}
"""What keeps Git, which kustomize runs for remote bases, from asking for a password that nobody would see asked for.

A helper that knows it is asked; Git Credential Manager has a variable of its own for not asking anybody."""


@dataclass
class Inputs:
    """What a build of a path depends on."""

    root: Path
    """The folder that relative names start from."""
    files: list[Path] = field(default_factory=list)
    """Every local file read, kustomizations included, in the order of reading."""
    resources: list[Path] = field(default_factory=list)
    """Those of the files that hold objects."""
    remote: list[str] = field(default_factory=list)
    """References that only the network can resolve: what they bring is in no local file."""
    helm: bool = False
    """Whether helm renders some of it."""
    charts: list[Path] = field(default_factory=list)
    """The files of charts, which are templates and need not be YAML."""
    plain: bool = True
    """Whether the build is no more than the resource files one after the other."""
    allow: Collection[str] = ()
    """Which of `ALLOWED` the build may do."""


def inputs(folder: Path, allow: Collection[str] = ()) -> Inputs:
    """Everything that a kustomization reads, found without building it.

    UserError if the folder, or one that it names, is missing or holds no kustomization, or names what does not exist or
    what the build may not touch.
    """
    found = Inputs(folder, allow=allow)
    _collect(folder, found, ())
    return found


def _collect(folder: Path, found: Inputs, above: tuple[Path, ...]) -> None:
    real = folder.resolve()
    if any(real == referrer or real in referrer.parents for referrer in above):
        raise UserError(f"{folder} names itself through {' -> '.join(str(p) for p in above)}: break the cycle.")
    file, content = _read(folder)
    found.files.append(file)
    if any(_PLAIN.get(key) != value for key, value in content.items() if key != "resources"):
        found.plain = False
    _charts(folder, content, found)
    plugins: list[Any] = []
    for key in _SOURCES:
        for entry in content.get(key) or ():
            if not isinstance(entry, str):
                continue
            if "\n" in entry:
                if key in _PLUGINS:
                    plugins.extend(doc.content for doc in parse(entry.encode(), f"{file}: an entry under {key}"))
                continue
            target = folder / entry
            read: list[Path] = []
            if target.is_dir():
                before = len(found.resources)
                _collect(target, found, (*above, real))
                read = found.resources[before:]
            elif target.is_file():
                if "any-file" not in found.allow and not target.resolve().is_relative_to(real):
                    raise UserError(
                        f"{file}: {entry!r} under {key} lies outside of its folder, where kustomize reads no file: "
                        "move it, or allow the build any file (kubeflowBuild: [any-file], or --allow any-file)."
                    )
                found.files.append(target)
                read = [target]
                if key == "resources":
                    found.resources.append(target)
            elif _REMOTE.search(entry):
                found.remote.append(entry)
                found.plain = False
            else:
                raise UserError(f"{file}: {entry!r} under {key} is neither a file nor a folder: correct the path.")
            if key in _PLUGINS:
                plugins.extend(doc.content for one in read for doc in documents(one))
    for plugin in plugins:
        if isinstance(plugin, dict) and plugin.get("kind") == "HelmChartInflationGenerator":
            _charts(folder, {"helmCharts": [plugin], "helmGlobals": plugin}, found)
    known = set(found.files)
    rest = {key: value for key, value in content.items() if key not in _SOURCES}
    for text in _texts([rest, *plugins]):
        # Generators write `key=path`; patches and replacements write the path alone.
        for candidate in (text, text.partition("=")[2]):
            target = folder / candidate
            if candidate and target not in known and target.is_file():
                found.files.append(target)
                known.add(target)


def _charts(folder: Path, content: Mapping[str, Any], found: Inputs) -> None:
    """Notes the files of charts that lie in the folder, and those that helm fetches; UserError where it may not run."""
    charts = [*(content.get("helmCharts") or ()), *(content.get("helmChartInflationGenerator") or ())]
    if charts and "helm" not in found.allow:
        raise UserError(
            f"{folder} has helmCharts, and kustomize runs helm only where it may: allow it (kubeflowBuild: [helm], or "
            "--allow helm)."
        )
    found.helm = found.helm or bool(charts)
    home = (content.get("helmGlobals") or {}).get("chartHome", "charts")
    for chart in charts:
        name = str(chart.get("name") or chart.get("chartName")) if isinstance(chart, dict) else "?"
        local = folder / home / name
        if isinstance(chart, dict) and not chart.get("repo") and local.is_dir():
            found.charts.extend(sorted(path for path in local.rglob("*") if path.is_file()))
        else:
            found.remote.append(f"helm chart {name}")


def _read(folder: Path) -> tuple[Path, dict[str, Any]]:
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist: name a folder with a kustomization, or a rendered YAML file.")
    files = [folder / name for name in NAMES if (folder / name).is_file()]
    if not files:
        raise UserError(f"{folder} is not a kustomization: it holds none of {', '.join(NAMES)}.")
    if len(files) > 1:
        raise UserError(f"{folder} has {' and '.join(file.name for file in files)}: keep one of them.")
    file = files[0]
    docs = list(documents(file))
    content = docs[0].content if len(docs) == 1 else None
    if not isinstance(content, dict) or content.get("kind", "Kustomization") not in ("Kustomization", "Component"):
        raise UserError(f"{file} is not a kustomization: expected one mapping of kind Kustomization or Component.")
    for key in _SOURCES:
        if not isinstance(content.get(key) or [], list):
            raise UserError(f"{file}: {key} must be a list, not {content[key]!r}.")
    return file, content


def _texts(value: Any) -> Iterator[str]:
    """Every one-line text inside a parsed document: any of them may be a path."""
    if isinstance(value, str):
        if "\n" not in value and len(value) < 500:
            yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


def tool(env: Mapping[str, str], given: str | None = None) -> list[str]:
    """The command that builds a folder: `given`, else $KUSTOMIZE, else kustomize or kubectl on PATH, else UserError."""
    chosen = given or env.get("KUSTOMIZE")
    if chosen:
        path = shutil.which(chosen, path=env.get("PATH"))
        if path is None:
            raise UserError(f"KUSTOMIZE names {chosen!r}, which is not a program that can be run: correct the path.")
        return [path, "build"]
    for name, verb in (("kustomize", "build"), ("kubectl", "kustomize")):
        path = shutil.which(name, path=env.get("PATH"))
        if path is not None:
            return [path, verb]
    raise UserError(
        "neither kustomize nor kubectl is on PATH: install kustomize 5.8 or newer, or name it in KUSTOMIZE."
    )


def helm(env: Mapping[str, str]) -> str:
    """The helm that kustomize would run, or UserError."""
    path = shutil.which("helm", path=env.get("PATH"))
    if path is None:
        raise UserError("helm is not on PATH, and the kustomization has helmCharts: install Helm 3.")
    return path


def build(command: list[str], folder: Path, allow: Collection[str] = ()) -> bytes:
    """The YAML that the tool renders, `allow` of `ALLOWED`; UserError with the tool's own reason when it cannot."""
    try:
        done = subprocess.run(
            [*command, *(flag for name in ALLOWED if name in allow for flag in ALLOWED[name]), os.fspath(folder)],
            env={**os.environ, **SILENT_GIT},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"kustomize did not finish {folder} within {_BUILD_SECONDS} s: see whether its remote bases can be reached."
        ) from None
    if done.returncode == 0:
        return done.stdout
    reason = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("Error: ").removeprefix("error: ")
    raise UserError(f"kustomize cannot build {folder}: {reason or f'exit code {done.returncode}'}")
