"""A server on loopback that plays the hosts of releases, in their layout: one folder for each host."""

import gzip
import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Host:
    """The files by path, what else a path does, and the paths that were asked for, in order.

    `halved` announces twice what it sends, `slow` sends for ever, a byte at a time.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    halved: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def at(self, url: str) -> str:
        """Where an official URL lies here."""
        return f"{self.url}/{url.removeprefix('https://')}"

    def offer(self, url: str, content: bytes) -> str:
        """Serves a file in place of an official URL; its SHA-256 sum."""
        self.files[f"/{url.removeprefix('https://')}"] = content
        return hashlib.sha256(content).hexdigest()


def archive(members: Mapping[str, bytes]) -> bytes:
    """A tar archive of programs, by path: the same bytes for the same programs, whenever it is made."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@contextmanager
def serving() -> Iterator[Host]:
    """A host for the length of the block. It answers a proxy's requests too, which name the whole URL."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(self.path)
            path = "/" + self.path.removeprefix("http://") if self.path.startswith("http://") else self.path
            if path in host.moved:
                self.send_response(302)
                self.send_header("Location", host.moved[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path in host.slow:
                self.send_response(200)
                self.end_headers()
                _trickle(self.wfile.write)
            elif path in host.files:
                content = host.files[path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content) * (2 if path in host.halved else 1)))
                self.end_headers()
                self.wfile.write(content)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()


def _trickle(write: Callable[[bytes], object]) -> None:
    try:
        for _ in range(500):  # 5 s, for whoever waits that long
            write(b".")
            time.sleep(0.01)
    except OSError:
        pass
