"""Python's search for garbage, for a process that keeps what it makes."""

import gc


def search_rarely() -> None:
    """Looks for garbage after 200,000 new objects, not 700: what is imported and registered here lives until the end.

    The search is a fifth of the work otherwise.
    """
    gc.set_threshold(200_000, 50, 50)
