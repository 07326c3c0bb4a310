"""Dashboards and alerts of ours: each query is PromQL, and asks for what some component measures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from infra.kubeflow.dashboards import DASHBOARDS, Dashboard, config_map, rendered
from ops import prices
from tests.unit.kubeflow.exposed import EXPOSED

ROOT = Path(__file__).parents[3]
_VARIABLE = re.compile(r"\$([a-z_]+)")


def measured(expression: str) -> set[str]:
    """The measurements that a query asks for; ValueError where it is no PromQL."""
    return {str(one.name) for one in _selectors(promql_parser.parse(_VARIABLE.sub("1", expression)))}


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "args"):
        inner = getattr(node, name, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None and not isinstance(one, str):
                yield from _selectors(one)


def queries() -> dict[str, list[str]]:
    """All queries, by what they are for."""
    found = {
        f"{dashboard.title}: {panel.title}": [expression for expression, _ in panel.queries]
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
    }
    for rule in alerts():
        found[rule["alert"]] = [rule["expr"]]
    return found


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((ROOT / "manifests/prometheus/alerts.yaml").read_text())["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.mark.parametrize("name", queries())
def test_a_query_asks_for_what_a_component_measures(name: str) -> None:
    for expression in queries()[name]:
        asked = measured(expression)
        assert asked, expression
        assert asked <= EXPOSED.keys(), expression


def test_the_list_of_what_is_measured_has_nothing_that_nobody_asks_for() -> None:
    asked = {one for several in queries().values() for expression in several for one in measured(expression)}
    assert asked == EXPOSED.keys()


def test_what_is_no_query_or_measured_by_nobody_would_be_found() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        measured("sum(rate(up[5m])")
    assert measured("sum by (a) (rate(b{c='d'}[5m])) > 0 or e unless f offset 5m") == {"b", "e", "f"}
    assert measured("histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m]))) * $price") == {"a_bucket"}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: str(one.uid))
def test_a_dashboard_has_its_graphs_side_by_side_and_each_variable_that_they_name(dashboard: Dashboard) -> None:
    found = rendered(dashboard)
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in found["panels"]]
    assert len(set(places)) == len(places) == len(dashboard.panels)
    assert len({one["id"] for one in found["panels"]}) == len(places)
    named = {
        one for panel in dashboard.panels for expression, _ in panel.queries for one in _VARIABLE.findall(expression)
    }
    assert named == {one.name for one in dashboard.prices}
    assert {one["name"] for one in found["templating"]["list"]} == named | {"datasource"}


def test_prices_are_those_of_the_bill() -> None:
    given = {one.name: one.dollars for dashboard in DASHBOARDS for one in dashboard.prices}
    assert given["gpu_hour"] == str(prices.instance_price("g5.xlarge", "us-west-2").on_demand)
    assert float(given["cpu_hour"]) == float(prices.instance_price("m5.xlarge", "us-west-2").on_demand) / 4


def test_grafana_finds_them_in_one_folder() -> None:
    files = config_map()["data"]
    assert {json.loads(text)["uid"] for text in files.values()} == {one.uid for one in DASHBOARDS}
    assert len(json.dumps(files)) < 900_000  # a ConfigMap holds a MiB


def test_each_alert_pages_and_says_what_is_wrong() -> None:
    for rule in alerts():
        assert rule["labels"] == {"severity": "critical", "page": "person"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
