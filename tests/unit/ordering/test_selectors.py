"""Label selectors agree with apimachinery's rules, on what is known and on what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordering.errors import UserError
from ordering.graph.selectors import Labels, matches, parse
from tests.unit.ordering.simulated_matching import selected

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["x", "y", ""])
LABELS = st.dictionaries(KEYS, VALUES)
LISTED = st.lists(VALUES, min_size=1, max_size=2)
EXPRESSIONS = st.one_of(
    st.fixed_dictionaries({"key": KEYS, "operator": st.sampled_from(["In", "NotIn"]), "values": LISTED}),
    st.fixed_dictionaries({"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
)
SELECTORS = st.fixed_dictionaries({}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(EXPRESSIONS)})


def where(fault: str) -> str:
    return f"Deployment x has a selector that {fault}."


@given(SELECTORS, LABELS)
def test_known_labels_decide_as_the_api_server_does(selector: dict[str, object], labels: dict[str, str]) -> None:
    assert matches(parse(selector, where), Labels(labels)) is selected(selector, labels)


@given(SELECTORS, LABELS, LABELS)
def test_what_is_undecided_depends_on_what_is_unknown(
    selector: dict[str, object], known: dict[str, str], unknown: dict[str, str]
) -> None:
    answer = matches(parse(selector, where), Labels(known, complete=False))
    if answer is not None:
        # Whatever the unknown labels turn out to be, a decision stands.
        assert answer is selected(selector, {**unknown, **known})


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [("In", ["x"], False), ("NotIn", ["x"], True), ("Exists", None, False), ("DoesNotExist", None, True)],
)
def test_an_absent_key(operator: str, values: list[str] | None, expected: bool) -> None:
    selector = {"matchExpressions": [{"key": "absent", "operator": operator, **({"values": values} if values else {})}]}
    assert matches(parse(selector, where), Labels({"other": "x"})) is expected


@pytest.mark.parametrize(
    ("operator", "expected"), [("In", None), ("NotIn", None), ("Exists", True), ("DoesNotExist", False)]
)
def test_a_key_whose_value_nobody_knows_yet(operator: str, expected: bool | None) -> None:
    values = {"values": ["x"]} if operator in ("In", "NotIn") else {}
    selector = {"matchExpressions": [{"key": "pod-template-hash", "operator": operator, **values}]}
    assert matches(parse(selector, where), Labels(present=frozenset({"pod-template-hash"}))) is expected


@pytest.mark.parametrize("selector", [None, {}, {"matchLabels": None}, {"matchExpressions": []}])
def test_an_empty_selector_selects_everything(selector: object) -> None:
    assert matches(parse(selector, where), Labels()) is True


@pytest.mark.parametrize(
    ("selector", "fault"),
    [
        ("app=x", "is 'app=x', not a mapping"),
        ({"app": "x"}, "unknown field 'app'"),
        ({"matchLabels": ["app"]}, "which must be a mapping"),
        ({"matchLabels": {"app": True}}, "True as the value of 'app'"),
        ({"matchExpressions": {"key": "app"}}, "which must be a list"),
        ({"matchExpressions": [{"operator": "Exists"}]}, "lacks a key"),
        ({"matchExpressions": [{"key": "app", "operator": "Is"}]}, "unknown operator 'Is' for 'app'; allowed are In,"),
        ({"matchExpressions": [{"key": "app"}]}, "unknown operator None"),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": "x"}]}, "must be a list of texts"),
        ({"matchExpressions": [{"key": "app", "operator": "In"}]}, "In for 'app' no values"),
        ({"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]}, "which it does not take"),
    ],
)
def test_a_malformed_selector_is_named(selector: object, fault: str) -> None:
    with pytest.raises(UserError, match=r"^Deployment x has a selector that ") as raised:
        parse(selector, where)
    assert fault in str(raised.value)
