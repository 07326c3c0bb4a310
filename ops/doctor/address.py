"""What an address needs of the account: a zone that owns its host, or a certificate for it."""

from collections.abc import Iterator

from infra import preflight
from infra.settings import Settings
from ops.doctor.finding import Finding, ok


def check_address(settings: Settings) -> Iterator[Finding]:
    """Whether the host can have its record and its certificate, where the stack is to have an address."""
    address = settings.address
    if address is None:
        return
    preflight.check_address(settings)
    who = "everybody" if "0.0.0.0/0" in address.cidrs else ", ".join(address.cidrs)
    if address.zone is None:
        told = f"{address.url} for {who}, with the certificate that is set"
        yield ok("address", told, "without addressZone somebody has to make the record that `up` names at its end")
    else:
        yield ok("address", f"{address.url} for {who}, with its record in {address.zone}")
