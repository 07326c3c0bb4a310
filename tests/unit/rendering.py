"""The kustomize that the project itself brings: what the tests render is what `up` would."""

import os

import pytest

from tools import ensure


@pytest.fixture(scope="session", autouse=True)
def kustomize() -> str:
    """Its path, also in $KUSTOMIZE, where `render` looks first."""
    path = str(ensure("kustomize")["kustomize"])
    os.environ["KUSTOMIZE"] = path
    return path
