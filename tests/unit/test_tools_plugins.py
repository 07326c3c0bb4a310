"""Plugins that the engine downloads: the real engine, and a host on loopback in the layout of the releases."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import tools
from ordering.errors import UserError
from tests.unit.release_host import Host, archive, serving
from tools import plugins, sums

FILE = "pulumi-resource-aws-v7.51.1-{}.tar.gz"
GITHUB = "https://github.com/pulumi/pulumi-aws/releases/download/v7.51.1/"
ELSEWHERE = "https://get.pulumi.com/releases/plugins/"


@pytest.fixture
def engine() -> Path:
    return tools.ensure("pulumi")["pulumi"]


@pytest.fixture
def host(engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with serving() as started:
        monkeypatch.setattr(plugins, "PLACES", tuple(started.at(place) for place in plugins.PLACES))
        yield started


def file() -> str:
    return FILE.format("-".join(tools.catalog.go_platform()))


def install(engine: Path, home: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [engine, "plugin", "install", "resource", "aws", "7.51.1", "--reinstall"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PULUMI_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_plugin_comes_through_and_another_of_the_same_name_does_not(engine: Path, host: Host, tmp_path: Path) -> None:
    host.offer(GITHUB + file(), archive({"pulumi-resource-aws": b"first"}))
    with plugins.checked({}) as environment:
        done = install(engine, tmp_path, environment)
    assert done.returncode == 0, done.stderr
    program = tmp_path / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws"
    assert program.read_bytes() == b"first"
    assert sums.first_seen(host.at(GITHUB + file()))

    host.offer(GITHUB + file(), archive({"pulumi-resource-aws": b"another"}))
    with (
        pytest.raises(UserError, match=r"A plugin was refused: .* has the sum .*, but .*first-sums\.json has"),
        plugins.checked({}) as environment,
    ):
        assert install(engine, tmp_path, environment).returncode != 0
    assert not program.exists() or program.read_bytes() == b"first"


def test_the_second_place_is_asked_as_the_engine_does(engine: Path, host: Host, tmp_path: Path) -> None:
    host.offer(ELSEWHERE + file(), archive({"pulumi-resource-aws": b"program"}))
    with plugins.checked({}) as environment:
        done = install(engine, tmp_path, environment)
    assert done.returncode == 0, done.stderr


def test_a_plugin_that_is_nowhere_is_the_engines_to_report(engine: Path, host: Host, tmp_path: Path) -> None:
    with plugins.checked({}) as environment:
        done = install(engine, tmp_path, environment)
    assert done.returncode != 0
    assert "404" in done.stderr


@pytest.mark.parametrize("name", [plugins.SETTING, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"])
def test_a_persons_own_choice_stays(name: str) -> None:
    with plugins.checked({name: "true"}) as environment:
        assert environment == {}


@pytest.mark.parametrize(
    "path",
    [
        "/pulumi-resource-aws-v7.51.1-linux-amd64.tar.gz",
        "/SECRET/../../etc/passwd",
        "/SECRET/pulumi-resource-../../x-v1-linux-amd64.tar.gz",
        "/SECRET/pulumi-resource-aws-v7/../1-linux-amd64.tar.gz",
    ],
)
def test_nothing_else_is_served(host: Host, path: str) -> None:
    import httpx

    with plugins.checked({}) as environment:
        address = environment[plugins.SETTING].partition("=")[2]
        root, _, secret = address.rpartition("/")
        with httpx.Client() as client:
            request = client.build_request("GET", root)
            request.url = httpx.URL(root).copy_with(raw_path=path.replace("SECRET", secret).encode())
            assert client.send(request).status_code == 404
    assert host.asked == []
