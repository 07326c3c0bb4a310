"""What a managed database needs of the region: its class, with its version, in the stack's zones."""

from collections.abc import Iterator

from infra import preflight
from infra.settings import Settings
from ops.doctor.finding import Finding, ok


def check_database(settings: Settings) -> Iterator[Finding]:
    """Whether RDS offers what is set, where the stack is to have a managed database."""
    if settings.database is not None:
        preflight.check_database(settings)
        yield ok("database", f"RDS offers {settings.database.instance_class} in the stack's zones")
