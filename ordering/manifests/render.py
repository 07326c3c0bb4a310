"""A kustomization, or a YAML file that is already rendered, to the list of objects in it."""

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ordering import cache
from ordering.errors import UserError
from ordering.manifests import kustomization
from ordering.manifests.extract import objects, unique
from ordering.manifests.kustomization import Inputs
from ordering.manifests.objects import Manifest, title
from ordering.manifests.parse import documents, parse

# Part of every key: a change in how text becomes objects must not meet what an older version cached.
_FORMAT = "3"
_KEPT = 8


def render(
    path: str | os.PathLike[str],
    *,
    components: Sequence[str | os.PathLike[str]] = (),
    namespace: str = "",
    allow: Collection[str] = (),
    kustomize: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> list[Manifest]:
    """The objects of `path`, a folder with a kustomization or a YAML file, in the order in which they are rendered.

    The objects are those that kustomize renders, also where this reads the files itself, for nothing must be built.
    `components` are kustomize components, applied in order on top, and all is put into the `namespace`, if there is
    one. `allow` is what the build may do beyond kustomize's defaults: `helm`, to render charts with it, and `any-file`,
    to read files outside of their folder. `kustomize` names the program; without it $KUSTOMIZE, then PATH are looked
    at, and only if something must be built. Lists are expanded, values are those of JSON. What depends on local files
    only is cached by content in
    `$XDG_CACHE_HOME/kubeflow-on-pulumi/rendered`, for the owner alone to read: 12 MB of YAML cost 1 s to parse and
    8 s more in kustomize; the cache answers in 0.2 s.

    UserError for everything that a person can fix, naming the file and the object.
    """
    source, overlays = Path(path), [Path(component) for component in components]
    layers = _layers(source, overlays, allow)
    plain = layers[0].plain and not overlays and not namespace
    command = [] if plain else kustomization.tool(env, kustomize)
    local = not any(layer.remote for layer in layers)
    programs = [command[0]] if command else []
    if any(layer.helm for layer in layers):
        programs.append(kustomization.helm(env))
    cached = cache.home(env) / "rendered" / f"{_key(layers, command, programs, namespace)}.json" if local else None
    if cached is not None and (known := _recall(cached)) is not None:
        return known
    if plain:
        rendered = unique(objects(doc for file in layers[0].resources for doc in documents(file)))
    else:
        with _layered(source, overlays, namespace) as folder:
            rendered = _built(command, source, folder, layers, allow)
    if not rendered:
        raise UserError(f"{source} renders no object at all: name a kustomization that has resources.")
    text = "[" + ",".join(_json(manifest) for manifest in rendered) + "]"
    if cached is not None:
        _remember(cached, text)
    result: list[Manifest] = json.loads(text)
    return result


def digest(
    path: str | os.PathLike[str], *, components: Sequence[str | os.PathLike[str]] = (), allow: Collection[str] = ()
) -> str:
    """SHA-256 over the names and contents of the local files that `render` of the same arguments reads."""
    return _digest(_layers(Path(path), [Path(component) for component in components], allow))


def _layers(source: Path, overlays: list[Path], allow: Collection[str]) -> list[Inputs]:
    if unknown := sorted(set(allow) - set(kustomization.ALLOWED)):
        raise UserError(f"a build cannot be allowed {unknown[0]!r}: choose among {', '.join(kustomization.ALLOWED)}.")
    base = Inputs(source.parent, [source], [source]) if source.is_file() else kustomization.inputs(source, allow)
    return [base, *(kustomization.inputs(overlay, allow) for overlay in overlays)]


def _json(manifest: Manifest) -> str:
    try:
        return json.dumps(manifest, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{title(manifest)} holds a value that JSON, and so Kubernetes, cannot hold: {error}."
        ) from None


def _built(
    command: list[str], source: Path, folder: Path, layers: list[Inputs], allow: Collection[str]
) -> list[Manifest]:
    """What the tool renders; where a file that we can read is at fault, our message gives the line and the object."""
    try:
        built = kustomization.build(command, folder, allow)
        return unique(objects(parse(built, f"{source} as rendered")))
    except UserError as error:
        resources = [file for layer in layers for file in layer.resources]
        for file in (file for layer in layers for file in layer.files if file.suffix in (".yaml", ".yml")):
            found = documents(file)
            for _ in objects(found) if file in resources else found:
                pass
        if "already registered id" in str(error):
            unique(objects(doc for file in resources for doc in documents(file)))
        raise


@contextmanager
def _layered(source: Path, overlays: list[Path], namespace: str) -> Iterator[Path]:
    """The folder to build: `source` itself, or a kustomization made for the moment with what is to be done to it."""
    if not overlays and not namespace:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="kubeflow-on-pulumi-") as made:
        # kustomize takes no absolute paths, and files inside its own root only.
        top = Path(made).resolve()
        if source.is_file():
            (top / "base.yaml").write_bytes(source.read_bytes())
        base = "base.yaml" if source.is_file() else os.path.relpath(source.resolve(), top)
        content = {"resources": [base], "components": [os.path.relpath(c.resolve(), top) for c in overlays]}
        (top / kustomization.NAMES[0]).write_text(json.dumps(content | ({"namespace": namespace} if namespace else {})))
        yield top


def _digest(layers: list[Inputs]) -> str:
    total = hashlib.sha256()
    for layer in layers:
        total.update(b"layer\0")
        for file in (*layer.files, *layer.charts):
            content = file.read_bytes()
            # Names are relative: moving the tree keeps the digest. Lengths: no file's end passes for another's start.
            name = os.path.relpath(file.resolve(), layer.root.resolve())
            total.update(f"{name}\0{len(content)}\0".encode())
            total.update(content)
        for reference in layer.remote:
            total.update(f"remote {reference}\0".encode())
    return total.hexdigest()


def _key(layers: list[Inputs], command: list[str], programs: list[str], namespace: str) -> str:
    """The cache's name for a build. Another program may render other text; size and time tell them apart unrun."""
    parts = [_FORMAT, _digest(layers), *([f"namespace {namespace}"] if namespace else []), *command[1:]]
    for program in programs:
        status = os.stat(program)
        parts.append(f"{os.path.realpath(program)}:{status.st_size}:{status.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _recall(cached: Path) -> list[Manifest] | None:
    try:
        known: list[Manifest] = json.loads(cached.read_bytes())
        os.utime(cached)
    except (OSError, ValueError):
        return None
    return known


def _remember(cached: Path, text: str) -> None:
    """Best effort: a cache that cannot be written costs time, not the run."""
    with suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp gives 0600: a folder of one's own may hold secrets. The rename makes a half-written file impossible.
        handle, name = tempfile.mkstemp(dir=cached.parent, suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(name, cached)
        newest_first = sorted(cached.parent.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in newest_first[_KEPT:]:
            old.unlink()
