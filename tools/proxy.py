"""Behind a proxy: what is on this machine is reached directly, and one certificate authority serves every program.

Go and the kubernetes client never send a request for this machine to a proxy; httpx and botocore do, unless NO_PROXY
says otherwise. A company's own authority has a variable of its own in almost every program.
"""

from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

from ordering.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_AUTHORITY = "SSL_CERT_FILE"
# botocore, requests, Git, pip: each reads a file of authorities from its own variable.
_FOLLOWING = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT")


def settle(env: MutableMapping[str, str]) -> None:
    """Completes an environment for this process and those that it starts; UserError for what cannot be used."""
    if authority := env.get(_AUTHORITY):
        if not Path(authority).is_file():
            raise UserError(f"{_AUTHORITY} names {authority}, and there is no such file; name one in PEM format.")
        for name in _FOLLOWING:
            env.setdefault(name, authority)
    given = proxies(env)
    for name, value in given.items():
        if not _is_address(value):
            raise UserError(f"{name} is {_shown(value)!r}, which is no address; write one like http://proxy:3128.")
    if given:
        direct = env.get("no_proxy") or env.get("NO_PROXY") or ""
        # A star switches the proxy off, for most programs only where nothing stands beside it.
        missing = [host for host in LOOPBACK if host not in direct.split(",")] if direct != "*" else []
        env["no_proxy"] = env["NO_PROXY"] = ",".join(filter(None, (direct, *missing)))


def proxies(env: MutableMapping[str, str]) -> dict[str, str]:
    """The proxies that an environment names, by the variable that does; the small letters go before."""
    found = {}
    for name in _PROXIES:
        for spelt in (name.lower(), name):
            if value := env.get(spelt, ""):
                found[spelt] = value
                break
    return found


def told(env: MutableMapping[str, str]) -> str:
    """Which way requests go, without a proxy's password; empty where there is no proxy and no authority."""
    parts = [f"{name} {_shown(value)}" for name, value in proxies(env).items()]
    if parts:
        parts.append(f"directly to {env.get('no_proxy', '')}")
    if authority := env.get(_AUTHORITY):
        parts.append(f"certificates of {authority}")
    return ", ".join(parts)


def _is_address(value: str) -> bool:
    try:
        split = urlsplit(value if "://" in value else f"http://{value}")
        return bool(split.hostname) and split.scheme in ("http", "https", "socks5", "socks5h") and split.port != 0
    except ValueError:
        return False


def _shown(value: str) -> str:
    """An address without who signs in there."""
    head, _, host = value.rpartition("@")
    return f"{head.partition('://')[0]}://…@{host}" if "://" in head else f"…@{host}" if head else host
