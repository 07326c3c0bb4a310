"""What steps share that write reports and look at the model in production. See `shared` for how they travel."""

from typing import Any

from pipelines.steps.shared import is_there, read_bytes


def write_report(path: str, title: str, sections: dict[str, Any]) -> None:
    """Write a page: a table for each section, which is rows (the first of them the heads) or a sentence.

    ValueError for one over 10 MB, which the dashboard would load as a whole.
    """
    import html

    def table(rows: Any) -> str:
        if isinstance(rows, str):
            return f"<p>{html.escape(rows)}</p>"
        head, *body = [[html.escape(str(cell)) for cell in row] for row in rows]
        heads = "".join(f"<th>{cell}</th>" for cell in head)
        lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body)
        return f"<table><tr>{heads}</tr>{lines}</table>"

    style = (
        "body{font:14px system-ui,sans-serif;margin:24px;color:#24292f}table{border-collapse:collapse}"
        "th,td{border:1px solid #d0d7de;padding:4px 10px;text-align:left}th{background:#f6f8fa}"
    )
    parts = "".join(f"<h2>{html.escape(name)}</h2>{table(rows)}" for name, rows in sections.items())
    page = f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{style}</style>"
    content = f"{page}<h1>{html.escape(title)}</h1>{parts}".encode()
    if len(content) > 10_000_000:
        raise ValueError(
            f"The report {title!r} has {len(content) / 1e6:.0f} MB, and 10 are shown at most; "
            "give the dataset fewer columns or values."
        )
    with open(path, "wb") as file:
        file.write(content)


def in_production(models: str) -> dict[str, Any]:
    """What the pointer to the model in production says (`version`, `uri`); empty when there is none yet.

    A step that uses it brings `is_there` and `read_bytes` along.
    """
    import json

    pointer = f"{models.rstrip('/')}/production.json"
    said: dict[str, Any] = json.loads(read_bytes(pointer)) if is_there(pointer) else {}
    return said
