"""A real browser without a window."""

import shutil
import subprocess
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing of its own is fetched, and as root the sandbox refuses to start.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
    "--virtual-time-budget=5000",
)


def document(url: str, profile: Path, *flags: str) -> str:
    """The page at the address as it stands once its scripts are done."""
    browser = next(filter(None, map(shutil.which, _NAMES)), None)
    assert browser, "no Chromium on PATH: install Debian's package chromium"
    command = [browser, *_FLAGS, *flags, f"--user-data-dir={profile}", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
