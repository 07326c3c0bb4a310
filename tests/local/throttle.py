"""A cloud that turns requests away for coming too fast, as AWS does with a busy account."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from localcloud import emulator

EVERY = 4
"""Every such request is turned away; AWS's clients ask again."""

_XML = b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow</Message></Error></Errors></Response>"
_JSON = b'{"__type": "ThrottlingException", "message": "slow"}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: tuple[str, int]
    asked = 0
    refused = 0
    lock = threading.Lock()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = type(self)
        with kind.lock:
            kind.asked += 1
            refuse = kind.asked % EVERY == 0
            kind.refused += refuse
        if refuse:
            as_json = "json" in self.headers.get("Content-Type", "")
            self._send(400 if as_json else 503, {}, _JSON if as_json else _XML)
            return
        connection = http.client.HTTPConnection(*self.target, timeout=120)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        self._send(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@contextmanager
def throttled(root: Path) -> Iterator[Callable[[], int]]:
    """Puts the throttle before the emulator of `root` for the length of the block; yields how much it turned away."""
    address = urlsplit(emulator.start(root))
    state = emulator.state(root)
    known = state.read_text()

    class Handler(_Handler):
        target = (str(address.hostname), address.port or 80)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        state.write_text(json.dumps({**json.loads(known), "endpoint": f"http://127.0.0.1:{server.server_port}"}))
        yield lambda: Handler.refused
    finally:
        state.write_text(known)
        server.shutdown()
        server.server_close()
