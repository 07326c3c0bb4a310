"""Pipelines alone: a pinned release without profiles and without a login, small, and reached at its own UI."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra import versions
from infra.kubeflow.capacity import Load, Requirements
from infra.kubeflow.release import RELEASES
from infra.settings import SettingsError
from ops import sizes
from ops.doctor.stack import check_passwords
from ops.settings import StackSettings
from pipelines import target
from pipelines.endpoint.session import Retry
from pipelines.stack import Context, Stack, read
from pipelines.target import Target, open_api
from tests.unit.settings_source import settings

ALONE = "pipelines-2.16.0"


def test_it_is_pinned_like_the_others_and_known_by_its_name() -> None:
    assert RELEASES.keys() >= versions.PIPELINES_ALONE
    assert versions.release_title(ALONE) == "Kubeflow Pipelines 2.16.0"
    assert versions.release_title("26.03") == "Kubeflow 26.03"


def test_without_a_login_no_password_is_asked_for() -> None:
    found = settings(kubeflowRelease=ALONE, dashboardPassword="")
    assert found.dashboard.password.reveal() == ""
    (said,) = check_passwords(StackSettings(settings=found, config={}, sealed=frozenset(), refused=()))
    assert (said.state, said.advice) == ("ok", "keep its address private")


@pytest.mark.parametrize("changes", [{"kubeflowRelease": "26.03"}, {"kubeflowRelease": ALONE, "kubeflowPath": "mine"}])
def test_what_has_a_login_asks_for_one(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="dashboardPassword is not set"):
        settings(**changes, dashboardPassword="")


def test_its_pipelines_reach_the_bucket_without_a_profile() -> None:
    assert settings(kubeflowRelease=ALONE, kubeflowArtifacts="s3", kubeflowProfileNamespaces=[]).kubeflow
    with pytest.raises(SettingsError, match="need a profile"):
        settings(kubeflowArtifacts="s3", kubeflowProfileNamespaces=[])


def test_far_smaller_nodes_are_proposed_and_a_little_smaller_ones_are_not() -> None:
    nodes = settings().nodes
    alone = Requirements(Load(14, 642, 3143630848), Load(), 250, 838860800, 2, 42949672960)
    whole = Requirements(Load(51, 3252, 8789164032), Load(1, 100, 104857600), 510, 2147483648, 3, 53687091200)
    told = sizes.proposal(alone, nodes)
    assert told == "2 x m5.large would do: set nodesInstanceType, nodesDesired and nodesMin"
    assert sizes.proposal(whole, nodes) == ""


class OneUser(BaseHTTPRequestHandler):
    """The UI's server before a Pipelines API for one user, which has no dashboard and asks nobody to sign in."""

    def do_GET(self) -> None:
        if self.path.startswith("/pipeline/apis/v2beta1/runs/"):
            run = {"run_id": "one", "display_name": "one", "state": "SUCCEEDED", "pipeline_spec": {}}
            body = json.dumps(run).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OneUser) as found:
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_a_run_is_looked_at_without_signing_in_through_the_ui_s_own_service(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = server.rpartition(":")[2]
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\necho "Forwarding from 127.0.0.1:{port} -> 3000"\n')
    kubectl.chmod(0o755)
    monkeypatch.setattr("tools.bring", lambda *names: dict.fromkeys(names, kubectl))
    outputs = {"kubeconfig": "the kubeconfig", "dashboard_service": "kubeflow/ml-pipeline-ui"}
    context = Context(outputs=lambda _: outputs, environment=lambda _: {})
    stack: Stack = read("mine", context)
    with open_api(Target(url=None, user=None, namespace=None), stack, Retry()) as api:
        found = api.run("one")
    assert "-n kubeflow port-forward --address 127.0.0.1 svc/ml-pipeline-ui :80" in (tmp_path / "called").read_text()
    assert (found.state, found.link) == ("SUCCEEDED", f"{target.FORWARDED}/#/runs/details/one")
