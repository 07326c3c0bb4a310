"""Which release of Kubeflow may follow the one that a stack has. Pure."""

import re
from typing import Any

from infra.kubeflow.release import RELEASES, Release
from infra.settings import Settings
from infra.versions import PIPELINES_ALONE
from ordering.errors import UserError

OUTPUT = "kubeflow_release"
"""The stack's output that names the release of its last run."""

_NUMBER = re.compile(r"\d+")


def older(release: str, than: str) -> bool:
    """Whether a release came out before another one of the same product."""
    return _ordered(release) < _ordered(than)


def check_product(stack: str, old: str, new: str) -> None:
    """UserError where a stack would go to another product than it has."""
    if (new in PIPELINES_ALONE) != (old in PIPELINES_ALONE):
        raise UserError(
            f"{stack} has {old}, and {new} is another product, no later release of it: make a stack of its own for it, "
            f"and leave kubeflowRelease of this one at {old}."
        )


def check(settings: Settings, source: Release, ran: Any) -> None:
    """UserError where a run would bring another product than the stack has, or an older release of it.

    `ran` is what the last run's output says, `source` what this run brings. A rollback that has begun may go on: while
    it lasts, the settings name the newer release as the one before. Of a folder's own manifests nobody knows which
    release they are.
    """
    if not changes(settings, source, ran):
        return
    new, stack = settings.kubeflow.release, settings.stack
    check_product(stack, ran, new)
    if older(new, ran) and settings.kubeflow.release_before != ran:
        raise UserError(
            f"{stack} has {ran}, and kubeflowRelease is {new}, which is older: go back with `make rollback "
            f"STACK={stack}`, or set it to {ran} again. Nothing was changed."
        )


def changes(settings: Settings, source: Release, ran: Any) -> bool:
    """Whether a run would bring another release than the stack has, both of them pinned ones."""
    pinned = source.origin not in ("folder", "sample")
    return pinned and ran in RELEASES and ran != settings.kubeflow.release


def _ordered(release: str) -> tuple[int, ...]:
    return tuple(map(int, _NUMBER.findall(release)))
