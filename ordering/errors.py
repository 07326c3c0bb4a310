"""The one error that people see."""


class UserError(Exception):
    """What a person can fix: one sentence that says what is wrong, which value, and what to do.

    Commands print it as `error: …` and exit with 1; a traceback is never shown for it.
    """
