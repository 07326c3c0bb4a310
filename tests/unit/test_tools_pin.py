"""The command that pins sums: it fills in, drops and compares, and never changes a sum by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ordering.errors import UserError
from tests.unit.release_host import Host, serving
from tools import pin, sums
from tools.catalog import Download
from tools.sums import Pin

A, B = "a" * 64, "b" * 64


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(sums, "PINNED", tmp_path / "sums.json")
    sums.pin({})
    with serving() as started:
        started.offer("https://one/SUMS", f"{A}  one.tar.gz\n".encode())
        yield started


def release(host: Host, checksums: str | None = "https://one/SUMS") -> Download:
    return Download(
        url=host.at("https://one/one.tar.gz"), member="one", checksums=host.at(checksums) if checksums else None
    )


def test_what_has_no_sum_is_pinned_with_where_it_was_read(host: Host) -> None:
    given = release(host)
    assert list(pin.renew([given])) == [f"pinned   {given.url}"]
    assert sums.pinned() == {given.url: Pin(sum=A, source=host.at("https://one/SUMS"))}
    assert list(pin.renew([given])) == []


def test_a_pinned_sum_is_compared_and_never_replaced(host: Host) -> None:
    given = release(host)
    before = {given.url: Pin(sum=B, source="somebody")}
    sums.pin(before)
    with pytest.raises(UserError, match=f"has {A}, and somebody had {B}: find out which is right"):
        list(pin.renew([given]))
    assert sums.pinned() == before


def test_what_nothing_downloads_is_dropped(host: Host) -> None:
    sums.pin({"https://old": Pin(sum=B, source="somebody")})
    assert list(pin.renew([])) == ["dropped  https://old"]
    assert sums.pinned() == {}


def test_a_list_that_is_missing_is_named_and_the_rest_is_pinned(host: Host) -> None:
    gone = Download(url=host.at("https://two/two.tar.gz"), member="two", checksums=host.at("https://two/SUMS"))
    lines: list[str] = []
    with pytest.raises(UserError, match="two/SUMS answers 404"):
        lines.extend(pin.renew([gone, release(host)]))
    assert list(sums.pinned()) == [release(host).url]


def test_a_release_without_a_list_is_measured_once(host: Host) -> None:
    found = host.offer("https://one/one.tar.gz", b"archive")
    given = release(host, None)
    assert list(pin.renew([given])) == [f"measured {given.url}"]
    assert sums.pinned() == {given.url: Pin(sum=found, source="the archive itself")}
    host.offer("https://one/one.tar.gz", b"another")
    assert list(pin.renew([given])) == []


def test_it_asks_for_every_platform() -> None:
    urls = [one.url for one in pin.wanted()]
    assert len(urls) == len(set(urls))
    assert {"linux-amd64", "darwin-arm64"} <= {url[-19:-7].lstrip("-") for url in urls if "kubernetes-client" in url}


def test_without_a_network_nothing_changes(host: Host) -> None:
    before = {release(host).url: Pin(sum=B, source="somebody")}
    sums.pin(before)
    with pytest.raises(UserError, match=r"127\.0\.0\.1 cannot be reached .*: pin sums where there is a network\."):
        list(pin.renew([release(Host(url="http://127.0.0.1:1"))]))
    assert sums.pinned() == before
