"""`make password` refuses what `make up` would, before anything is asked of the engine."""

import pytest
from click.testing import CliRunner

from ops import password
from ops.commands.password import command
from ordering.errors import UserError


@pytest.mark.parametrize(
    ("stack", "given", "words"),
    [
        ("dev", "x", "has fewer than 8 characters; choose another. Nothing was changed."),
        ("dev", "12341234", "12341234 is public"),
        ("dev", "é" * 40, "is longer than bcrypt's 72 bytes"),
        ("dev", "  ", "is empty"),
        ("local", "correct horse", "has a well-known password"),
    ],
)
def test_a_bad_password_changes_nothing(stack: str, given: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "Command", lambda: pytest.fail("the engine was asked"))
    with pytest.raises(UserError, match=words):
        password.set_password(stack, given)


def test_nobody_at_the_keyboard_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHBOARD_PASSWORD", raising=False)
    done = CliRunner().invoke(command, ["--stack=dev"], input="")
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == "No password was typed, and nothing is changed; type it, or set DASHBOARD_PASSWORD."
