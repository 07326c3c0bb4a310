"""Downloads: the right sum or nothing. A small server on loopback plays the release host."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.catalog import TOOLS, Download, ReleasedTool, catalog
from tools.download import UnavailableError, UnreachableError, checksum, fetch, unpack

A, B = "a" * 64, "b" * 64


@pytest.fixture
def host() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The URL of a server, and the files that it serves by path."""
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", files
    server.shutdown()
    server.server_close()


def archive(member: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("sums", "found"),
    [
        (A, A),
        (f"{A}\n", A),
        (f"{B}  other.tar.gz\n{A}  tool.tar.gz\n", A),
        (f"{A} *tool.tar.gz\n", A),
        (f"{B}  tool.tar.gz.sbom\n", None),
        ("<html>not found</html>", None),
        ("d41d8cd98f00b204e9800998ecf8427e  tool.tar.gz", None),
        ("", None),
    ],
)
def test_the_sum_of_a_file(sums: str, found: str | None) -> None:
    assert checksum(sums, "https://example.com/v1%2F2/tool.tar.gz") == found


def test_fetches_a_bare_program(host: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, files = host
    files["/tool"] = b"program"
    files["/tool.sha256"] = sha256(b"program").encode()
    fetch(Download(url=f"{url}/tool", checksums=f"{url}/tool.sha256"), tmp_path / "tool")
    assert (tmp_path / "tool").read_bytes() == b"program"


def test_fetches_a_program_out_of_an_archive(host: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, files = host
    files["/tool.tar.gz"] = archive("folder/tool", b"program")
    files["/SHA256SUMS"] = f"{sha256(files['/tool.tar.gz'])}  tool.tar.gz\n".encode()
    download = Download(url=f"{url}/tool.tar.gz", checksums=f"{url}/SHA256SUMS", member="folder/tool")
    fetch(download, tmp_path / "tool")
    assert (tmp_path / "tool").read_bytes() == b"program"


def test_a_wrong_sum_is_refused(host: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, files = host
    files["/tool"] = b"something else"
    files["/tool.sha256"] = sha256(b"program").encode()
    with pytest.raises(UnavailableError, match=sha256(b"something else")):
        fetch(Download(url=f"{url}/tool", checksums=f"{url}/tool.sha256"), tmp_path / "tool")
    assert not (tmp_path / "tool").exists()


def test_a_missing_file_is_not_taken_for_a_missing_network(host: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, _ = host
    with pytest.raises(UnavailableError, match="404") as caught:
        fetch(Download(url=f"{url}/tool", checksums=f"{url}/tool.sha256"), tmp_path / "tool")
    assert not isinstance(caught.value, UnreachableError)


def test_an_unreachable_host(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/tool"
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1"):
        fetch(Download(url=url, checksums=url), tmp_path / "tool")


def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "gopher://127.0.0.1:1")
    with pytest.raises(UnreachableError, match="proxy"):
        fetch(Download(url="https://example.com/tool", checksums="https://example.com/sums"), tmp_path / "tool")


def test_an_archive_without_the_program() -> None:
    with pytest.raises(UnavailableError, match="does not contain folder/tool"):
        unpack(archive("folder/other", b"x"), "folder/tool", "https://example.com/a.tar.gz")


def test_what_is_no_archive() -> None:
    with pytest.raises(UnavailableError, match="does not contain"):
        unpack(b"<html>", "folder/tool", "https://example.com/a.tar.gz")


@pytest.mark.parametrize(("system", "architecture"), [("linux", "amd64"), ("linux", "arm64"), ("darwin", "arm64")])
def test_downloads_are_over_https_and_for_the_platform(system: str, architecture: str) -> None:
    tools = catalog(system, architecture)
    assert list(tools) == list(TOOLS)
    for tool in tools.values():
        if isinstance(tool, ReleasedTool) and tool.download:
            assert tool.download.url.startswith("https://"), tool.name
            assert system in tool.download.url, tool.name
            assert tool.version in tool.download.url, tool.name
            assert tool.version in tool.download.checksums, tool.name


def test_the_servers_are_released_for_linux_only() -> None:
    tool = catalog("darwin", "arm64")["kube-apiserver"]
    assert isinstance(tool, ReleasedTool)
    assert tool.download is None
