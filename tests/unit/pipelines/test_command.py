"""What the command says to what it cannot do: one sentence, and an exit code that is not 0."""

from pathlib import Path

import pytest

from ordering.errors import UserError
from pipelines.__main__ import main
from pipelines.cause import cause
from pipelines.cron import normalise
from pipelines.stack import Context

NO_STACK = Context(outputs=lambda name: {}, environment=lambda name: {})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["run", "celery", "--local"],
            "There is no pipeline 'celery'; choose one of salary, unzip_csv, sequential, complaints, a compiled file, "
            "or MODULE:FUNCTION.",
        ),
        (
            ["compile", "celery"],
            "There is no pipeline 'celery'; choose one of salary, unzip_csv, sequential, complaints, a compiled file, "
            "or MODULE:FUNCTION.",
        ),
        (
            ["run", "sequential", "--local", "--param", "size=3"],
            "Pipeline 'sequential' has no parameter 'size'; it has count, seed.",
        ),
        (
            ["run", "sequential", "--local", "--param", "count=many"],
            "Parameter 'count' of pipeline 'sequential' is 'many'; it must be a whole number.",
        ),
        (
            ["run", "sequential", "--local", "--param", "count=1.5"],
            "Parameter 'count' of pipeline 'sequential' is '1.5'; it must be a whole number.",
        ),
        (
            ["run", "salary", "--local", "--param", "months=nan"],
            "Parameter 'months' of pipeline 'salary' is 'nan'; it must be a number.",
        ),
        (
            ["run", "sequential", "--local", "--param", "count"],
            "Parameter 'count' has no value; write it as NAME=VALUE.",
        ),
        (
            ["run", "sequential", "--local", "--param", "count=1", "--param", "count=2"],
            "Parameter 'count' is given twice; give it once.",
        ),
        (["run", "sequential"], "Nothing says where to run; add --local, --stack NAME or --endpoint URL."),
        (
            ["run", "sequential", "--local", "--endpoint", "http://localhost"],
            "--local and --endpoint exclude each other; --local with --stack runs here on the stack's bucket.",
        ),
        (["status", "run-1"], "Nothing says where Kubeflow is; add --stack NAME or --endpoint URL."),
        (
            ["schedule", "sequential", "--cron", "0 6 * * *"],
            "Nothing says where Kubeflow is; add --stack NAME or --endpoint URL.",
        ),
        (
            ["run", "salary", "--local", "--stack", "dev"],
            "Stack 'dev' has no output `bucket`; bring it up with `make up STACK=dev`.",
        ),
        (
            ["run", "salary", "--stack", "dev"],
            "Stack 'dev' has no output `kubeconfig` to reach its dashboard with.",
        ),
        (
            ["run", "salary", "--stack", "local"],
            "The nodes of stack 'local' run no containers; add --local to run the steps here.",
        ),
        (
            ["image", "--stack", "dev"],
            "Stack 'dev' has no output `repository_url`; bring it up with `make up STACK=dev`.",
        ),
        (
            ["compile", "salary", "-o", "/nowhere/salary.yaml"],
            "'/nowhere/salary.yaml' cannot be written: No such file or directory.",
        ),
    ],
)
def test_one_sentence(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    assert main(arguments, NO_STACK) == 1
    assert capsys.readouterr().err == f"error: {sentence}\n"


def test_an_option_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "salary", "--lokal"]) == 2
    assert "--lokal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expression", "six"),
    [
        ("0 6 * * *", "0 0 6 * * *"),
        ("30 0 6 * * *", "30 0 6 * * *"),
        ("*/15 8-18 1,15 JAN-JUN mon", "0 */15 8-18 1,15 JAN-JUN mon"),
        ("0 0 ? * 0", "0 0 0 ? * 0"),
    ],
)
def test_cron_expressions_that_are_taken(expression: str, six: str) -> None:
    assert normalise(expression) == six


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "0 fields"),
        ("0 6 * *", "4 fields"),
        ("0 0 0 6 * * *", "7 fields"),
        ("60 * * * *", "'60' as minute"),
        ("0 24 * * *", "'24' as hour"),
        ("0 6 0 * *", "'0' as day of the month"),
        ("0 6 * 13 *", "'13' as month"),
        ("0 6 * * 7", "'7' as day of the week"),
        ("0 6 * * SUNDAY", "'SUNDAY' as day of the week"),
        ("*/0 * * * *", "'*/0' as minute"),
        ("9-5 * * * *", "'9-5' as minute"),
        ("1, * * * *", "'' as minute"),
        ("@daily", "1 fields"),
    ],
)
def test_cron_expressions_that_are_not(expression: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        normalise(expression)
    assert words in str(caught.value)


def test_the_cause_of_a_failure_is_the_last_exception() -> None:
    log = (
        "    Traceback (most recent call last):\n"
        '      File "a.py", line 1, in f\n'
        "    KeyError: 'x'\n"
        "\n"
        "    During handling of the above exception, another exception occurred:\n"
        "\n"
        "    Traceback (most recent call last):\n"
        '      File "a.py", line 3, in f\n'
        "        raise ValueError('s.csv is empty.')\n"
        "    \x1b[91mValueError: s.csv is empty.\x1b[0m\n"
    )
    assert cause(log) == "s.csv is empty."


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("MemoryError", "MemoryError"),
        ("pandas.errors.MergeError: no key", "MergeError: no key"),
        ("ValueError: two: colons", "two: colons"),
    ],
)
def test_a_cause_that_no_step_foresaw_keeps_its_name(last: str, expected: str) -> None:
    assert cause(f'Traceback (most recent call last):\n  File "a.py", line 1, in f\n{last}\n') == expected


@pytest.mark.parametrize("log", ["", "all is well\n", 'Traceback (most recent call last):\n  File "a.py", line 1\n'])
def test_a_log_that_says_nothing(log: str) -> None:
    assert cause(log) is None
