"""Volumes that come from the cluster's default class: which of a release do, and a cluster that has none."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.kubeflow.classes import DEFAULT, without_class
from infra.preflight import check_default_class, storage_classes
from ops.doctor.release import check_class
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from ordering.manifests.render import render
from tests.unit.settings_source import settings

CLAIMS = ["PersistentVolumeClaim kubeflow/a", "PersistentVolumeClaim kubeflow/b"]


def one(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "kubeflow"}, "spec": spec}


def storage_class(name: str, default: str | None = None) -> dict[str, Any]:
    annotations = {DEFAULT: default} if default else None
    return {"kind": "StorageClass", "metadata": {"name": name, "annotations": annotations}, "provisioner": "x"}


def kubeconfig(address: str) -> str:
    parts = {
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c", **parts})


@contextmanager
def cluster(*found: dict[str, Any], status: int = 200) -> Iterator[str]:
    """The kubeconfig of an API server with these classes, which asks for a token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.startswith("/apis/storage.k8s.io/v1/storageclasses")
            allowed = self.headers.get("Authorization") == "Bearer t"
            self.send_response(status if known and allowed else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"items": list(found)}).encode())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield kubeconfig(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def test_claims_that_name_no_class_take_the_default_one() -> None:
    objects = [
        one("PersistentVolumeClaim", "a"),
        one("PersistentVolumeClaim", "named", storageClassName="fast"),
        one("PersistentVolumeClaim", "none", storageClassName=""),
        one("PersistentVolumeClaim", "bound", volumeName="v"),
        one("StatefulSet", "db", volumeClaimTemplates=[{"spec": {}}, {"spec": {"storageClassName": "fast"}}]),
        one("Deployment", "web"),
    ]
    assert without_class(objects) == ["PersistentVolumeClaim kubeflow/a", "StatefulSet kubeflow/db"]
    assert without_class([*objects, storage_class("own", "false")]) == without_class(objects)
    assert without_class([*objects, storage_class("own", "true")]) == []


def test_the_sample_brings_its_own_class() -> None:
    assert without_class(render(PROJECT_ROOT / "manifests" / "sample")) == []


def test_a_cluster_without_a_default_class_is_refused() -> None:
    with cluster(storage_class("gp2"), storage_class("io", "false")) as given, pytest.raises(UserError) as refused:
        check_default_class(given, None, [*CLAIMS, *CLAIMS])
    assert str(refused.value) == (
        "The cluster has no default StorageClass, which PersistentVolumeClaim kubeflow/a, PersistentVolumeClaim "
        "kubeflow/b, PersistentVolumeClaim kubeflow/a and 1 more would take; mark one of its own (gp2, io) with "
        f"`kubectl annotate storageclass NAME {DEFAULT}=true`."
    )


def test_a_cluster_with_one_or_a_release_that_wants_none_goes_on() -> None:
    with cluster(storage_class("gp2"), storage_class("gp3", "true")) as given:
        assert check_default_class(given, None, CLAIMS)
    with cluster() as given:
        assert check_default_class(given, None, [])


def test_a_cluster_that_does_not_tell_is_left_to_the_run() -> None:
    with cluster(status=403) as given:
        assert storage_classes(given, None) is None
        assert not check_default_class(given, None, CLAIMS)
    assert storage_classes(kubeconfig("http://127.0.0.1:9"), None) is None
    assert storage_classes(kubeconfig("http://127.0.0.1:9"), "nowhere") is None


def test_doctor_says_what_it_is(tmp_path: Path) -> None:
    def found(given: str) -> tuple[str, str]:
        (tmp_path / "config").write_text(given)
        about = settings(clusterMode="existing", clusterKubeconfig=str(tmp_path / "config"))
        (finding,) = check_class(about, CLAIMS, tmp_path)
        return finding.state, finding.found

    with cluster(storage_class("gp3", "true")) as given:
        assert found(given) == ("ok", "2 claims take the cluster's default StorageClass, and it has one")
    with cluster(status=403) as given:
        assert found(given)[0] == "warning"
    with cluster() as given, pytest.raises(UserError, match="it has none"):
        found(given)
    (finding,) = check_class(settings(clusterMode="existing", clusterContext="x"), CLAIMS, tmp_path)
    assert finding.state == "ok"
