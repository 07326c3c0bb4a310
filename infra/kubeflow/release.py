"""Where the manifests come from: a folder that is named, one beside the checkout, the cache, or Git at a commit."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.settings import ALSO, Also
from infra.versions import release_title
from ordering import cache
from ordering.errors import UserError
from ordering.manifests import kustomization
from ordering.manifests.render import digest

Origin = Literal["folder", "shared", "cache", "git", "sample"]

# Upstream has renamed the repository to kubeflow/community-distribution; the old name redirects and is the one that the
# release's own instructions use.
REPOSITORY = "https://github.com/kubeflow/manifests"
PIPELINES_REPOSITORY = "https://github.com/kubeflow/pipelines"

SAMPLE = Path("manifests", "sample")

# A network that is there answers within this; one that is not shall not hold up a laptop.
_PROBE_SECONDS = 10
_FETCH_SECONDS = 300


@dataclass(frozen=True)
class Pin:
    """A release as upstream tagged it, and the commit that the tag named when it was pinned.

    `folders` are the kustomizations of its repository that make it up together; no `repository` is that of Kubeflow.
    """

    tag: str
    commit: str
    repository: str = ""
    folders: tuple[str, ...] = ("example",)

    @property
    def address(self) -> str:
        """Where Git finds it."""
        return self.repository or REPOSITORY


RELEASES = {
    "26.03": Pin("26.03", "d68ebc7fab366ab40ddd1541d2ec22febb31bc83"),
    "1.10.2": Pin("v1.10.2", "d8d643f1a736b28c525bd9b8ee5c9b2f4a661b39"),
    # As its own guide installs it (kubeflow.org, "Kubeflow Pipelines Standalone").
    "pipelines-2.16.0": Pin(
        "2.16.0",
        "e4ebca310f404dac306e16bc880de12bbbf63b95",
        PIPELINES_REPOSITORY,
        ("manifests/kustomize/cluster-scoped-resources", "manifests/kustomize/env/platform-agnostic"),
    ),
}

KUBE_PROMETHEUS = Pin(
    "v0.18.0",
    "4775d44d1aacfab7effa08293357521a3c603b87",
    "https://github.com/prometheus-operator/kube-prometheus",
    (".",),
)
"""For Kubernetes 1.33 to 1.36 (its README, "Compatibility")."""


@dataclass(frozen=True)
class Release:
    """Manifests that are at hand.

    `path` is a kustomization or a rendered file, `digest` the SHA-256 of its local files, `note` a sentence for people
    about what is used and why.
    """

    name: str
    path: Path
    digest: str
    origin: Origin
    note: str


def resolve(
    *,
    release: str,
    path: str | None,
    sample: bool,
    root: Path,
    allow: Collection[str] = (),
    env: Mapping[str, str] = os.environ,
    kustomize: str | None = None,
) -> Release:
    """Find the manifests, in this order: $KUBEFLOW_MANIFESTS, `path` (the setting kubeflowPath), the folder
    `../shared/kubeflow/RELEASE` beside the checkout `root`, the cache, Git.

    Relative paths start at `root`, and `allow` is what a build of a folder may do (see `render`). What Git brings is
    rendered once, with `kustomize` (see `render`), and cached with its remote bases resolved in. If nothing is within
    reach, `sample` says that `manifests/sample` will do, as the note then tells; else a UserError lists what was tried.
    A release that is not pinned and a path that leads nowhere are errors on every stack.
    """
    for source, given in (("KUBEFLOW_MANIFESTS", env.get("KUBEFLOW_MANIFESTS")), ("kubeflowPath", path)):
        if given:
            return _folder(source, given, root, allow)
    title = release_title(release)
    if (beside := _beside(release, title, root)) is not None:
        return beside
    pin = RELEASES.get(release)
    if pin is None:
        known = " or ".join((", ".join(list(RELEASES)[:-1]), list(RELEASES)[-1]))
        raise UserError(
            f"kubeflowRelease {release!r} is not a release that this version knows: choose {known}, "
            "or name a folder with manifests in kubeflowPath."
        )
    try:
        return _pinned(release, title, pin, env, kustomize)
    except UserError as error:
        if not sample:
            raise _unavailable(title, release, pin, root, env, error, ("KUBEFLOW_MANIFESTS", "kubeflowPath")) from None
        note = (
            f"{title} is not available ({_reason(error)}), so this stack runs {SAMPLE.as_posix()}, a small "
            "platform with the same kinds of dependencies, but no Kubeflow: name its manifests in KUBEFLOW_MANIFESTS."
        )
        return _release("sample", root / SAMPLE, "sample", note)


def resolve_monitoring(
    *, path: str | None, root: Path, env: Mapping[str, str] = os.environ, kustomize: str | None = None
) -> Release:
    """Find kube-prometheus as `resolve` finds a release: the folder `path` (the setting monitoringPath) comes first."""
    if path:
        return _folder("monitoringPath", path, root, ())
    pin = KUBE_PROMETHEUS
    name, title = f"kube-prometheus-{pin.tag}", f"kube-prometheus {pin.tag}"
    try:
        return _beside(name, title, root) or _pinned(name, title, pin, env, kustomize)
    except UserError as error:
        raise _unavailable(title, name, pin, root, env, error, ("monitoringPath",)) from None


def resolve_also(
    also: Also,
    *,
    root: Path,
    allow: Collection[str] = (),
    env: Mapping[str, str] = os.environ,
    kustomize: str | None = None,
) -> Release:
    """Find what is sent besides: a folder, relative to `root`, or what the cache has of a pinned commit, or Git.

    `allow` is what the build of a folder may do. UserError where nobody has it.
    """
    if also.repository is None or also.commit is None:
        return _folder(f"{ALSO} {also.name}", also.path, root, allow)
    pin = Pin(also.commit[:12], also.commit, also.repository, (also.path,))
    # The same commit may be asked for another of its folders later.
    place = hashlib.sha256(f"{also.repository}\0{also.path}".encode()).hexdigest()[:12]
    name = f"also-{also.name}-{place}"
    try:
        return _pinned(name, also.name, pin, env, kustomize)
    except UserError as error:
        raise UserError(
            f"{also.name} of {ALSO} is not available: tried {_cached(name, pin, env)} (nothing cached) and "
            f"{pin.address} ({_reason(error)}); give this machine access to the repository, or name a folder with its "
            "manifests as path, without repository and commit."
        ) from None


def _shared(name: str, root: Path) -> Path:
    return root.resolve().parent / "shared" / "kubeflow" / name


def _cached(name: str, pin: Pin, env: Mapping[str, str]) -> Path:
    return cache.home(env) / "releases" / f"{name}-{pin.commit[:12]}"


def _beside(name: str, title: str, root: Path) -> Release | None:
    """What a folder beside the checkout has."""
    shared = _shared(name, root)
    return (
        _release(name, shared, "shared", f"{title} from {os.path.relpath(shared, root)}.") if shared.is_dir() else None
    )


def _pinned(name: str, title: str, pin: Pin, env: Mapping[str, str], kustomize: str | None) -> Release:
    """What the cache has of a pin, or else Git; UserError where neither has it."""
    cached = _cached(name, pin, env)
    if (cached / kustomization.NAMES[0]).is_file():
        return _release(name, cached, "cache", f"{title} (commit {pin.commit[:12]}) from the cache.")
    _fetch(pin, cached, env, kustomize)
    return _release(name, cached, "git", f"{title} from {pin.address} (commit {pin.commit[:12]}), now cached.")


def _unavailable(
    title: str, name: str, pin: Pin, root: Path, env: Mapping[str, str], error: UserError, unset: Sequence[str]
) -> UserError:
    """What was tried, and that the last of `unset`, which may name a folder, is what to set."""
    return UserError(
        f"{title} is not available: tried {' and '.join(unset)} (not set), {_shared(name, root)} (no such folder), "
        f"{_cached(name, pin, env)} (nothing cached) and {pin.address} ({_reason(error)}); "
        f"name a folder with manifests in {unset[-1]}, or give this machine access to the repository."
    )


def _folder(source: str, given: str, root: Path, allow: Collection[str]) -> Release:
    chosen = root / Path(given).expanduser()
    if not chosen.exists():
        raise UserError(f"{source} names {given!r}, and {chosen} does not exist: name a folder with a kustomization.")
    return _release(chosen.resolve().name, chosen, "folder", f"Manifests from {given} ({source}).", allow)


def _release(name: str, path: Path, origin: Origin, note: str, allow: Collection[str] = ()) -> Release:
    return Release(name=name, path=path, digest=digest(path, allow=allow), origin=origin, note=note)


def _reason(error: UserError) -> str:
    return str(error).rstrip(".")


def _fetch(pin: Pin, cached: Path, env: Mapping[str, str], kustomize: str | None) -> None:
    """Bring the pinned commit, render it, and put the result at `cached`; else UserError, with nothing left behind."""
    command = kustomization.tool(env, kustomize)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=cached.parent, prefix=".fetch-") as made:
            clone, ready = Path(made) / "clone", Path(made) / "ready"
            _clone(pin, clone, env)
            ready.mkdir()
            (ready / "resources.yaml").write_bytes(kustomization.build(command, _joined(pin, clone)))
            (ready / kustomization.NAMES[0]).write_text("resources:\n- resources.yaml\n")
            shutil.rmtree(cached, ignore_errors=True)
            # A rename: an interrupted run leaves a whole release or none.
            os.replace(ready, cached)
    except OSError as error:
        raise UserError(f"{cached} cannot be written: {error.strerror}.") from None


def _joined(pin: Pin, clone: Path) -> Path:
    """The one kustomization of a release, or one over all of them."""
    if len(pin.folders) == 1:
        return clone / pin.folders[0]
    joined = clone / ".joined"
    joined.mkdir()
    resources = "".join(f"- ../{folder}\n" for folder in pin.folders)
    (joined / kustomization.NAMES[0]).write_text(f"resources:\n{resources}")
    return joined


def _clone(pin: Pin, clone: Path, env: Mapping[str, str]) -> None:
    clone.mkdir()
    _git(["ls-remote", "--quiet", "--exit-code", pin.address, "HEAD"], clone, env, _PROBE_SECONDS)
    _git(["init", "--quiet"], clone, env, _PROBE_SECONDS)
    _git(["fetch", "--quiet", "--depth=1", pin.address, pin.commit], clone, env, _FETCH_SECONDS)
    _git(["checkout", "--quiet", "--detach", "FETCH_HEAD"], clone, env, _FETCH_SECONDS)
    found = _git(["rev-parse", "HEAD"], clone, env, _PROBE_SECONDS)
    if found != pin.commit:
        raise UserError(f"{pin.address} answered with commit {found} for {pin.tag}, pinned as {pin.commit}.")


def _git(arguments: list[str], folder: Path, env: Mapping[str, str], seconds: int) -> str:
    # Give up on a transfer that has come to a halt.
    settings = ["-c", "http.lowSpeedLimit=1000", "-c", f"http.lowSpeedTime={_PROBE_SECONDS}"]
    quiet = {**env, **kustomization.SILENT_GIT}
    try:
        done = subprocess.run(
            ["git", *settings, *arguments], cwd=folder, env=quiet, capture_output=True, timeout=seconds, check=False
        )
    except FileNotFoundError:
        raise UserError("git is not on PATH: install it") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"git {arguments[0]} gave up after {seconds} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"git {arguments[0]}: {lines[0].removeprefix('fatal: ')}")
    return done.stdout.decode().strip()
