"""A page of somebody else's in a real browser on this machine, while everything of a run listens: it gets nowhere."""

import html
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localcloud import emulator, laptop, plane
from state.serving import serving
from tests.local.sockets import LOOPBACK, listening
from tests.local.stack import aws_client
from tests.unit import browser
from tools import plugins

EVIL = "evil.example"
# The browser takes the name for this machine, as it does for any whose owner lets DNS say so.
REBOUND = f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"
USER = "Action=CreateUser&UserName=evil&Version=2010-05-08"


@dataclass
class Page:
    """Somebody else's page, by its port, and what their own server was asked, which lets every page in."""

    content: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)


@dataclass
class Run:
    """A run's servers: the ports that its processes listen on, and where each kind of them is."""

    root: Path
    state: Path
    ports: list[int]
    emulator: int
    journal: int


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    page = Page()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page.asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(page.content.encode() if self.path == "/page" else b"come in")

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    page.port = server.server_port
    yield page
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, page: Page) -> Iterator[Run]:
    root, state = tmp_path_factory.mktemp("laptop"), tmp_path_factory.mktemp("state")
    with ExitStack() as stack:
        stack.callback(laptop.stop, root)
        stack.enter_context(laptop.running(root, pods="instant", report=lambda _: None))
        journal = stack.enter_context(serving(state))
        stack.enter_context(plugins.checked({}))
        stack.enter_context(_plugin(root))
        server = emulator.status(root)
        assert server
        ports = _listening({server.pid, *plane.status(root).pids.values(), *_children(os.getpid())}) - {page.port}
        yield Run(root, state, sorted(ports), _port(server.endpoint), _port(journal.environment["PULUMI_BACKEND_URL"]))


def test_a_page_reads_nothing_and_changes_nothing(run: Run, page: Page, tmp_path: Path) -> None:
    answers = _visit(page, run, "127.0.0.1", tmp_path, "--ignore-certificate-errors")
    answers = _without_theirs(answers, page)
    assert {answer for ask, answer in answers.items() if " read " in ask} == {"TypeError"}
    # What is written blindly may arrive, and is refused there.
    assert _unchanged(run)


def test_a_name_that_leads_here_opens_nothing(run: Run, page: Page, tmp_path: Path) -> None:
    """DNS rebinding: to the browser the page and the server are one site, so that only the server can refuse."""
    answers = _visit(page, run, EVIL, tmp_path, "--disable-web-security")
    answers = _without_theirs(answers, page)
    assert answers[f"http read {run.emulator}"].startswith("403 ")
    assert "no name but its loopback address" in answers[f"http read {run.emulator}"]
    assert answers[f"http read {run.journal}"].startswith("401 ")
    given = {answer.strip() for ask, answer in answers.items() if " read " in ask}
    plain = "400 Client sent an HTTP request to an HTTPS server."
    assert {one for one in given - {"TypeError", plain} if one.split(" ")[0] not in {"401", "403", "404"}} == set()
    assert _unchanged(run)


def test_an_address_that_is_typed_in_under_such_a_name_opens_nothing(run: Run, tmp_path: Path) -> None:
    """This request has no origin, and the browser calls it the person's own."""
    seen = browser.document(f"http://{EVIL}:{run.emulator}/", tmp_path / "profile", REBOUND)
    assert "the emulator goes by no name but its loopback address" in seen


def _unchanged(run: Run) -> bool:
    """Whether there is no user in the emulator, and no stack in the state, that a page asked for."""
    users = aws_client("iam", emulator.environment(run.root)).list_users()["Users"]
    stacks = [path for path in run.state.rglob("*") if "evil" in path.name]
    return [user["UserName"] for user in users] == ["operator"] and stacks == []


def _without_theirs(answers: dict[str, str], page: Page) -> dict[str, str]:
    """The answers of our servers. Theirs is open to all, and shows that the browser itself stops nothing."""
    assert answers[f"http read {page.port}"] == "200 come in"
    assert "POST /" in page.asked
    return {ask: answer for ask, answer in answers.items() if f" {page.port}" not in ask}


def _visit(page: Page, run: Run, host: str, folder: Path, *flags: str) -> dict[str, str]:
    """What the page could do to each port, by `SCHEME read|write PORT`: the status and the text, or an error's name."""
    script = f"""
      const seen = {{}};
      const ask = async (name, url, options) => {{
        try {{
          const answer = await fetch(url, {{ ...options, signal: AbortSignal.timeout(3000) }});
          seen[name] = `${{answer.status}} ${{await answer.text()}}`;
        }} catch (error) {{ seen[name] = error.name; }}
      }};
      const all = [];
      for (const port of {json.dumps([*run.ports, page.port])}) for (const scheme of ["http", "https"]) {{
        const root = `${{scheme}}://{host}:${{port}}`;
        for (const path of ["", "/version", "/members", "/api/user", "/_ministack/health"])
          all.push(ask(`${{scheme}} read ${{port}}${{path}}`, root + path, {{}}));
        all.push(ask(`${{scheme}} write ${{port}}`, root + "/", {{ method: "POST", mode: "no-cors",
          body: {json.dumps(USER)}, headers: {{ "Content-Type": "application/x-www-form-urlencoded" }} }}));
        all.push(ask(`${{scheme}} write ${{port}}/stack`, root + "/api/stacks/organization/kubeflow",
          {{ method: "POST", mode: "no-cors", body: '{{"stackName": "evil"}}' }}));
      }}
      Promise.all(all).then(() => {{ document.body.dataset.report = "REPORT" + JSON.stringify(seen) + "END"; }});
    """
    page.content = f"<!doctype html><body><script>{script}</script></body>"
    flags = (*flags, REBOUND, "--virtual-time-budget=30000")
    shown = browser.document(f"http://{EVIL}:{page.port}/page", folder / "profile", *flags)
    found = re.search(r"REPORT(.*?)END", shown, re.DOTALL)
    assert found, "the page's script never ended"
    answers: dict[str, str] = json.loads(html.unescape(found[1]))
    return answers


@contextmanager
def _plugin(root: Path) -> Iterator[None]:
    """The official Kubernetes plugin, started as the engine starts it; it ends with its input."""
    [program] = (root / ".local" / "pulumi" / "plugins").glob("*/pulumi-resource-kubernetes")
    with subprocess.Popen(
        [program, "127.0.0.1:1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline().strip().isdigit()
        yield


def _children(pid: int) -> set[int]:
    """A process and all that it started, however far down."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _listening(pids: set[int]) -> set[int]:
    """The ports that the processes listen on, all of them on loopback."""
    sockets = listening(pids)
    assert {address for address, _ in sockets} <= LOOPBACK
    return {port for _, port in sockets}


def _port(url: str) -> int:
    return int(url.rstrip("/").rsplit(":", 1)[1])
