"""The Kubernetes client of a kubeconfig, and what it reads at a path."""

import urllib.parse
import urllib.request
from functools import cache
from typing import Any

import yaml

from infra.scratch import lasting


def client_of(kubeconfig: str, context: str | None = None) -> Any:
    """An `ApiClient` for a kubeconfig's content. Raises `kubernetes.config.ConfigException` for one that is none."""
    # Half a second of imports, which a stack that makes its cluster does without.
    from kubernetes import client, config  # type: ignore[import-untyped]

    content, chosen = yaml.safe_load(kubeconfig), client.Configuration()
    # It writes each certificate and key once and remembers where (kubernetes 30.1, config/kube_config.py,
    # `_create_temp_file_with_content`), so a folder that went with the connection would fail the next one.
    config.load_kube_config_from_dict(
        content, context=context, client_configuration=chosen, temp_file_path=str(lasting())
    )
    chosen.retries = _patience()
    chosen.proxy = _proxy_of(content, context) or _proxy_to(str(chosen.host))
    return client.ApiClient(configuration=chosen)


def read(api: Any, path: str, timeout_s: float) -> bytes:
    """What a cluster answers at a path, through an `ApiClient`.

    Raises `kubernetes.client.ApiException` for a status that is an error, urllib3's `HTTPError` where nobody answers.
    """
    # The client takes one number for no limit where it is no int (kubernetes 30.1, client/rest.py).
    limits = (timeout_s, timeout_s)
    answer, *_ = api.call_api(
        path, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=limits
    )
    content: bytes = answer.data
    return content


@cache
def _patience() -> Any:
    """Asks again what broke off, three times, and not what got no answer in time: nobody waits four times as long.

    urllib3 counts both as errors of reading, and asks again (2.8, util/retry.py, `_is_read_error`). An API server ends
    a connection that was idle, and one whose etcd is dead answers nobody.
    """
    from urllib3 import Retry
    from urllib3.exceptions import MaxRetryError, ReadTimeoutError

    class Patience(Retry):
        def increment(
            self,
            method: str | None = None,
            url: str | None = None,
            response: Any = None,
            error: Exception | None = None,
            _pool: Any = None,
            _stacktrace: Any = None,
        ) -> "Patience":
            if isinstance(error, ReadTimeoutError):
                raise MaxRetryError(_pool, str(url), error) from error
            return super().increment(method, url, response, error, _pool, _stacktrace)

    return Patience(total=3)


def _proxy_of(content: Any, context: str | None) -> str | None:
    """The proxy that a kubeconfig names for its cluster, which the client does not read (kubernetes 30.1)."""
    named = {one.get("name"): one.get("context") or {} for one in content.get("contexts") or ()}
    wanted = named.get(context or content.get("current-context"), {}).get("cluster")
    found = (one.get("cluster") or {} for one in content.get("clusters") or () if one.get("name") == wanted)
    return next((one.get("proxy-url") for one in found), None)


def _proxy_to(server: str) -> str | None:
    """The environment's proxy for a server, as kubectl takes it; the client itself knows of none."""
    split = urllib.parse.urlsplit(server)
    if urllib.request.proxy_bypass(split.netloc):
        return None
    found = urllib.request.getproxies()
    return found.get(split.scheme) or found.get("all")
