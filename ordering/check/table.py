"""The fields of Kubernetes' own kinds: `kubernetes.json`, which `localcloud/plane/openapi.py` writes.

    {"version": "1.35",
     "kinds":   {"apps/v1/Deployment": "apps.v1.Deployment", …},
     "types":   {"apps.v1.Deployment": {"spec": "@apps.v1.DeploymentSpec", …}, …}}

A field's type is `string`, `boolean`, `int32`, `int64`, `number`, `bytes` (base64), `time`, `quantity`,
`int-or-string`, `any`, `@NAME` for a type of the table, `{}TYPE` for a map and `[]TYPE` for a list. What stands in the
brackets may not come twice in the list: `[name]`, `[port,protocol=TCP]` (with the value that stands for none), `[=]`
for the items.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("kubernetes.json")
METADATA = "apis.meta.v1.ObjectMeta"


@dataclass(frozen=True)
class Table:
    """`kinds` are the types by `apiVersion/kind`, `types` the fields of each type, with the type of each as text."""

    version: str
    kinds: dict[str, str]
    types: dict[str, dict[str, str]]

    @property
    def minor(self) -> int:
        """The second number of the version."""
        return int(self.version.partition(".")[2])


@cache
def table() -> Table:
    """The table of the pinned version, read once."""
    return Table(**json.loads(FILE.read_text(encoding="utf-8")))
