"""The order of the files: the longest first, so that neither of two workers is left with one while the other is idle.

pytest-xdist would begin with the files of most tests, and come last to those that tell one story for minutes.
"""

from pathlib import Path

import pytest

# Those in tests/local/ that last over a minute; what is not here follows, then what is fast.
LONGEST = (
    "test_release.py",
    "test_interrupted.py",
    "test_refusals.py",
    "test_down.py",
    "test_slow_aws.py",
    "test_people.py",
    "test_made_late.py",
    "test_kills.py",
    "test_provider_death.py",
    "test_cases.py",
    "test_parts.py",
    "test_agreed.py",
    "test_stack.py",
    "test_existing.py",
    "test_team.py",
    "test_deployer.py",
    "test_official_plugin.py",
    "test_plane.py",
    "test_plane_starts.py",
    "test_bad_input.py",
    "test_extensions.py",
    "test_callers.py",
    "test_forgotten.py",
    "test_no_cloud.py",
)


def order(path: Path) -> int:
    """When a file's turn is: smaller is earlier."""
    if path.parent.name != "local":
        return len(LONGEST) + 1
    return LONGEST.index(path.name) if path.name in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts whole files; within one, tests stay as they are."""
    items.sort(key=lambda item: order(item.path))
