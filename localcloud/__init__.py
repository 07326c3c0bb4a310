"""The laptop's stand-ins: what `make up` needs when there is no account. Nothing under infra/ imports it."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (in words that every Python 3 can read)
    sys.exit(
        "error: Python 3.11 or newer is needed, this is {}.{}: install it, for instance with `apt install python3.11` "
        "or `brew install python@3.11`".format(*sys.version_info[:2])
    )
