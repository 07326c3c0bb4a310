"""`python -m localcloud.providers NAME`: serve one stand-in."""

import sys
from importlib import import_module

from ordering.errors import UserError
from tools import garbage

NAMES = ("aws", "eks", "random")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in NAMES:
        print(f"error: name one provider to serve: {', '.join(NAMES)}", file=sys.stderr)
        return 1
    try:
        import_module(f"localcloud.{arguments[0]}.provider").serve_provider()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    garbage.search_rarely()
    sys.exit(main(sys.argv[1:]))
