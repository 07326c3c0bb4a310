"""`python -m tools [NAME…]`: bring the tools, all or those named, and print where each is."""

import sys

from infra.errors import UserError
from tools import find
from tools.progress import reporter


def main(names: list[str]) -> int:
    """Print a line for each tool; returns the exit code."""
    try:
        with reporter() as report:
            tools = find(*names, report=report)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; the tool that was being fetched is dropped, the others stay", file=sys.stderr)
        return 130
    width = max(len(tool.name) for tool in tools)
    for tool in tools:
        print(f"{tool.name:{width}}  {tool.path}  ({tool.origin})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
