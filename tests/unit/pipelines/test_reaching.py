"""Where the command finds a Kubeflow: at an address, or at a cluster's gateway through kubectl."""

from pathlib import Path

import pytest

import tools
from pipelines.__main__ import main
from pipelines.stack import Context
from tests.unit.pipelines.conftest import CONTEXT
from tests.unit.pipelines.kubeflow_server import PASSWORD, USER, Kubeflow
from tests.unit.pipelines.words import told

# What the project asks a copy on PATH first.
VERSION = '[ "$1" != version ] || exec echo "Client Version: v1.35.0"'


@pytest.mark.parametrize("on_path", [True, False])
def test_a_dashboard_that_is_not_open_is_reached_through_kubectl(
    kubeflow: Kubeflow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    on_path: bool,
) -> None:
    """What stands for kubectl, the person's or the project's own, says what kubectl says, and notes its arguments."""
    port = kubeflow.url.rpartition(":")[2]
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        f'#!/bin/sh\n{VERSION}\necho "$@" > {tmp_path}/called\ncat "$2" >> {tmp_path}/called\n'
        f'echo "Forwarding from 127.0.0.1:{port} -> 8080"\ntrap "echo ended >> {tmp_path}/called; exit" TERM\n'
        "while :; do sleep 0.05; done\n"
    )
    kubectl.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if on_path:
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    else:
        monkeypatch.setattr(tools, "bring", lambda *names: dict.fromkeys(names, kubectl))
    context = Context(
        outputs=lambda stack: {"bucket": "b", "kubeconfig": "the kubeconfig", "dashboard_user": USER},
        environment=lambda stack: {},
        retry=CONTEXT.retry,
        poll_seconds=CONTEXT.poll_seconds,
    )
    assert main(["run", "sequential", "--stack", "dev"], context) == 0
    called = (tmp_path / "called").read_text()
    assert "svc/istio-ingressgateway :80\nthe kubeconfig" in called
    assert called.endswith("ended\n")
    out = capsys.readouterr().out
    assert "http://localhost:8080/_/pipeline/" in out
    assert "kubectl port-forward svc/istio-ingressgateway -n istio-system 8080:80" in out


def test_a_stack_with_an_address_is_reached_there(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tools, "bring", lambda *_: pytest.fail("kubectl is asked"))
    outputs = {"bucket": "b", "address": kubeflow.url, "dashboard_user": USER, "dashboard_password": PASSWORD}
    context = Context(
        outputs=lambda stack: outputs,
        environment=lambda stack: {},
        retry=CONTEXT.retry,
        poll_seconds=CONTEXT.poll_seconds,
    )
    assert main(["run", "sequential", "--stack", "dev"], context) == 0
    assert f"{kubeflow.url}/_/pipeline/" in capsys.readouterr().out


def test_kubectl_that_cannot_reach_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl = tmp_path / "kubectl"
    said = 'error: services "istio-ingressgateway" not found'
    kubectl.write_text(f"#!/bin/sh\n{VERSION}\necho '{said}' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    context = Context(outputs=lambda stack: {"kubeconfig": "x"}, environment=lambda stack: {})
    assert main(["status", "run-1", "--stack", "dev"], context) == 1
    assert 'services "istio-ingressgateway" not found' in told(capsys)


@pytest.mark.parametrize("endpoint", ["kubeflow.example.com", "ftp://kubeflow.example.com", "http://[::", "https://"])
def test_an_endpoint_that_is_no_address(endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "run-1", "--endpoint", endpoint], CONTEXT) == 1
    assert f"Endpoint {endpoint!r} is not an address" in told(capsys)
