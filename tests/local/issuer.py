"""An issuer that says who it is, and no more: what a login's provider is asked before anybody signs in."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOCUMENT = "/.well-known/openid-configuration"


@contextmanager
def answering() -> Iterator[str]:
    """Its address on this machine, for the length of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _address(server)
    finally:
        server.shutdown()
        server.server_close()


def _address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """OpenID Connect Discovery 1.0, section 4."""

    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        """The document, and 404 for anything else."""
        if self.path != DOCUMENT:
            self.send_error(404)
            return
        url = _address(self.server)
        places = {"authorization": "auth", "token": "token", "end_session": "logout"}
        document = {"issuer": url, "jwks_uri": f"{url}/keys", "scopes_supported": ["openid", "email", "groups"]}
        document |= {f"{name}_endpoint": f"{url}/{path}" for name, path in places.items()}
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
