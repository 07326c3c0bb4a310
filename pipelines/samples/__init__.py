"""The sample data: what a pipeline reads when nobody names anything else."""

import io
import zipfile
from pathlib import Path

from pipelines.samples import complaints

TABLE = Path(__file__).with_name("salaries.csv")


def content(name: str) -> bytes:
    """The sample of a name: `salaries.csv` (20 rows), `salaries.zip`, which holds it, or `complaints.csv` (600 rows).

    The bytes are the same every time.
    """
    if name == "complaints.csv":
        return complaints.content()
    table = TABLE.read_bytes()
    if name == TABLE.name:
        return table
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(TABLE.name), table, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
