from pathlib import Path

from ops.project import read_project
from ops.settings_table import END, START, render

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_a_setting_is_one_row() -> None:
    project = {
        "name": "p",
        "config": {
            "aws:region": {"value": "x"},
            "zones": {"type": "array", "items": {"type": "string"}, "default": ["a"], "description": "Where."},
            "name": {"type": "string", "default": "", "description": "Who."},
        },
    }
    assert render(project).splitlines()[2:] == [
        '| `zones` | array of strings | `["a"]` | Where. |',
        "| `name` | string | (empty) | Who. |",
    ]


def test_the_page_shows_the_settings_as_the_project_file_declares_them() -> None:
    _, _, rest = PAGE.read_text().partition(START)
    table, _, _ = rest.partition(END)
    assert table.strip() == render(read_project())
