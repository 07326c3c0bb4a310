"""`python -m tools [NAME…]`: bring the tools, all or those named, and print where each is."""

import sys

import click

from tools import entry, find
from tools.progress import reporter


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Bring the tools, all or those NAMES, and print where each is and where it comes from."""
    with reporter() as report:
        found = find(*names, report=report)
    width = max(len(tool.name) for tool in found)
    for tool in found:
        click.echo(f"{tool.name:{width}}  {tool.path}  ({tool.origin})")


if __name__ == "__main__":
    interrupted = "Interrupted; the tool that was being brought is dropped, the others stay."
    sys.exit(entry.run(main, name="python -m tools", interrupted=interrupted))
