"""Downloads from a server on loopback, in the layout of the releases: the right archive, or a sentence and a build."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import tools
from ordering.errors import UserError
from tests.unit.release_host import Host, archive, serving
from tools import build, cache, download, pin, plugins, sums
from tools.catalog import PLATFORMS, TOOLS, Download, ReleasedTool, Tool, catalog
from tools.sums import Pin

A, B, LONG = "a" * 64, "b" * 64, "c" * 128


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The hosts of all releases in one, an empty cache, an empty PATH, no proxy, no pins; a build writes "built"."""

    def build_instead(tool: Tool, program: Path) -> str:
        program.write_text("built")
        return "built from its module"

    monkeypatch.setattr(build, "build", build_instead)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(sums, "PINNED", tmp_path / "sums.json")
    sums.pin({})
    with serving() as started:
        yield started


def here(host: Host, monkeypatch: pytest.MonkeyPatch, system: str = "linux", machine: str = "amd64") -> dict[str, Tool]:
    """The catalog of a platform, its downloads moved to the host."""
    moved = {
        name: replace(
            tool,
            download=replace(
                tool.download,
                url=host.at(tool.download.url),
                checksums=tool.download.checksums and host.at(tool.download.checksums),
            ),
        )
        if isinstance(tool, ReleasedTool) and tool.download
        else tool
        for name, tool in catalog(system, machine).items()
    }
    monkeypatch.setattr(tools, "TOOLS", moved)
    return moved


def of(tool: Tool) -> Download:
    assert isinstance(tool, ReleasedTool)
    assert tool.download is not None
    return tool.download


def official(tool: str) -> Download:
    return of(catalog("linux", "amd64")[tool])


def bring(*names: str) -> tuple[list[str], list[str]]:
    """What the named tools are in the end, and what was noted on the way."""
    notes: list[str] = []
    found = tools.find(*names, report=lambda event: notes.append(event.text) if event.note else None)
    return [one.path.read_text() for one in found], notes


def pinned(host: Host, name: str, program: bytes = b"program") -> Download:
    """Serves the release of a tool, with its right sum pinned; the download as the catalog has it."""
    given = official(name)
    sums.pin({host.at(given.url): Pin(sum=host.offer(given.url, archive({given.member: program})), source="a test")})
    return given


