"""Whatever is typed, set or found: a refused command says why in one sentence, and has changed nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from infra.declared import declared
from ops.project import read_project
from tests.unit.refused.cases import SOUND, STACK, UP, Case
from tests.unit.refused.cases_of_lines import KUBECONFIGS, arguments, environments, pipelines
from tests.unit.refused.cases_of_settings import files, settings, types
from tests.unit.refused.checkout import Answer, Checkout, checked_out

CASES = [case for cases in (settings(), types(), files(), arguments(), pipelines(), environments()) for case in cases]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("refused")) as made:
        yield made


def answered(checkout: Checkout, case: Case, *, may_write: bool = False) -> Answer:
    """What a case's command says; nothing on the disk is other than it was, unless it succeeds and may write."""
    checkout.write(STACK, case.settings)
    with checkout.holding(case.files):
        before = checkout.disk()
        places = {"@HOME": str(checkout.home), "@ROOT": str(checkout.root)}
        environment = {
            name: re.sub("@HOME|@ROOT", lambda found: places[found[0]], value)
            for name, value in case.environment.items()
        }
        answer = checkout.run(case.program, *case.arguments, environment=environment)
        after = checkout.disk()
    changed = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    if answer.code == 0 and may_write:
        for path in after.keys() - before.keys():
            Path(path).unlink()
    else:
        assert changed == []
    return answer


def assert_one_sentence(answer: Answer) -> None:
    said = answer.out + answer.err
    assert "Traceback" not in said
    assert "Something failed that should not have" not in said
    assert answer.code in (1, 2), said
    told = re.findall(r"^[Ee]rror: .+", answer.err, re.MULTILINE)
    assert len(told) == 1, answer.err


def test_there_are_enough_of_them() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 400


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_is_refused_in_one_sentence_that_names_it(checkout: Checkout, case: Case) -> None:
    answer = answered(checkout, case)
    assert_one_sentence(answer)
    assert [words for words in case.words if words not in answer.err] == [], answer.err


@pytest.mark.parametrize("name", KUBECONFIGS)
def test_a_kubeconfig_that_is_none_is_a_finding(checkout: Checkout, name: str) -> None:
    content, words = KUBECONFIGS[name]
    existing = {**SOUND, "clusterMode": "existing", "clusterKubeconfig": "lab.yaml"}
    for reading in ({"clusterContext": "lab"}, {}):
        case = Case(
            name,
            ("doctor", f"--stack={STACK}", "--format=json"),
            settings={**existing, **reading},
            files={"lab.yaml": content},
        )
        answer = answered(checkout, case)
        assert answer.code == 1
        findings = [one for one in json.loads(answer.out)["findings"] if one["check"] == "cluster"]
        assert [one["state"] for one in findings] == ["broken"]
        if not reading:
            assert words in findings[0]["found"] + findings[0]["advice"]


@pytest.mark.parametrize("path", ["~nobody/x", "/nope", ".", "x" * 5000, "Makefile", "[/x]"])
def test_a_path_to_no_kubeconfig_is_a_finding(checkout: Checkout, path: str) -> None:
    settings = {**SOUND, "clusterMode": "existing", "clusterKubeconfig": path}
    answer = answered(checkout, Case(path, ("doctor", f"--stack={STACK}", "--format=json"), settings=settings))
    [finding] = [one for one in json.loads(answer.out)["findings"] if one["check"] == "cluster"]
    assert finding["state"] == "broken"
    assert path in finding["found"] or path == "Makefile"


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "\0", "\n", "[/x]", "{}", "%s", "{0}", "../..", "~nobody", "-1", "1e999", "null", "\udcff"]
    ),
    st.from_regex(r"[a-z]{1,8}[:/.=-]{1,3}[a-z0-9]{0,8}", fullmatch=True),
)
WORD = HOSTILE.map(lambda text: text.replace("\0", "0"))
ASCII = HOSTILE.filter(str.isascii)
FLAT = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ASCII
VALUE = st.recursive(
    FLAT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ASCII, inner, max_size=3),
    max_leaves=6,
)
SETTINGS = st.dictionaries(st.sampled_from([one.key for one in declared(read_project())]) | ASCII, VALUE, max_size=4)
ON_STACK = [
    UP,
    *((command, f"--stack={STACK}") for command in ("preview", "cost", "doctor", "recover")),
    ("destroy", f"--stack={STACK}", "--yes"),
    ("cost", f"--stack={STACK}", "--format=json"),
    ("preview", f"--stack={STACK}", "--format=markdown"),
]
TAKING: dict[str, list[tuple[str, ...]]] = {
    "ops": [
        ("up", "--yes", "--stack"),
        ("preview", "--stack=blue", "--format"),
        ("cost", "--stack=blue", "--set"),
        ("leftovers", "--stack"),
        ("stack", "--again", "--name=dev-x", "--cidr"),
        ("stack", "--again", "--name=dev-x", "--owner"),
        ("stack", "--name"),
        ("plan", "--release"),
        ("plan", "manifests/sample", "--why"),
    ],
    "pipelines": [
        ("compile",),
        ("run", "salary", "--local", "--param"),
        ("run", "salary", "--stack"),
        ("schedule", "salary", "--endpoint=http://127.0.0.1:1", "--cron"),
        ("status", "--endpoint"),
    ],
    "tools": [()],
}
LINES = st.sampled_from([(program, line) for program, lines in TAKING.items() for line in lines])
FEW = limits(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def assert_bounded(checkout: Checkout, case: Case) -> None:
    """Whatever a command makes of it, it ends in words; what it refuses has changed nothing."""
    answer = answered(checkout, case, may_write=True)
    if "broken, " in answer.out:
        assert (case.arguments[0], answer.code) == ("doctor", 1)
        assert "Traceback" not in answer.out + answer.err
    elif answer.code:
        assert_one_sentence(answer)


@FEW
@given(found=SETTINGS, command=st.sampled_from(ON_STACK))
def test_any_settings_end_in_a_sentence(checkout: Checkout, found: dict[str, Any], command: tuple[str, ...]) -> None:
    assert_bounded(checkout, Case("generated", command, settings={**SOUND, **found}))


@FEW
@given(text=st.text(alphabet="config:kubeflow \n-{}[]&*!|>'\"#%@,?ab1", max_size=60), command=st.sampled_from(ON_STACK))
def test_any_file_ends_in_a_sentence(checkout: Checkout, text: str, command: tuple[str, ...]) -> None:
    assert_bounded(checkout, Case("generated", command, settings=text))


@FEW
@given(line=LINES, word=WORD)
def test_any_word_ends_in_a_sentence(checkout: Checkout, line: tuple[str, tuple[str, ...]], word: str) -> None:
    program, taking = line
    arguments = (*taking[:-1], f"{taking[-1]}={word}") if taking and taking[-1].startswith("--") else (*taking, word)
    assert_bounded(checkout, Case("generated", arguments, program=program))
