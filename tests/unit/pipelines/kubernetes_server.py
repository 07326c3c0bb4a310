"""An API server of custom objects, over HTTP on 127.0.0.1, with a KServe that makes services ready or does not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class Kubernetes:
    """Objects by the end of their path; `url` is where services answer, None for ones that never become ready."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.url: str | None = None
        self.refuses: set[str] = set()


@contextmanager
def serve(folder: Path) -> Iterator[tuple[Kubernetes, Path]]:
    """The API server and a kubeconfig for it, for as long as the block lasts."""
    state = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def take(self) -> None:
            url = urlsplit(self.path)
            kind, _, name = url.path.partition("/namespaces/")[2].partition("/")[2].partition("/")
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
            found = state.objects.get(f"{kind}/{name}")
            if kind in state.refuses:
                self.answer(403, {"reason": "Forbidden"})
            elif self.command == "GET" and not name:
                wanted = url.query.rpartition("%3D")[2]
                self.answer(200, {"items": [one for key, one in state.objects.items() if key == f"{kind}/{wanted}"]})
            elif name.endswith("/token"):
                namespace = url.path.partition("/namespaces/")[2].partition("/")[0]
                told = ".".join([namespace, name.partition("/")[0], *body["spec"]["audiences"]])
                self.answer(
                    201,
                    {"spec": body["spec"], "status": {"token": told, "expirationTimestamp": "2026-11-28T00:00:00Z"}},
                )
            elif self.command == "POST":
                key = f"{kind}/{body['metadata']['name']}"
                if key in state.objects:
                    self.answer(409, {"reason": "AlreadyExists"})
                    return
                body["metadata"]["generation"] = 1
                state.objects[key] = body
                self.answer(201, body)
            elif found is None:
                self.answer(404, {"reason": "NotFound"})
            elif self.command == "PUT":
                assert body["metadata"]["generation"] == found["metadata"]["generation"], "it was read before"
                found["spec"] = body["spec"]
                found["metadata"]["generation"] += 1
                self.answer(200, found)
            elif self.command == "DELETE":
                del state.objects[f"{kind}/{name}"]
                self.answer(200, {})
            else:
                ready = {"type": "Ready", "status": "True" if state.url else "False"}
                status = {"observedGeneration": found["metadata"]["generation"], "conditions": [ready]}
                self.answer(200, found | {"status": status | {"address": {"url": state.url}}})

        do_GET = do_POST = do_PUT = do_DELETE = take  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    kubeconfig = folder / "kubeconfig"
    named = {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}, "name": "c"}
    context = {"context": {"cluster": "c", "user": "u"}, "name": "c"}
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [named],
                "contexts": [context],
                "current-context": "c",
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    try:
        yield state, kubeconfig
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
