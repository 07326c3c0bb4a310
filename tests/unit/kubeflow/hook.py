"""The program that runs inside the profile controller (manifests/s3/sync.py), and what it is asked with."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.kubeflow.s3 import COMPONENT, ROLE_ANNOTATION

HOOK_ENVIRONMENT = {
    "S3_BUCKET": "the-bucket",
    "S3_REGION": "eu-west-1",
    "S3_HOST": "s3.eu-west-1.amazonaws.com",
    "POD_ACCESS": "irsa",
    "PROXY_IMAGE": "registry.example/kfp-frontend:2.16.0",
}
NAMESPACE: dict[str, Any] = {"metadata": {"name": "ada", "labels": {"pipelines.kubeflow.org/enabled": "true"}}}


def related(role: str | None) -> dict[str, Any]:
    """What metacontroller shows beside a namespace: its account, with or without a role."""
    annotations = {"annotations": {ROLE_ANNOTATION: role}} if role else {}
    account = {"kind": "ServiceAccount", "metadata": {"name": "default-editor", "namespace": "ada", **annotations}}
    return {"ServiceAccount.v1": {"ada/default-editor": account}}


def program() -> ModuleType:
    """The program as a module, without starting it."""
    spec = importlib.util.spec_from_file_location("sync", Path(__file__).parents[3] / COMPONENT / "sync.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
