"""`python -m tools.vulnerabilities`: known vulnerabilities in the Go modules of the project's own programs.

No network is needed beyond Go's module proxy: the database is a Go module too, golang.org/x/vulndb, pinned beside
govulncheck in `tools/govulncheck/go.mod`, and laid out here as govulncheck reads it
(https://go.dev/doc/security/vuln/database).
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ordering.errors import UserError
from tools import build, cache, entry
from tools.catalog import HERE, TOOLS, SourceTool

_FOLDER = HERE / "govulncheck"
_DATABASE = "golang.org/x/vulndb"
_STANDARD_LIBRARY = "stdlib"

ACCEPTED: dict[str, str] = {
    "GO-2026-5932": "golang.org/x/crypto/openpgp is unmaintained, and nothing here calls it",
}
"""Entries that stay, and why: no release is without them, or what they are about is not used."""


@dataclass(frozen=True, order=True)
class Finding:
    """A module that the database has an entry about, and the first version without it (empty where there is none)."""

    module: str
    version: str
    entry: str
    fixed: str

    def __str__(self) -> str:
        fixed = f"fixed in {self.fixed}" if self.fixed else "not fixed in any version"
        return f"{self.module} {self.version}: {self.entry}, {fixed}; see https://pkg.go.dev/vuln/{self.entry}"


def lay_out(entries: Iterable[Path], database: Path) -> None:
    """Write the entries, each a file in the OSV format, as a database that govulncheck reads."""
    (database / "ID").mkdir(parents=True)
    (database / "index").mkdir()
    modules: dict[str, dict[str, dict[str, str]]] = {}
    latest = ""
    for file in entries:
        text = file.read_text()
        content = json.loads(text)
        (database / "ID" / file.name).write_text(text)
        latest = max(latest, content["modified"])
        for affected in content["affected"]:
            events = [event for one in affected.get("ranges", ()) for event in one["events"]]
            fixed = [event["fixed"] for event in events if "fixed" in event]
            known = {"id": content["id"], "modified": content["modified"], **({"fixed": fixed[-1]} if fixed else {})}
            modules.setdefault(affected["package"]["name"], {})[content["id"]] = known
    index = [{"path": path, "vulns": list(known.values())} for path, known in sorted(modules.items())]
    (database / "index" / "modules.json").write_text(json.dumps(index))
    (database / "index" / "db.json").write_text(json.dumps({"modified": latest}))


def findings(output: str) -> Iterator[Finding]:
    """What govulncheck found, out of its JSON: one value after another, among them findings with a trace."""
    decoder, rest = json.JSONDecoder(), output.strip()
    while rest:
        message, end = decoder.raw_decode(rest)
        rest = rest[end:].lstrip()
        if found := message.get("finding"):
            at = found["trace"][0]
            yield Finding(at["module"], at["version"], found["osv"], found.get("fixed_version", ""))


def judge(found: Iterable[Finding], accepted: Mapping[str, str] = ACCEPTED) -> tuple[list[str], list[str]]:
    """What must be fixed here, and what is only told: the standard library comes with the Go that is installed."""
    wrong: list[str] = []
    told: list[str] = []
    every = sorted(set(found))
    for one in every:
        if one.module != _STANDARD_LIBRARY and one.entry not in accepted:
            wrong.append(str(one))
    library = [one for one in every if one.module == _STANDARD_LIBRARY]
    if library:
        newest = max((one.fixed for one in library), key=_numbers)
        told.append(
            f"Go {library[0].version.removeprefix('v')} has {len(library)} known vulnerabilities in its standard "
            f"library: install Go {newest.removeprefix('v')} or newer"
        )
    unused = sorted(set(accepted) - {one.entry for one in every})
    told += [
        f"{name} is accepted, and nothing has it any more: take it out of tools/vulnerabilities.py" for name in unused
    ]
    return wrong, told


def scan(module: Path, database: Path, go: str) -> list[Finding]:
    """The findings of one module. Raises UserError when govulncheck cannot read it."""
    checker = _go([go, "tool", "-n", "govulncheck"], _FOLDER).strip()
    return list(findings(_go([checker, f"-db={database.as_uri()}", "-scan=module", "-format=json"], module)))


def database(go: str) -> Path:
    """The pinned database, laid out once for each version."""
    module: dict[str, Any] = json.loads(_go([go, "mod", "download", "-json", _DATABASE], _FOLDER))
    place: Path = cache.root() / "vulnerabilities" / str(module["Version"])
    if not (place / "index" / "db.json").is_file():
        cache.remove(place.parent)
        lay_out(sorted((Path(module["Dir"]) / "data" / "osv").glob("*.json")), place)
    return place


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("-")[0].split("."))


def _go(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        # As the tools are built, so that Go compiles what they share once.
        env=build.environment() | {"GOFLAGS": "-trimpath"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise UserError(build.explain("govulncheck", done.stderr))
    return done.stdout


@click.command()
def main() -> int:
    """Look for known vulnerabilities in the Go modules of the project's own programs."""
    go = build.find_go("govulncheck")
    place = database(go)
    found = [one for tool in TOOLS.values() if isinstance(tool, SourceTool) for one in scan(tool.folder, place, go)]
    wrong, told = judge(found)
    for line in told:
        click.echo(f"note: {line}.", err=True)
    for line in wrong:
        click.echo(f"error: {line}", err=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(entry.run(main, name="python -m tools.vulnerabilities", interrupted="Interrupted; nothing was changed."))
