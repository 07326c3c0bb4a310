import pytest
from rich.table import Table

from ops.console import console


@pytest.mark.parametrize("text", ["[/x] ends nothing", "a [red] path", "[link=x]y[/link]", "plain"])
def test_text_from_anywhere_is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    printing = console()
    printing.print(text)
    table = Table(box=None)
    table.add_column("what")
    table.add_row(text)
    printing.print(table)
    assert capsys.readouterr().out.count(text) == 2


def test_beside_json_people_read_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console(json=True).print("told")
    assert capsys.readouterr() == ("", "told\n")
