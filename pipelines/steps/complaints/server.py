"""A server of one scikit-learn model in KServe's V1 protocol; its source is what the InferenceService's container runs.

KServe's own server of scikit-learn models brings its own version of the library, and a model loads safely only in the
version that wrote it, so it is served by the image that it was trained in. Nothing of the project is imported.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import joblib  # type: ignore[import-untyped]


def serve(folder: str, name: str, host: str, port: int) -> None:
    """Serve `model.joblib` of the folder under a name for ever; prints the port once it listens."""
    model = joblib.load(os.path.join(folder, "model.joblib"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in (f"/v1/models/{name}", "/")
            self.answer(200 if known else 404, {"name": name, "ready": True} if known else {"error": "not found"})

        def do_POST(self) -> None:
            if self.path != f"/v1/models/{name}:predict":
                self.answer(404, {"error": "not found"})
                return
            try:
                asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                said = model.predict(asked["instances"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self.answer(400, {"error": f"instances must be a list of texts: {error}"})
                return
            self.answer(200, {"predictions": [str(one) for one in said]})

        def answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer((host, port), Handler)
    print(f"listening {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
