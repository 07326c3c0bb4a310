"""Behind a proxy: this machine directly, a cluster as kubectl reaches it, and one authority for every program."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.utils import get_environ_proxies

from infra import surroundings
from ordering.errors import UserError
from tools import proxy


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_without_a_proxy_nothing_changes() -> None:
    env = {"PATH": "/bin"}
    proxy.settle(env)
    assert env == {"PATH": "/bin"}
    assert proxy.told(env) == ""


def test_this_machine_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    assert get_environ_proxies("http://127.0.0.1:4566"), "without a word it would go to the proxy"
    env = {"HTTP_PROXY": "http://proxy.test:3128", "NO_PROXY": "corp.test,localhost"}
    proxy.settle(env)
    assert env["NO_PROXY"] == env["no_proxy"] == "corp.test,localhost,127.0.0.1,::1"
    monkeypatch.setenv("no_proxy", env["no_proxy"])
    assert get_environ_proxies("http://127.0.0.1:4566") == {}
    again = dict(env)
    proxy.settle(again)
    assert again == env


def test_a_proxy_that_is_switched_off_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """To urllib, botocore and curl a star means every host only where it is the whole value."""
    env = {"HTTPS_PROXY": "http://proxy.test:3128", "NO_PROXY": "*"}
    proxy.settle(env)
    assert env["NO_PROXY"] == env["no_proxy"] == "*"
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert get_environ_proxies("https://sts.amazonaws.com") == {}


def test_one_authority_is_everybody_s(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    env = {"SSL_CERT_FILE": str(file), "AWS_CA_BUNDLE": "mine"}
    proxy.settle(env)
    assert env == {
        "SSL_CERT_FILE": str(file),
        "AWS_CA_BUNDLE": "mine",
        **dict.fromkeys(("REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT"), str(file)),
    }


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE names /nowhere/ca.pem, and there is no such file; "),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY is 'http://', which is no address; "),
        ({"HTTPS_PROXY": "ftp://x"}, "HTTPS_PROXY is 'ftp://x', which is no address; "),
        ({"https_proxy": "http://ada:secret@:3128"}, "https_proxy is 'http://…@:3128', which is no address; "),
        ({"HTTP_PROXY": "http://x:port"}, "HTTP_PROXY is 'http://x:port', which is no address; "),
    ],
)
def test_what_cannot_be_used_is_named_without_a_password(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        proxy.settle(env)
    assert str(caught.value).startswith(sentence)


def test_doctor_shows_the_way_without_a_password() -> None:
    env = {"HTTPS_PROXY": "http://ada:secret@proxy.test:3128"}
    proxy.settle(env)
    assert proxy.told(env) == "HTTPS_PROXY http://…@proxy.test:3128, directly to 127.0.0.1,localhost,::1"


class Answering(BaseHTTPRequestHandler):
    """A proxy, or an API server: it notes what it is asked for, and has no objects."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        body = b'{"items": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as found:
        found.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        found.shutdown()


def kubeconfig(address: str, **cluster: str) -> str:
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": address, **cluster}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
    )


def test_a_cluster_is_asked_through_the_proxy_of_the_environment(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    assert surroundings.look(kubeconfig("http://cluster.test"), None).nodes == []
    assert "http://cluster.test/api/v1/nodes" in server.asked


def test_a_kubeconfig_s_own_proxy_goes_before(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://nowhere.test:1")
    own = {"proxy-url": f"http://127.0.0.1:{server.server_port}"}
    assert surroundings.look(kubeconfig("http://cluster.test", **own), None).nodes == []
    assert "http://cluster.test/api/v1/nodes" in server.asked


def test_a_cluster_on_this_machine_is_asked_directly(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"http_proxy": "http://nowhere.test:1"}
    proxy.settle(env)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert surroundings.look(kubeconfig(f"http://127.0.0.1:{server.server_port}"), None).nodes == []
    assert "/api/v1/nodes" in server.asked