@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_every_release_of_every_platform_is_found_in_its_layout(
    host: Host, monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    released = [tool for tool in catalog(system, machine).values() if isinstance(tool, ReleasedTool) and tool.download]
    pins = {}
    for url in {of(tool).url for tool in released}:
        members = {of(tool).member: tool.name.encode() for tool in released if of(tool).url == url}
        pins[host.at(url)] = Pin(sum=host.offer(url, archive(members)), source="a test")
    sums.pin(pins)
    here(host, monkeypatch, system, machine)
    programs, notes = bring(*(tool.name for tool in released))
    assert programs == [tool.name for tool in released]
    assert notes == []
    assert len(host.asked) == len(set(host.asked)), "an archive was fetched twice"
    assert not list(cache.root().glob(".archives-*")), "an archive was kept"


def test_every_download_is_pinned_but_for_the_plugins_whose_sums_nobody_publishes() -> None:
    """A changed version needs new sums: `python -m tools.pin` fetches them, or they are copied from who has them."""
    pins = sums.pinned()
    wanted = {one.url: one.member for one in pin.wanted()}
    assert {wanted[url] for url in set(wanted) - set(pins)} <= {f"pulumi-resource-{name}" for name in plugins.PACKAGES}
    assert set(pins) <= set(wanted), "pins that nothing needs"
    for url, found in pins.items():
        assert sums.is_sum(found.sum), url
        assert found.source, url


def test_a_wrong_sum_is_refused_and_the_module_is_built(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pinned(host, "kustomize")
    other = host.offer(given.url, archive({given.member: b"something else"}))
    here(host, monkeypatch)
    programs, [note] = bring("kustomize")
    assert programs == ["built"]
    assert f"has the sum {other}, but {sums.PINNED} has" in note
    assert note.endswith("; building from Go modules instead")


def test_a_right_sum_beside_a_wrong_file_does_not_help(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can change the archive of a release can change its list of sums as well: only the pin counts."""
    given = pinned(host, "kustomize")
    forged = host.offer(given.url, archive({given.member: b"forged"}))
    assert given.checksums
    host.offer(given.checksums, f"{forged}  {download.file_name(given.url)}\n".encode())
    here(host, monkeypatch)
    assert bring("kustomize")[0] == ["built"]


def test_without_a_pin_the_list_counts_and_what_came_first_counts_after(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = official("pulumi-resource-kubernetes")
    assert given.checksums

    def publish(program: bytes) -> None:
        found = host.offer(given.url, archive({given.member: program}))
        host.offer(given.checksums or "", f"{found}  {download.file_name(given.url)}\n".encode())

    here(host, monkeypatch)
    publish(b"first")
    [found] = tools.find("pulumi-resource-kubernetes")
    assert found.path.read_text() == "first"
    assert found.origin.endswith("whose sum nobody pinned: it is trusted as first seen")
    cache.remove(found.path.parent)
    publish(b"another")
    programs, [note] = bring("pulumi-resource-kubernetes")
    assert programs == ["built"]
    assert f"but {sums.seen_file()} has" in note
    cache.remove(found.path.parent)
    publish(b"first")
    assert bring("pulumi-resource-kubernetes") == (["first"], [])


def test_a_sum_that_is_missing_in_the_list(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = official("pulumi-resource-kubernetes")
    assert given.checksums
    host.offer(given.url, archive({given.member: b"program"}))
    host.offer(given.checksums, f"{A}  another.tar.gz\n".encode())
    here(host, monkeypatch)
    programs, [note] = bring("pulumi-resource-kubernetes")
    assert programs == ["built"]
    assert "has no sum for pulumi-resource-kubernetes-v" in note
    assert len(host.asked) == 1, "what has no sum is not even fetched"


def test_damaged_first_sums_are_not_taken_for_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_atomically(sums.seen_file(), '{"x": "y"}')
    here(host, monkeypatch)
    with pytest.raises(UserError, match=r"first-sums\.json is damaged: remove it"):
        bring("pulumi-resource-kubernetes")


def test_a_release_that_is_not_there_is_not_taken_for_a_missing_network(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(host, "actionlint")
    here(host, monkeypatch)
    programs, notes = bring("kustomize", "actionlint")
    assert programs == ["built", "program"]
    [note] = notes
    assert "kustomize%2Fv" in note
    assert "answers 404; building from Go modules instead" in note


def test_a_redirect_is_followed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub answers with one, to its store of files."""
    given = pinned(host, "kustomize")
    path = f"/{given.url.removeprefix('https://')}"
    host.files["/objects/1"] = host.files.pop(path)
    host.moved[path] = f"{host.url}/objects/1?token=1"
    host.files["/objects/1?token=1"] = host.files["/objects/1"]
    here(host, monkeypatch)
    assert bring("kustomize") == (["program"], [])


def test_a_redirect_out_of_tls_is_refused(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://example.com/tool.tar.gz"})
        return httpx.Response(200, content=b"x")

    with (
        httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client,
        pytest.raises(download.UnavailableError, match=r"leads to http://example\.com.*without encryption"),
    ):
        download.get(client, "https://example.com/tool.tar.gz", tmp_path / "tool")


def test_a_redirect_that_never_ends(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pinned(host, "kustomize")
    path = f"/{given.url.removeprefix('https://')}"
    host.moved[path] = host.at(given.url)
    here(host, monkeypatch)
    programs, [note] = bring("kustomize")
    assert programs == ["built"]
    assert "redirects" in note
    assert len(host.asked) < 30


def test_half_a_file_is_no_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pinned(host, "kustomize")
    host.halved.add(f"/{given.url.removeprefix('https://')}")
    here(host, monkeypatch)
    programs, [note] = bring("kustomize")
    assert programs == ["built"]
    assert "cannot be read" in note


def test_a_server_that_only_trickles_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pinned(host, "kustomize")
    host.slow.add(f"/{given.url.removeprefix('https://')}")
    monkeypatch.setattr(download, "_GRACE", 0.2)
    here(host, monkeypatch)
    programs, [note] = bring("kustomize")
    assert programs == ["built"]
    assert "comes too slowly: 0.0 MB in 0 s" in note


def test_a_server_that_says_nothing_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pinned(host, "kustomize")
    host.slow.add(f"/{given.url.removeprefix('https://')}")
    monkeypatch.setattr(download, "_TIMEOUT", httpx.Timeout(0.001, connect=3.0))
    here(host, monkeypatch)
    programs, [note] = bring("kustomize")
    assert programs == ["built"]
    assert "cannot be read" in note


def test_a_file_that_does_not_end_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned(host, "kustomize", b"x" * 4096)
    monkeypatch.setattr(download, "_LARGEST", 16)
    here(host, monkeypatch)
    assert bring("kustomize")[0] == ["built"]


def test_a_list_that_does_not_end_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = official("pulumi-resource-kubernetes")
    host.offer(given.checksums or "", b"x" * 4096)
    monkeypatch.setattr(download, "_LIST_LARGEST", 16)
    here(host, monkeypatch)
    programs, [note] = bring("pulumi-resource-kubernetes")
    assert programs == ["built"]
    assert "is too large for a list of sums" in note


def test_an_archive_without_the_program(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given = official("kustomize")
    for content in (archive({"other": b"x"}), b"<html>"):
        cache.remove(cache.root())
        found = host.offer(given.url, content)
        sums.pin({host.at(given.url): Pin(sum=found, source="a test")})
        here(host, monkeypatch)
        programs, [note] = bring("kustomize")
        assert programs == ["built"]
        assert "does not contain kustomize" in note


def test_a_proxy_is_used(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://releases.example/kustomize.tar.gz"
    found = host.offer(url.replace("http:", "https:"), archive({"kustomize": b"program"}))
    sums.pin({url: Pin(sum=found, source="a test")})
    monkeypatch.setenv("HTTP_PROXY", host.url)
    monkeypatch.setattr(tools, "TOOLS", {"kustomize": _at(url)})
    assert bring("kustomize") == (["program"], [])
    assert host.asked == [url], "it went past the proxy"


@pytest.mark.parametrize("proxy", ["gopher://127.0.0.1:1", "http://127.0.0.1:1", "http://["])
def test_a_proxy_that_cannot_be_used(host: Host, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setattr(tools, "TOOLS", {"kustomize": _at("https://releases.example/kustomize.tar.gz")})
    programs, [note] = bring("kustomize")
    assert programs == ["built"]
    assert "building from Go modules instead, also what follows" in note


def test_an_unreachable_host_is_said_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Host(url="http://127.0.0.1:1")
    here(nowhere, monkeypatch)
    programs, notes = bring("kustomize", "pulumi", "actionlint")
    assert programs == ["built"] * 3
    [note] = notes
    assert "127.0.0.1 cannot be reached" in note


def test_the_archives_of_a_killed_run_go(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    left = cache.root() / ".archives-killed"
    left.mkdir(parents=True)
    pinned(host, "kustomize")
    here(host, monkeypatch)
    bring("kustomize")
    assert left.exists(), "another run may be at work there"
    monkeypatch.setattr(download, "_STALE", -1.0)
    cache.remove(tools.find("kustomize")[0].path.parent)
    bring("kustomize")
    assert not left.exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (A, A),
        (LONG, LONG),
        (f"{A}\n", A),
        (f"{B}  other.tar.gz\n{A}  tool.tar.gz\n", A),
        (f"{A} *tool.tar.gz\n", A),
        (f"{A}  ./tool.tar.gz\n", A),
        (f"{B}  tool.tar.gz.sbom\n", None),
        ("<html>not found</html>", None),
        # SHA-1, as `shasum` without an option makes it.
        (f"{'d' * 40}  ./tool.tar.gz", None),
        ("d41d8cd98f00b204e9800998ecf8427e  tool.tar.gz", None),
        ("", None),
    ],
)
def test_the_sum_of_a_file(text: str, found: str | None) -> None:
    assert download.checksum(text, "https://example.com/v1%2F2/tool.tar.gz") == found


@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_downloads_are_over_https_and_for_the_platform(system: str, machine: str) -> None:
    platform_tools = catalog(system, machine)
    assert list(platform_tools) == list(TOOLS)
    for tool in platform_tools.values():
        if isinstance(tool, ReleasedTool) and tool.download:
            assert tool.download.url.startswith("https://"), tool.name
            assert system in tool.download.url.lower(), tool.name
            assert tool.version in tool.download.url, tool.name
            assert tool.version in (tool.download.checksums or ""), tool.name


def test_the_servers_are_released_for_linux_only() -> None:
    tool = catalog("darwin", "arm64")["kube-apiserver"]
    assert isinstance(tool, ReleasedTool)
    assert tool.download is None


def _at(url: str) -> ReleasedTool:
    tool = catalog("linux", "amd64")["kustomize"]
    assert isinstance(tool, ReleasedTool)
    return replace(tool, download=Download(url=url, member="kustomize", checksums=None))
