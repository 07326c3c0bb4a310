"""`python -m tools.pin`: pin the sums of downloads that have none, and hold the others against the releases' lists."""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import httpx

from ordering.errors import UserError
from tools import entry, plugins, sums
from tools.catalog import PLATFORMS, Download, ReleasedTool, catalog
from tools.download import UnavailableError, UnreachableError, connected, get, listed
from tools.sums import Pin


def wanted() -> list[Download]:
    """Every archive that some platform downloads, once: those of tools, and those of Pulumi's plugins."""
    found: dict[str, Download] = {}
    for platform in PLATFORMS:
        of_tools = [tool.download for tool in catalog(*platform).values() if isinstance(tool, ReleasedTool)]
        for download in (*filter(None, of_tools), *plugins.releases(*platform)):
            found.setdefault(download.url, download)
    return list(found.values())


def renew(downloads: Iterable[Download]) -> Iterable[str]:
    """Pins what has no sum yet, drops what nothing downloads, and yields a line for each change.

    Where a release has no list, the archive itself is measured. Raises UserError, with all that is wrong, when a list
    is not there or has another sum than the pinned one.
    """
    wrong: list[str] = []
    before = sums.pinned()
    pins: dict[str, Pin] = {}
    with connected() as client:
        for download in downloads:
            pin = before.get(download.url)
            if pin is not None:
                pins[download.url] = pin
            try:
                found = listed(client, download)
                if found is None and pin is None:
                    pins[download.url] = Pin(sum=_measured(client, download.url), source="the archive itself")
                    yield f"measured {download.url}"
            except UnreachableError as error:
                raise UserError(f"{error}: pin sums where there is a network.") from error
            except UnavailableError as error:
                wrong.append(str(error))
                continue
            if found is None:
                continue
            if pin is None:
                pins[download.url] = Pin(sum=found, source=f"{download.checksums}")
                yield f"pinned   {download.url}"
            elif len(pin.sum) == len(found) and pin.sum != found:
                wrong.append(
                    f"{download.checksums} has {found}, and {pin.source} had {pin.sum}: find out which is right"
                )
    yield from (f"dropped  {url}" for url in sorted(set(before) - set(pins)))
    if pins != before:
        sums.pin(pins)
    if wrong:
        raise UserError("; ".join(wrong))


def _measured(client: httpx.Client, url: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        get(client, url, archive)
        return sums.measure(archive)


@click.command()
def main() -> None:
    """Pin the sums of all downloads that have none, and hold the others against what the releases' own lists say."""
    for line in renew(wanted()):
        click.echo(line)


if __name__ == "__main__":
    sys.exit(entry.run(main, name="python -m tools.pin", interrupted="Interrupted; tools/sums.json is as it was."))
