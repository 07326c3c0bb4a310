"""The audit of Go modules: what it reads, what it lets pass, and that the real checker finds what is there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools import build, vulnerabilities
from tools.catalog import HERE, TOOLS
from tools.vulnerabilities import Finding, findings, judge, lay_out

ENTRY: dict[str, Any] = {
    "id": "GO-2026-0001",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "schema_version": "1.3.1",
    "details": "It does what it should not.",
    "affected": [
        {
            "package": {"name": "example.com/lib", "ecosystem": "Go"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.0"}]}],
            "ecosystem_specific": {"imports": [{"path": "example.com/lib"}]},
        }
    ],
}
LIBRARY = Finding("stdlib", "v1.26.8", "GO-2026-0002", "v1.26.10")
ONE = Finding("example.com/lib", "v1.1.0", "GO-2026-0001", "v1.2.0")


def test_findings_are_read_out_of_what_the_checker_prints() -> None:
    trace = [{"module": "example.com/lib", "version": "v1.1.0"}]
    printed = [
        {"config": {"protocol_version": "v1.0.0"}},
        {"osv": ENTRY},
        {"finding": {"osv": "GO-2026-0001", "fixed_version": "v1.2.0", "trace": trace}},
    ]
    assert list(findings("\n".join(json.dumps(one, indent=2) for one in printed))) == [ONE]
    assert list(findings("")) == []


def test_a_module_must_be_fixed_and_the_installed_go_is_only_told() -> None:
    wrong, told = judge([ONE, ONE, LIBRARY], accepted={})
    assert wrong == ["example.com/lib v1.1.0: GO-2026-0001, fixed in v1.2.0; see https://pkg.go.dev/vuln/GO-2026-0001"]
    assert told == ["Go 1.26.8 has 1 known vulnerabilities in its standard library: install Go 1.26.10 or newer"]


def test_what_is_accepted_passes_and_is_named_once_it_is_gone() -> None:
    assert judge([ONE], accepted={"GO-2026-0001": "not used"}) == ([], [])
    wrong, [told] = judge([], accepted={"GO-2026-0001": "not used"})
    assert wrong == []
    assert told.startswith("GO-2026-0001 is accepted, and nothing has it any more")


def test_everything_that_is_accepted_has_a_reason() -> None:
    assert all(reason for reason in vulnerabilities.ACCEPTED.values())


@pytest.mark.parametrize(("newer", "found"), [(1, True), (0, False)])
def test_the_real_checker_reads_the_database_as_it_is_laid_out(tmp_path: Path, newer: int, found: bool) -> None:
    """On a module of ours, by an entry that is made here about something that it requires."""
    controllers = TOOLS["controllers"].folder
    version = re.search(r"golang\.org/x/text v0\.(\d+)\.0", (controllers / "go.mod").read_text())
    assert version
    entry = json.loads(json.dumps(ENTRY).replace("example.com/lib", "golang.org/x/text"))
    entry["affected"][0]["ranges"][0]["events"][1]["fixed"] = f"0.{int(version[1]) + newer}.0"
    file = tmp_path / "GO-2026-0001.json"
    file.write_text(json.dumps(entry))
    lay_out([file], tmp_path / "database")
    scanned = vulnerabilities.scan(controllers, tmp_path / "database", build.find_go("a test"))
    assert [one.entry for one in scanned] == (["GO-2026-0001"] if found else [])


def test_a_secret_is_found_and_what_is_no_secret_is_not(tmp_path: Path) -> None:
    """With the project's own settings, on a file that is made here: no secret may be in this one."""
    folder = HERE / "gitleaks"
    key = "ghp_" + "0aA1bB2cC3dD4eE5fF6gG7hH8iI9jJ0kK1lL"[:36]
    (tmp_path / "settings.py").write_text(f'TOKEN = "{key}"\n')
    command = ["go", "tool", "gitleaks", "dir", str(tmp_path), "--no-banner", "--redact", "--config=gitleaks.toml"]

    environment = build.environment() | {"GOFLAGS": "-trimpath"}

    def look() -> int:
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode

    assert look() == 1
    (tmp_path / "settings.py").write_text('_SECRET = "4dabf18193072939515e22adb298388d"\n')
    assert look() == 0
