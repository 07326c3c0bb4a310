"""Plain `pulumi` from a fresh clone: what it reads to set itself up is there, and says what `make` says."""

import re
from pathlib import Path

from ops.project import read_project

ROOT = Path(__file__).resolve().parents[2]


def test_pulumi_and_make_share_one_environment() -> None:
    runtime = read_project()["runtime"]
    assert runtime == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert "override VENV := .venv" in (ROOT / "Makefile").read_text()


def test_what_pip_installs_by_that_name_is_the_whole_lock() -> None:
    """The pip toolchain installs `requirements.txt`, without a flag (3.259, sdk/python/toolchain/pip.go)."""
    lock = (ROOT / "requirements.txt").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)
    assert set(pinned) >= {"pulumi", "pulumi-aws", "pulumi-eks", "pulumi-kubernetes", "pulumi-random", "boto3"}
    # With one hash pip wants one of each; `make` alone says so with a flag.
    assert len(re.findall(r"^[a-z0-9-]+==\S+ .*\\$", lock, re.MULTILINE)) == len(pinned)
    assert "--hash=sha256:" in lock


def test_the_readme_installs_before_it_deploys() -> None:
    """A `.venv` that is half made is taken as it is by `pulumi up` (the same file, `EnsureVenv`)."""
    plain = (ROOT / "README.md").read_text().partition("## Plain `pulumi up`")[2]
    assert 0 < plain.index("pulumi install\n") < plain.index("pulumi up --parallel")
