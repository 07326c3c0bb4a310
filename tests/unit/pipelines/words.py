"""What a command told."""

import pytest


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What the command said on standard error: one line that begins with `error: `."""
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err.removeprefix("error: ").rstrip("\n")
