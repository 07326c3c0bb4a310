"""Fields that the API server lets nobody change; tests/local/test_changes.py holds each against the real one."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra.kubeflow.immutable import FIELDS, changed, replacing
from infra.kubeflow.slim import slim
from ordering.manifests.objects import Manifest


def made(api_version: str, kind: str, **content: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": "b"}, **content}


def claim(size: str, **spec: Any) -> Manifest:
    return made("v1", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": size}}, **spec})


def test_the_engine_is_told_of_what_the_plugin_does_not_know() -> None:
    cluster_role = made("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
    assert replacing(cluster_role, None) == [], "the plugin knows roleRef"
    assert replacing(made("storage.k8s.io/v1", "StorageClass"), None) == ["reclaimPolicy", "volumeBindingMode"]
    assert replacing(made("v1", "ServiceAccount"), None) == []
    plain = made("storage.k8s.io/v1", "StorageClass")
    assert replacing({**plain, "reclaimPolicy": "Delete"}, plain) == [], "the server has filled it in"
    assert replacing({**plain, "reclaimPolicy": "Retain"}, plain) == ["reclaimPolicy"]


@pytest.mark.parametrize(("before", "after", "fields"), [("2Gi", "1Gi", True), ("1Gi", "2G", False), ("1", "1", False)])
def test_a_claim_grows_in_place_and_shrinks_as_a_new_one(before: str, after: str, fields: bool) -> None:
    path = "spec.resources.requests.storage"
    assert (path in replacing(claim(after), claim(before))) == fields
    assert changed(claim(before), claim(after)) == ([path] if fields else [])


def test_what_the_server_fills_in_is_no_change() -> None:
    before, after = claim("1Gi"), claim("1Gi", volumeMode="Filesystem", storageClassName="gp3")
    assert changed(before, after) == []
    assert changed(after, claim("1Gi", storageClassName="other")) == ["spec.storageClassName"]


def test_an_empty_list_is_none() -> None:
    def stateful(**spec: Any) -> Manifest:
        return made("apps/v1", "StatefulSet", spec=spec)

    assert changed(stateful(volumeClaimTemplates=[]), stateful()) == []
    assert changed(stateful(volumeClaimTemplates=[]), stateful(volumeClaimTemplates=[{}])) == [
        "spec.volumeClaimTemplates"
    ]
    (sent,) = slim([stateful(volumeClaimTemplates=[], replicas=1)])
    assert sent["spec"] == {"replicas": 1}


def test_an_immutable_config_map_may_become_one_and_not_stop_to_be() -> None:
    plain, closed = made("v1", "ConfigMap", data={"a": "b"}), made("v1", "ConfigMap", data={"a": "b"}, immutable=True)
    assert changed(plain, closed) == []
    assert changed(closed, plain) == ["immutable"]
    assert changed(closed, {**closed, "data": {}}) == ["data"]


def test_the_page_has_every_field_with_who_replaces_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "upgrading.md").read_text()
    rows = re.findall(r"^\| (\S+/[A-Z]\w+) \| (.+) \| (the plugin|this program) \|", page, re.MULTILINE)
    told = Counter((kind, path, by) for kind, cell, by in rows for path in re.findall(r"(?:^|, )`([\w.]+)`", cell))
    assert told == Counter(
        (kind, field.path, "the plugin" if field.known else "this program")
        for kind, fields in FIELDS.items()
        for field in fields
    )
