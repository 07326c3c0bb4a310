import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from infra.preflight import (
    Caller,
    check_aws,
    check_cluster,
    check_kubernetes_version,
    check_live_version,
    read_kubeconfig,
)
from ordering.errors import UserError

ACCOUNT = "123456789012"
SESSION = Caller(account=ACCOUNT, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/me")
USER = Caller(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/people/ops")


@contextmanager
def server(status: int, body: str, *, path: str = "/") -> Iterator[str]:
    """An HTTP server on loopback that has one page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status if self.path == path else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def kubeconfig(url: str, **cluster: Any) -> str:
    return json.dumps(
        {
            "contexts": [
                {"name": "here", "context": {"cluster": "one"}},
                {"name": "lost", "context": {"cluster": "two"}},
            ],
            "clusters": [{"name": "one", "cluster": {"server": url, **cluster}}],
            "current-context": "here",
        }
    )


def test_a_cluster_tells_its_version() -> None:
    with server(200, '{"gitVersion": "v1.35.4"}', path="/version") as url:
        assert check_cluster(kubeconfig(url)) == "v1.35.4"
        assert check_cluster(kubeconfig(url), "here") == "v1.35.4"


@pytest.mark.parametrize("status", [401, 403])
def test_a_cluster_that_tells_strangers_nothing_is_there_all_the_same(status: int) -> None:
    with server(status, "", path="/version") as url:
        assert check_cluster(kubeconfig(url)) == ""


@pytest.mark.parametrize("body", ["<html>", "[]", "{}"])
def test_another_server_is_no_cluster(body: str) -> None:
    with server(200, body, path="/version") as url, pytest.raises(UserError, match="is not a Kubernetes API server"):
        check_cluster(kubeconfig(url))


def test_a_cluster_that_is_gone_is_named_with_its_context() -> None:
    with server(200, "{}", path="/version") as url:
        pass
    with pytest.raises(UserError) as caught:
        check_cluster(kubeconfig(url))
    assert str(caught.value).startswith(f"The cluster of context 'here' at {url} cannot be reached (")
    assert str(caught.value).endswith("); check the kubeconfig and the network.")


@pytest.mark.parametrize("url", ["", "not a url", "https://127.0.0.1:1"])
def test_an_address_that_leads_nowhere_is_told(url: str) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        check_cluster(kubeconfig(url))


@pytest.mark.parametrize("data", ["bm90IGEgY2VydGlmaWNhdGU=", "no base64"])
def test_a_broken_certificate_authority_is_told(data: str) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        check_cluster(kubeconfig("https://127.0.0.1:1", **{"certificate-authority-data": data}))


@pytest.mark.parametrize(
    ("content", "context", "sentence"),
    [
        ("just text", None, "clusterKubeconfig is not a kubeconfig"),
        ("{]", None, "clusterKubeconfig:1 is not YAML"),
        (
            kubeconfig("http://x"),
            "there",
            r"has no context 'there'; set clusterContext to one that it has \(here, lost\)",
        ),
        (kubeconfig("http://x"), "lost", "'lost' of the kubeconfig names a cluster that it does not describe"),
    ],
)
def test_a_bad_kubeconfig_is_told_before_anything_is_called(content: str, context: str | None, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_cluster(content, context)


def test_a_kubeconfig_is_content_or_a_path(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("from a file")
    assert read_kubeconfig("config", tmp_path) == "from a file"
    assert read_kubeconfig("a: 1\nb: 2", tmp_path) == "a: 1\nb: 2"
    assert read_kubeconfig("{}", tmp_path) == "{}"
    with pytest.raises(UserError, match=r"none cannot be read \(No such file or directory\); set clusterKubeconfig"):
        read_kubeconfig("none", tmp_path)


def test_a_cluster_too_old_for_the_release_is_refused() -> None:
    check_kubernetes_version("v1.34.1-eks-1", "26.03")
    check_kubernetes_version("", "26.03")
    check_kubernetes_version("v1.20.0", "a release of one's own")
    with pytest.raises(
        UserError, match=r"^Kubeflow 26\.03 needs Kubernetes 1\.34 or newer, and the cluster runs v1\.33\.9"
    ):
        check_kubernetes_version("v1.33.9", "26.03")


@pytest.mark.parametrize("live", ["", "1.34", "1.35"])
def test_a_cluster_stays_or_goes_up_by_one(live: str) -> None:
    check_live_version(live, "1.35", "dev")


@pytest.mark.parametrize(
    ("live", "wanted", "sentence"),
    [
        (
            "1.35",
            "1.34",
            r"^The cluster runs Kubernetes 1\.35, and clusterVersion is 1\.34: .* set clusterVersion to 1\.35\.$",
        ),
        ("1.38", "1.36", r"never goes back; run `make versions STACK=dev`, and set clusterVersion to 1\.38\.$"),
        ("1.34", "1.36", r"by one minor version at a time; set clusterVersion to 1\.35 before 1\.36\.$"),
    ],
)
def test_a_cluster_never_goes_back_and_skips_no_version(live: str, wanted: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_live_version(live, wanted, "dev")


@pytest.mark.parametrize(
    ("caller", "arn", "same"),
    [
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/ops", True),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/teams/ml/ops", True),  # AWS does not tell a session's path
        (SESSION, f"arn:aws:iam::{ACCOUNT}:user/ops", False),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/me", False),
        (SESSION, "arn:aws:iam::999999999999:role/ops", False),
        (USER, f"arn:aws:iam::{ACCOUNT}:user/people/ops", True),
        (USER, f"arn:aws:iam::{ACCOUNT}:user/others", False),
        (USER, f"arn:aws:iam::{ACCOUNT}:role/ops", False),
    ],
)
def test_a_caller_is_known_by_the_arn_of_its_user_or_role(caller: Caller, arn: str, same: bool) -> None:
    assert caller.is_principal(arn) is same


def test_a_session_is_that_of_a_role() -> None:
    assert SESSION.principal == f"arn:aws:iam::{ACCOUNT}:role/ops"
    assert USER.principal == USER.arn


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No account of the machine's is ever asked."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("credentials")
def test_no_credentials_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^There are no AWS credentials \(.*\); run `aws configure`\.$"):
        check_aws("us-west-2")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UserError, match=r"^There are no AWS credentials \(.*nobody.*\); run `aws configure`\.$"):
        check_aws("us-west-2")


@pytest.mark.usefixtures("credentials")
def test_aws_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"^AWS does not answer in us-west-2 \(.*\); check the network\.$"):
        check_aws("us-west-2")


@pytest.mark.usefixtures("credentials")
def test_refused_credentials_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with server(403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>") as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(UserError, match=r"^AWS refuses the credentials \(ExpiredToken\); renew them"):
            check_aws("us-west-2")


@mock_aws
def test_the_caller_is_known() -> None:
    assert check_aws("us-west-2").account == ACCOUNT
