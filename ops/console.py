"""Where the commands print."""

import sys

from rich.console import Console


def console(*, json: bool = False) -> Console:
    """A console that prints text as it is: rich would take `[x]` of a path or a message for a style, or fail at `[/x]`.

    Standard output is left to the document where the command prints JSON.
    """
    return Console(file=sys.stderr if json else sys.stdout, markup=False, highlight=False)
