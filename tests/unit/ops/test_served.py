"""Kinds that go while somebody looks: a client that asked before what a cluster serves finds none of them."""

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.dynamic import exceptions  # type: ignore[import-untyped]

from ops.cluster import ClusterApi


class Gone:
    """A kind that was served when the client asked."""

    def get(self, **_: Any) -> Any:
        raise exceptions.NotFoundError(SimpleNamespace(status=404, reason="Not Found", body="", headers={}))


@pytest.mark.parametrize("ask", ["list", "metadata"])
def test_a_kind_whose_definition_has_gone_has_no_objects(ask: str) -> None:
    client = SimpleNamespace(resources=SimpleNamespace(get=lambda **_: Gone()))
    assert getattr(ClusterApi(client), ask)("kubeflow.org/v1", "PyTorchJob") == []
