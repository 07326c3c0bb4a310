"""Fetching programs out of official release archives, each archive checked by its sum."""

import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tools import cache, sums
from tools.catalog import Download

_TIMEOUT = httpx.Timeout(60.0, connect=3.0)  # seconds; without a network the first connection decides
_GRACE = 60.0  # seconds, after which a download must have had _SLOWEST bytes a second
_SLOWEST = 30_000
_LARGEST = 2 << 30  # bytes; the archive of the Kubernetes servers has a third of a gigabyte
_LIST_LARGEST = 1 << 20
_STALE = 86_400.0  # seconds


class UnavailableError(Exception):
    """The file cannot be downloaded; the message says why. Building it is the alternative."""


class UnreachableError(UnavailableError):
    """No connection came about."""


class MismatchError(UnavailableError):
    """The file is not the one that was expected."""


class Downloads:
    """What one run fetches: an archive that several tools come from is fetched once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._archives = folder, dict[str, tuple[Path, str]]()

    def fetch(self, download: Download, program: Path) -> str:
        """Write the release's program to a path, and say where it came from and what its sum was held against.

        Raises UnreachableError when a host cannot be reached, MismatchError when the archive is another than expected,
        UnavailableError when it is not there or no sum of it is.
        """
        archive, against = self.archive(download)
        unpack(archive, download.member, program, download.url)
        return f"downloaded from {download.url}, {against}"

    def archive(self, download: Download) -> tuple[Path, str]:
        """The archive itself, checked, for as long as this run lasts, and what its sum was held against."""
        if download.url not in self._archives:
            with connected() as client:
                self._archives[download.url] = self._checked(client, download)
        return self._archives[download.url]

    def _checked(self, client: httpx.Client, download: Download) -> tuple[Path, str]:
        pin = sums.pinned().get(download.url)
        seen = None if pin else sums.first_seen(download.url)
        expected: str | None
        if pin:
            expected, against = pin.sum, "whose sum is pinned"
        elif seen:
            expected, against = seen, f"whose sum is that of the first download, in {sums.seen_file()}"
        else:
            expected, against = listed(client, download), "whose sum nobody pinned: it is trusted as first seen"
        target = self._folder / f"{len(self._archives)}-{file_name(download.url)}"
        get(client, download.url, target)
        found = sums.measure(target, expected)
        if expected is not None and found != expected:
            target.unlink()
            by = f"{sums.PINNED} has" if pin else f"{sums.seen_file()} has" if seen else f"{download.checksums} says"
            raise MismatchError(f"{download.url} has the sum {found}, but {by} {expected}")
        if not pin and not seen:
            sums.remember(download.url, found)
        return target, against


@contextmanager
def downloads() -> Iterator[Downloads]:
    """A run's downloads; the archives go with it."""
    root = cache.root()
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(".archives-*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > _STALE:
            cache.remove(left)
    with tempfile.TemporaryDirectory(prefix=".archives-", dir=root, ignore_cleanup_errors=True) as folder:
        yield Downloads(Path(folder))


@contextmanager
def connected() -> Iterator[httpx.Client]:
    """A client to fetch with. Raises UnreachableError for a proxy that cannot be used."""
    try:
        client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # a proxy setting that httpx cannot follow
        raise UnreachableError(f"the proxy of the environment cannot be used ({error})") from error
    with client:
        yield client


def listed(client: httpx.Client, download: Download) -> str | None:
    """The sum that the release's own list has; None for a release without a list. Raises UnavailableError."""
    if download.checksums is None:
        return None
    text = b""
    with _answer(client, download.checksums) as response:
        for chunk in response.iter_bytes():
            text += chunk
            if len(text) > _LIST_LARGEST:
                raise UnavailableError(f"{download.checksums} is too large for a list of sums")
    found = checksum(text.decode("utf-8", "replace"), download.url)
    if found is None:
        raise UnavailableError(f"{download.checksums} has no sum for {file_name(download.url)}")
    return found


def get(client: httpx.Client, url: str, target: Path) -> None:
    """Write a file to a path. Raises UnavailableError if it is not there, is too large, or comes too slowly."""
    begun, size = time.monotonic(), 0
    with _answer(client, url) as response, target.open("wb") as file:
        for chunk in response.iter_bytes():
            size += file.write(chunk)
            if size > _LARGEST:
                raise UnavailableError(f"{url} is larger than {_LARGEST >> 30} GiB")
            elapsed = time.monotonic() - begun
            if elapsed > _GRACE and size < elapsed * _SLOWEST:
                raise UnavailableError(f"{url} comes too slowly: {size / 1e6:.1f} MB in {elapsed:.0f} s")


def checksum(text: str, url: str) -> str | None:
    """The sum of the url's file in a list as sha256sum and sha512sum write it, or in a text that is one bare sum."""
    name = file_name(url)
    for line in text.splitlines():
        match line.split():
            case [found] if sums.is_sum(found):
                return found
            case [found, file] if file.lstrip("*").removeprefix("./") == name and sums.is_sum(found):
                return found
    return None


def unpack(archive: Path, member: str, program: Path, url: str) -> None:
    """Write one file of a tar archive to a path. Raises UnavailableError when it is not in there."""
    try:
        with tarfile.open(archive) as tar:
            content = tar.extractfile(member)
            if content is not None:
                with content, program.open("wb") as file:
                    while block := content.read(1 << 20):
                        file.write(block)
                return
    except (KeyError, tarfile.TarError, EOFError, ValueError):
        pass
    raise UnavailableError(f"{url} does not contain {member}")


def file_name(url: str) -> str:
    """The name of the url's file."""
    return httpx.URL(url).path.rsplit("/", 1)[-1]


@contextmanager
def _answer(client: httpx.Client, url: str) -> Iterator[httpx.Response]:
    """A good answer; what goes wrong while it is read is raised as UnreachableError or UnavailableError."""
    try:
        with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            if response.url.scheme != "https" and any(step.url.scheme == "https" for step in response.history):
                raise UnavailableError(f"{url} leads to {response.url}, without encryption")
            yield response
    except httpx.HTTPStatusError as error:
        raise UnavailableError(f"{error.request.url} answers {error.response.status_code}") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise UnreachableError(f"{error.request.url.host} cannot be reached ({error})") from error
    except httpx.HTTPError as error:
        raise UnavailableError(f"{url} cannot be read ({error})") from error
