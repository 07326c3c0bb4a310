"""Building a tool from its Go module."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from ordering.errors import UserError
from tools.catalog import Embedded, ReleasedTool, Tool

_OLDEST_GO = (1, 26)
_ADVICE = "install it from https://go.dev/dl, or by `apt install golang-go` or `brew install go` if that is new enough"
_GO_TOO_OLD = re.compile(r"requires go >= (\S+) \(running go (\S+?)[;)]")
_NO_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|network is unreachable|module lookup disabled|TLS handshake"
)


def build(tool: Tool, program: Path) -> str:
    """Build the tool into a path and say what it was built from.

    Raises UserError when there is no Go that is new enough, when its modules cannot be fetched, or when it does not
    compile.
    """
    go = find_go(tool.name)
    command = [go, *arguments(tool, program)]
    embedded = tool.embedded if isinstance(tool, ReleasedTool) else None
    if embedded is not None:
        # Go embeds only what lies beside the source: here the compiler is shown the module's files as if they did.
        overlay = program.with_name("overlay.json")
        overlay.write_text(json.dumps({"Replace": _beside(tool, embedded, go)}))
        command.insert(2, f"-overlay={overlay}")
    _go(tool, command)
    if not isinstance(tool, ReleasedTool):
        return f"built from {tool.folder.name}/"
    return f"built from {embedded.module if embedded else tool.package}"


def _beside(tool: Tool, embedded: Embedded, go: str) -> dict[str, str]:
    """For each embedded file the path beside the source, and the one in the module."""
    _go(tool, [go, "mod", "download", embedded.module])
    module = Path(_go(tool, [go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", embedded.module]).strip())
    return {str(tool.folder.resolve() / file): str(module / embedded.folder / file) for file in embedded.files}


def _go(tool: Tool, command: list[str]) -> str:
    """Runs Go in the tool's folder; what it prints. UserError when it fails."""
    done = subprocess.run(
        command,
        cwd=tool.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise UserError(explain(tool.name, done.stderr))
    return done.stdout


def find_go(wanted_for: str) -> str:
    """The Go command. Raises UserError when it is missing or too old."""
    go = shutil.which("go")
    oldest = ".".join(map(str, _OLDEST_GO))
    if go is None:
        raise UserError(f"Go {oldest} or newer is needed to build {wanted_for}, and no `go` is on PATH: {_ADVICE}")
    asked = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    version = re.match(r"go(\d+)\.(\d+)", asked)
    if version and (int(version[1]), int(version[2])) < _OLDEST_GO:
        raise UserError(f"Go {oldest} or newer is needed to build {wanted_for}, and {go} is {asked[2:]}: {_ADVICE}")
    return go


def arguments(tool: Tool, program: Path) -> list[str]:
    """What `go` is told, in the tool's folder, to write the program."""
    flags = ["-s", "-w"]
    if isinstance(tool, ReleasedTool):
        version = tool.built_version or tool.version
        values = [(variable, f"v{version}") for variable in tool.stamps] + list(tool.constants)
        flags += [f"-X={variable}={value}" for variable, value in values]
    return ["build", "-mod=readonly", "-trimpath", f"-ldflags={' '.join(flags)}", "-o", str(program), tool.package]


def environment() -> dict[str, str]:
    """The caller's environment, with what would mix other modules or a C compiler into the build taken out."""
    return os.environ | {"GOWORK": "off", "CGO_ENABLED": "0"}


def explain(name: str, stderr: str) -> str:
    """One sentence for a failed build, from what `go` wrote."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("go: downloading")]
    if (old := _GO_TOO_OLD.search(stderr)) is not None:
        return f"Go {old[1]} or newer is needed to build {name}, and this is {old[2]}: {_ADVICE}"
    if _NO_NETWORK.search(stderr):
        reason = next(line for line in lines if _NO_NETWORK.search(line))
        return (
            f"cannot build {name}, because its Go modules cannot be fetched ({reason}): connect to a network, or point "
            f"GOPROXY at a module proxy that can be reached"
        )
    shown = "; ".join(lines[-5:]) or "it wrote nothing about why"
    return f"cannot build {name}: {shown}"
