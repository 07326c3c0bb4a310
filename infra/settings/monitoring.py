"""How a stack is seen while it works: what measures it, and whom an alarm reaches."""

import re
from dataclasses import dataclass
from typing import Literal, cast

from infra.settings.raw import RawSettings

KEYS = ("monitoring", "monitoringEmail")

EMAIL = re.compile(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """What measures the cluster; `email` gets alarms, None for nobody but who subscribes to the topic by hand."""

    kind: Literal["none", "cloudwatch"]
    email: str | None


def read_monitoring(raw: RawSettings, *, creates: bool) -> MonitoringSettings:
    """What is wanted; `creates` says that the stack makes the cluster."""
    kind = cast("Literal['none', 'cloudwatch']", raw.text("monitoring", ("none", "cloudwatch")))
    email = raw.text("monitoringEmail")
    if kind == "cloudwatch" and not creates:
        raw.problem(
            "monitoring", "'cloudwatch' is an add-on of a cluster to create; set it to none, or clusterMode to create."
        )
    if email and not EMAIL.fullmatch(email):
        raw.problem("monitoringEmail", f"{email!r} is not an e-mail address; write one like platform@example.com.")
    elif email and kind == "none" and raw.sound("monitoring"):
        raw.problem("monitoringEmail", f"{email} would never get an alarm; set monitoring to cloudwatch, or remove it.")
    return MonitoringSettings(kind=kind, email=email or None)
