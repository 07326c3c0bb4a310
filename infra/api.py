"""The Kubernetes client of a kubeconfig."""

import tempfile
from functools import cache
from typing import Any

import yaml


def client_of(kubeconfig: str, context: str | None = None) -> Any:
    """An `ApiClient` for a kubeconfig's content. Raises `kubernetes.config.ConfigException` for one that is none."""
    # Half a second of imports, which a stack that makes its cluster does without.
    from kubernetes import config  # type: ignore[import-untyped]

    return config.new_client_from_config_dict(
        yaml.safe_load(kubeconfig), context=context, temp_file_path=_folder().name
    )


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where this process keeps certificates and keys of kubeconfigs; it goes with the process.

    The client writes each of them once and remembers where (kubernetes 30.1, config/kube_config.py,
    `_create_temp_file_with_content`), so a folder that went with the connection would fail the next one.
    """
    return tempfile.TemporaryDirectory(prefix="kubeflow-client-")
