"""A Kubeflow endpoint as a client meets it: oauth2-proxy, Dex with one password, the dashboard's list of profiles, and
a small subset of the Pipelines API v2beta1, over real HTTP on 127.0.0.1.

What is sent is held against the API's own models and against the pipeline's protocol buffer, so a field that the API
does not know is refused. Faults are scripted: the next requests of a method and path end as the test says.
"""

import json
import secrets
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import kfp_server_api  # type: ignore[import-untyped]
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

API = "/pipeline/apis/v2beta1"
NAMESPACE = "team-ada"
USER, PASSWORD = "ada@example.com", "correct horse"

# A fault ends a request: an HTTP status instead of an answer, or a dropped connection before or after the work is done.
Fault = int | str
DROP_BEFORE, DROP_AFTER = "drop before", "drop after"


class Kubeflow:
    """The state behind the server: what tests set up, and what they look at afterwards."""

    def __init__(self) -> None:
        self.url = ""
        self.faults: dict[tuple[str, str], deque[Fault]] = defaultdict(deque)
        self.requests: list[tuple[str, str]] = []
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.profiles = [{"namespace": "shared", "role": "contributor"}, {"namespace": NAMESPACE, "role": "owner"}]
        self.choice_of_logins = False
        self.asks_to_sign_in = True
        self.sessions: set[str] = set()
        self.failing_step: str | None = None
        self.pod_log = ""
        self._states: dict[str, str] = {}
        self._codes: dict[str, str] = {}

    def fault(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of this method and path end so."""
        self.faults[method, path].extend(faults)

    def count(self, method: str, path: str) -> int:
        """How many requests of this method and path came."""
        return self.requests.count((method, path))

    def expire_sessions(self) -> None:
        """Forget who is signed in, as oauth2-proxy does after a day."""
        self.sessions.clear()

    def advance(self, run: dict[str, Any]) -> None:
        """Let one more step of a run happen."""
        if run["state"] in ("SUCCEEDED", "FAILED"):
            return
        tasks = run["pipeline_spec"]["root"]["dag"]["tasks"]
        details: list[dict[str, Any]] = run["run_details"]["task_details"]
        done = {detail["display_name"] for detail in details if detail["state"] == "SUCCEEDED"}
        running = [detail for detail in details if detail["state"] == "RUNNING" and detail["display_name"] in tasks]
        run["state"] = "RUNNING"
        if running:
            failed = running[0]["display_name"] == self.failing_step
            running[0]["state"] = run["state"] = "FAILED" if failed else "SUCCEEDED"
            if failed:
                details.append({"display_name": "executor", "state": "FAILED", "pod_name": "pod-of-the-failed-step"})
            else:
                run["state"] = "SUCCEEDED" if len(done & set(tasks)) + 1 == len(tasks) else "RUNNING"
            return
        for name in sorted(tasks):
            if name not in done and set(tasks[name].get("dependentTasks", [])) <= done:
                details += [
                    {"display_name": f"{name}-driver", "state": "SUCCEEDED"},
                    {"display_name": name, "state": "RUNNING"},
                ]
                return


@contextmanager
def serve() -> Iterator[Kubeflow]:
    """A Kubeflow on a free port of 127.0.0.1, for as long as the block lasts."""
    kubeflow = Kubeflow()

    class Bound(_Handler):
        state = kubeflow

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    kubeflow.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield kubeflow
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _RefusalError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    state: Kubeflow
    protocol_version = "HTTP/1.1"
    # Headers and body go out together: apart, Nagle's algorithm holds the second back for 40 ms.
    wbufsize = 65536

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.state.requests.append((method, url.path))
        queue = self.state.faults[method, url.path]
        fault = queue.popleft() if queue else None
        self._held = fault == DROP_AFTER
        if fault == DROP_BEFORE:
            self._drop()
            return
        if isinstance(fault, int):
            self._answer(fault, b"upstream connect error")
            return
        try:
            self._route(method, url.path)
        except _RefusalError as refusal:
            self._json({"code": 3, "message": str(refusal)}, refusal.status)
        if self._held:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _route(self, method: str, path: str) -> None:
        match method, path:
            case "GET", "/oauth2/start":
                code = secrets.token_hex(8)
                self._redirect(f"/dex/auth?{urlencode({'state': code, 'rd': self.query['rd']})}", csrf=code)
            case "GET", "/dex/auth":
                if self.state.choice_of_logins:
                    self._answer(200, b"<html>choose a way in</html>")
                else:
                    self._redirect(f"/dex/auth/local?{urlencode(self.query)}")
            case "GET", "/dex/auth/local":
                self._redirect(f"/dex/auth/local/login?{urlencode(self.query)}")
            case "GET", "/dex/auth/local/login":
                self._answer(200, b"<html><form method=post><input name=login><input name=password></form></html>")
            case "POST", "/dex/auth/local/login":
                form = {key: values[0] for key, values in parse_qs(self.body.decode()).items()}
                if form != {"login": USER, "password": PASSWORD}:
                    self._answer(401, b"<html>Invalid Email Address and Password</html>")
                    return
                self._redirect(f"/oauth2/callback?{urlencode(self.query)}", status=303)
            case "GET", "/oauth2/callback":
                if self._cookies().get("csrf") != self.query["state"]:
                    self._answer(403, b"csrf")
                    return
                token = secrets.token_hex(8)
                self.state.sessions.add(token)
                self._redirect(self.query["rd"], oauth2_proxy_kubeflow=token)
            case _ if (
                self.state.asks_to_sign_in and self._cookies().get("oauth2_proxy_kubeflow") not in self.state.sessions
            ):
                self._answer(401 if "/api" in path else 403, b"<html>Sign in with Dex</html>")
            case _:
                self._signed_in(method, path)

    def _signed_in(self, method: str, path: str) -> None:
        state = self.state
        match method, path.removeprefix(API).strip("/").split("/"):
            case "GET", ["healthz"]:
                self._json({"multi_user": True})
            case "GET", ["api", "workgroup", "env-info"]:
                self._json({"user": USER, "namespaces": state.profiles})
            case "GET", ["pipeline", "k8s", "pod", "logs"]:
                found = self.query == {
                    "podname": "pod-of-the-failed-step",
                    "podnamespace": NAMESPACE,
                    "runid": next(iter(state.runs)),
                }
                self._answer(200 if found and state.pod_log else 404, state.pod_log.encode())
            case "GET", ["experiments"]:
                self._own(self.query["namespace"])
                self._json(self._listed("experiments", state.experiments))
            case "POST", ["experiments"]:
                body = self._body(kfp_server_api.V2beta1Experiment)
                self._own(body["namespace"])
                self._make(state.experiments, "experiment_id", body)
            case "GET", ["runs"]:
                self._json(self._listed("runs", state.runs))
            case "POST", ["runs"]:
                body = self._run_body(kfp_server_api.V2beta1Run)
                self._make(state.runs, "run_id", body | {"state": "PENDING", "run_details": {"task_details": []}})
            case "GET", ["runs", run_id]:
                if run_id not in state.runs:
                    raise _RefusalError(404, f"Run {run_id} not found")
                state.advance(state.runs[run_id])
                self._json(state.runs[run_id])
            case "GET", ["recurringruns"]:
                self._json(self._listed("recurringRuns", state.schedules))
            case "POST", ["recurringruns"]:
                self._make(state.schedules, "recurring_run_id", self._run_body(kfp_server_api.V2beta1RecurringRun))
            case _:
                raise _RefusalError(404, f"{method} {path} is not served")

    def _body(self, model: type[Any]) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.body)
        unknown = set(body) - set(model.attribute_map.values())
        if unknown:
            raise _RefusalError(400, f"unknown field {', '.join(sorted(unknown))}")
        return body

    def _run_body(self, model: type[Any]) -> dict[str, Any]:
        body = self._body(model)
        if body.get("experiment_id") not in self.state.experiments:
            raise _RefusalError(400, "unknown experiment")
        spec = json_format.ParseDict(body["pipeline_spec"], pipeline_spec_pb2.PipelineSpec())
        given, declared = body["runtime_config"]["parameters"], spec.root.input_definitions.parameters
        missing = [name for name, about in declared.items() if not about.is_optional and name not in given]
        if missing or set(given) - set(declared):
            raise _RefusalError(400, f"parameters do not fit: {missing} are missing of {sorted(declared)}")
        return body

    def _own(self, namespace: str) -> None:
        if namespace not in {profile["namespace"] for profile in self.state.profiles}:
            raise _RefusalError(403, f"User {USER} is not authorized in namespace {namespace}")

    def _make(self, where: dict[str, dict[str, Any]], key: str, body: dict[str, Any]) -> None:
        identifier = f"{key.removesuffix('_id')}-{len(where) + 1}"
        where[identifier] = body | {key: identifier}
        self._json(where[identifier])

    def _listed(self, key: str, where: dict[str, dict[str, Any]]) -> dict[str, Any]:
        predicate = json.loads(self.query["filter"])["predicates"][0]
        assert predicate["operation"] == "EQUALS"
        found = [item for item in where.values() if item[predicate["key"]] == predicate["string_value"]]
        return {key: found, "total_size": len(found)} if found else {}

    def _cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}

    def _redirect(self, to: str, status: int = 302, **cookies: str) -> None:
        if self._held:
            return
        self.send_response(status)
        self.send_header("Location", to)
        for name, value in cookies.items():
            self.send_header("Set-Cookie", f"{name}={value}; Path=/; HttpOnly")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, content: dict[str, Any], status: int = 200) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, content: bytes, kind: str = "text/html") -> None:
        if self._held:
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
