"""`make password` refuses what `make up` would, before anything is asked of the engine."""

import pytest

from ops import password
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
