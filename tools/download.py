"""Fetching an official release file, with its checksum."""

import hashlib
import io
import re
import tarfile
from pathlib import Path

import httpx

from tools.catalog import Download

_TIMEOUT = httpx.Timeout(60.0, connect=3.0)  # seconds; without a network the first connection decides


class UnavailableError(Exception):
    """The file cannot be downloaded; the message says why. Building it is the alternative."""


class UnreachableError(UnavailableError):
    """No connection came about."""


def fetch(download: Download, program: Path) -> None:
    """Write the release's program to a path.

    Raises UnreachableError when a host cannot be reached, UnavailableError when a file is not there, or its sum is
    missing or another.
    """
    try:
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
            sums = client.get(download.checksums).raise_for_status().text
            wanted = checksum(sums, download.url)
            if wanted is None:
                raise UnavailableError(f"{download.checksums} has no sum for {_file_name(download.url)}")
            content = client.get(download.url).raise_for_status().content
    except httpx.HTTPStatusError as error:
        raise UnavailableError(f"{error.request.url} answers {error.response.status_code}") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise UnreachableError(f"{error.request.url.host} cannot be reached ({error})") from error
    except httpx.HTTPError as error:
        raise UnavailableError(f"{error.request.url} cannot be read ({error})") from error
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # a proxy setting that httpx cannot follow
        raise UnreachableError(f"the proxy of the environment cannot be used ({error})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise UnavailableError(f"{download.url} has the SHA-256 sum {found}, but {download.checksums} says {wanted}")
    program.write_bytes(content if download.member is None else unpack(content, download.member, download.url))


def checksum(sums: str, url: str) -> str | None:
    """The SHA-256 sum of the url's file in a list in the format of sha256sum, or in a text that is one bare sum."""
    name = _file_name(url)
    for line in sums.splitlines():
        match line.split():
            case [found] if re.fullmatch(r"[0-9a-f]{64}", found):
                return found
            case [found, file] if file.lstrip("*") == name and re.fullmatch(r"[0-9a-f]{64}", found):
                return found
    return None


def unpack(archive: bytes, member: str, url: str) -> bytes:
    """The content of one file of a tar archive. Raises UnavailableError when it is not in there."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile(member)
            if file is not None:
                return file.read()
    except (KeyError, tarfile.TarError):
        pass
    raise UnavailableError(f"{url} does not contain {member}")


def _file_name(url: str) -> str:
    return httpx.URL(url).path.rsplit("/", 1)[-1]
