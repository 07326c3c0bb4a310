"""A copy of the project whose commands are called in one process, and what they leave on the disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]

_LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "tests", "docs", "bench", "node_modules", "*.png", "requirements.txt", "CHANGELOG.md"
)


@dataclass(frozen=True)
class Answer:
    """What became of a command."""

    code: int
    out: str
    err: str


class Checkout:
    """A copy of the project. `home` holds all else that a command may write: the cache, Pulumi's home, state."""

    def __init__(self, root: Path, home: Path, worker: "subprocess.Popen[str]") -> None:
        self.root, self.home, self._worker = root, home, worker

    def run(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None = None, typed: str = ""
    ) -> Answer:
        """What becomes of a command line in this environment, by somebody who types this."""
        asked = {
            "program": program,
            "arguments": arguments,
            "environment": dict(environment or {}),
            "input": typed,
        }
        assert self._worker.stdin
        assert self._worker.stdout
        self._worker.stdin.write(json.dumps(asked) + "\n")
        self._worker.stdin.flush()
        line = self._worker.stdout.readline()
        assert line, f"the process of the commands ended at {asked}"
        return Answer(**json.loads(line))

    @contextmanager
    def holding(self, files: Mapping[str, bytes]) -> Iterator[None]:
        """These files, of the checkout or (`~/…`) of the home, for the length of the block."""
        paths = {
            self.home / name.removeprefix("~/") if name.startswith("~/") else self.root / name: content
            for name, content in files.items()
        }
        before: dict[Path, bytes | None] = {path: path.read_bytes() if path.exists() else None for path in paths}
        for path, wanted in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted)
        try:
            yield
        finally:
            for path, content in before.items():
                if content is None:
                    path.unlink()
                else:
                    path.write_bytes(content)

    def write(self, stack: str, settings: Any) -> Path:
        """Writes a stack's settings: the text of the file, its bytes, or what goes under `config:`."""
        path = self.root / f"Pulumi.{stack}.yaml"
        if isinstance(settings, bytes):
            path.write_bytes(settings)
        elif isinstance(settings, str):
            path.write_text(settings)
        else:
            full = {key if ":" in key else f"kubeflow:{key}": value for key, value in settings.items()}
            path.write_text(yaml.safe_dump({"config": full}))
        return path

    def disk(self) -> dict[str, tuple[int, int, int]]:
        """Every file below the copy and the home, but caches, by path: what changes whenever it is written."""
        found: dict[str, tuple[int, int, int]] = {}
        for top in (self.root, self.home):
            for folder, folders, names in os.walk(top):
                folders[:] = [name for name in folders if name not in ("__pycache__", "cache", "logs")]
                for name in names:
                    about = os.lstat(os.path.join(folder, name))
                    found[os.path.join(folder, name)] = (about.st_ino, about.st_size, about.st_mtime_ns)
        return found


def environment(home: Path) -> dict[str, str]:
    """An environment in which nobody has chosen anything, and nobody can be reached."""
    kept = ("PATH", "TMPDIR", "LANG", "SSL_CERT_FILE", "GOPROXY", "GOFLAGS", "GOSUMDB")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(home),
        "USER": "ada",
        "PULUMI_HOME": str(home / "pulumi"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
    }


@contextmanager
def checked_out(folder: Path, **changes: str) -> Iterator[Checkout]:
    """A copy in `folder` for the length of the block, with the tools that are here already."""
    root, home = folder / "project", folder / "home"
    shutil.copytree(ROOT, root, ignore=_LEFT_OUT)
    home.mkdir()
    tools = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubeflow-on-pulumi" / "tools"
    kept = home / "cache" / "kubeflow-on-pulumi"
    kept.mkdir(parents=True)
    (kept / "tools").symlink_to(tools)
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[0:0] = {[str(root)]!r}; exec(open({str(_WORKER)!r}).read())"],
        cwd=root,
        env={**environment(home), "XDG_CACHE_HOME": str(home / "cache"), **changes},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            yield Checkout(root, home, worker)
        finally:
            assert worker.stdin
            worker.stdin.close()
            worker.wait(timeout=30)


_WORKER = Path(__file__).with_name("worker.py")
