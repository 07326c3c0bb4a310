"""Where the stack's state is, and whether a run can use that."""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from pulumi import automation

from ops.backend import backend, unusable
from ops.doctor.finding import Finding, broken, ok
from ops.doctor.tools import is_here
from ops.engine import Command
from ops.project import PROJECT_ROOT, project_name
from state import serving


def check_state(stack: str) -> Iterator[Finding]:
    """Whether the backend answers, or the files are whole and can be written; what needs a tool that is not here is
    left to the run. UserError for a backend that is refused or does not answer."""
    chosen = backend(stack)
    if chosen.folder is not None:
        there = next(one for one in (chosen.folder, *chosen.folder.parents) if one.is_dir())
        try:
            TemporaryDirectory(dir=there).cleanup()
        except OSError as error:
            yield broken("state", f"{there} cannot be written: {error.strerror}", "work in another checkout")
            return
        if chosen.folder.is_dir() and is_here("journal"):
            serving.check(chosen.folder, project_name(), stack)
    elif is_here("pulumi"):
        try:
            Command().run(["whoami"], str(PROJECT_ROOT), chosen.environment)
        except automation.CommandError as error:
            raise unusable(chosen, error) from None
    yield ok("state", chosen.note.rstrip("."))
