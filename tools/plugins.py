"""Pulumi's own provider plugins, on their way to the engine: each archive is held against its sum.

The engine downloads a plugin when a program first needs one, and checks no sum. The lists that most of the plugins'
releases come with are of SHA-1 (publish.yml of pulumi/ci-mgmt, August 2026). So the engine is sent to a small server on
loopback, which fetches the same file from the same places, and lets it pass if its sum is the pinned one, or the one
that this machine saw first. `workspace/plugins.go` of pulumi/sdk 3.259 has the places and the setting.
"""

import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

from ordering.errors import UserError
from tools.catalog import Download

SETTING = "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES"
_OFF = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"
_OFFICIAL = r"^github://api\.github\.com/pulumi(/|$)"
_FILE = re.compile(r"pulumi-resource-(?P<name>[a-z0-9-]+)-v(?P<version>[0-9A-Za-z.+-]+)-[a-z]+-[a-z0-9]+\.tar\.gz")
PACKAGES = ("aws", "eks", "kubernetes", "random")
"""What the program uses. The engine may ask for more: `eks` brings other versions of `aws` and `kubernetes`."""
PLACES = (
    "https://github.com/pulumi/pulumi-{name}/releases/download/v{version}/{file}",
    "https://get.pulumi.com/releases/plugins/{file}",
)


def releases(system: str, architecture: str) -> list[Download]:
    """The archives of what the program uses, at the versions of the SDKs. Their releases have no list worth asking."""
    found = []
    for name in PACKAGES:
        number = version(f"pulumi-{name}")
        file = f"pulumi-resource-{name}-v{number}-{system}-{architecture}.tar.gz"
        url = PLACES[0].format(name=name, version=number, file=file)
        found.append(Download(url=url, member=f"pulumi-resource-{name}", checksums=None))
    return found


@contextmanager
def checked(environment: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """What sends an engine's downloads of plugins through a check, for the length of the block.

    Nothing where the person sends them elsewhere, or wants none. Raises UserError at the end if a plugin was refused.
    """
    if environment.get(SETTING) or environment.get(_OFF):
        yield {}
        return
    refused: list[str] = []
    secret = secrets.token_urlsafe(16)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(f"/{secret}/", refused, threading.Lock()))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield {SETTING: f"{_OFFICIAL}=http://127.0.0.1:{server.server_port}/{secret}"}
    finally:
        server.shutdown()
        server.server_close()
        if refused:
            raise UserError(
                f"A plugin was refused: {'; '.join(refused)}: a release does not change, so find out why this one did."
            )


def _handler(prefix: str, refused: list[str], one_at_a_time: threading.Lock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = unquote(self.path)
            file = _FILE.fullmatch(asked.removeprefix(prefix)) if asked.startswith(prefix) else None
            if file is None:
                self.send_error(404)
                return
            from tools.download import MismatchError, UnavailableError, downloads  # its HTTP client is slow to import

            with one_at_a_time, downloads() as run:
                why = ""
                for place in PLACES:
                    url = place.format(**file.groupdict(), file=file[0])
                    try:
                        archive, _ = run.archive(Download(url=url, member="", checksums=None))
                    except MismatchError as error:
                        refused.append(str(error))
                        self.send_error(403)
                        return
                    except UnavailableError as error:
                        why = str(error)
                    else:
                        self._send(archive)
                        return
                self.send_error(404, explain=why)

        def _send(self, archive: Path) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(archive.stat().st_size))
            self.end_headers()
            with archive.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
