"""Which rounds of the exports are left, and how manifests are given to engines without one."""

from typing import Any

import yaml

from bench.exports import ENGINES, ROUNDS, plan, table

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "templates"},
    "data": {"one": "{{ .Name }}"},
}
KIND: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
}


def _row(platform: str, engine: str, *, ordered: bool, **figures: Any) -> dict[str, Any]:
    figures = {
        "code": 0,
        "seconds": 7.0,
        "conflicts": 2,
        "refused": 0,
        "refused_calls": 0,
        "unavailable": 0,
        "right": True,
        **figures,
    }
    version = figures.pop("version", ENGINES[engine].version)
    return {"platform": platform, "engine": engine, "ordered": ordered, "version": version, **figures}


def test_the_next_call_goes_on_with_what_is_not_right_or_of_another_version() -> None:
    kept = [
        _row("sample", "kapp", ordered=False, refused=3),
        _row("sample", "kapp", ordered=True, refused=1, right=False),
        _row("26.03", "kapply", ordered=True, version="0.1.0"),
    ]
    assert plan(kept) == [one for one in ROUNDS if one != ("sample", "kapp", False)]


def test_the_table_has_a_row_for_each_in_the_order_of_the_rounds() -> None:
    kept = [_row("26.03", "kapply", ordered=True), _row("sample", "kapp", ordered=False, code=1, refused=3)]
    version = {name: engine.version for name, engine in ENGINES.items()}
    assert table(kept).splitlines()[2:] == [
        f"| sample | kapp {version['kapp']} | the manifests alone | 1 | 7.0 | 2 | 3 | 0 | 0 |",
        f"| 26.03 | kapply {version['kapply']} | `--to depends-on` | 0 | 7.0 | 2 | 0 | 0 | 0 |",
    ]


def test_a_chart_of_the_manifests_alone_has_definitions_apart_and_no_templates() -> None:
    files = ENGINES["Helm"].alone([CONFIG, KIND])
    assert list(yaml.safe_load_all(files["alone/crds/definitions.yaml"])) == [KIND]
    rendered = files["alone/templates/all.yaml"].replace('{{ "{{" }}', "{{")
    assert list(yaml.safe_load_all(rendered)) == [CONFIG]
    assert "{{ .Name" not in files["alone/templates/all.yaml"]


def test_the_others_take_one_file() -> None:
    for name in ("kapp", "kapply"):
        (text,) = ENGINES[name].alone([CONFIG, KIND]).values()
        assert list(yaml.safe_load_all(text)) == [CONFIG, KIND]
