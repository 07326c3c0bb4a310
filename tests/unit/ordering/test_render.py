"""What people write is rendered as kustomize would, or answered with a sentence that says where to look."""

import json
import os
import re
import stat
from pathlib import Path

import pytest

from ordering.errors import UserError
from ordering.manifests import render as rendering
from ordering.manifests.render import digest, render

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: here\ndata:\n  key: {value}\n"


@pytest.fixture
def env(tmp_path: Path, kustomize: str) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"], "KUSTOMIZE": kustomize}


def folder(at: Path, kustomization: str, **files: str) -> Path:
    at.mkdir(parents=True)
    (at / "kustomization.yaml").write_text(kustomization)
    for name, text in files.items():
        (at / f"{name}.yaml").write_text(text)
    return at


def config(name: str = "one", value: str = "text") -> str:
    return CONFIG.format(name=name, value=value)


def refusal(path: Path, env: dict[str, str]) -> str:
    with pytest.raises(UserError) as caught:
        render(path, env=env)
    return str(caught.value)


def test_resources_are_read_in_order_through_nested_folders(tmp_path: Path, env: dict[str, str]) -> None:
    folder(tmp_path / "base", "resources: [a.yaml]\n", a=config("a") + "---\n" + config("b"))
    top = folder(tmp_path / "top", "resources: [../base, c.yaml]\n", c=config("c"))
    assert [manifest["metadata"]["name"] for manifest in render(top, env=env)] == ["a", "b", "c"]


def test_a_plain_kustomization_and_a_rendered_file_need_no_tool(tmp_path: Path, env: dict[str, str]) -> None:
    env["PATH"] = env["KUSTOMIZE"] = ""
    top = folder(tmp_path / "top", "resources: [a.yaml]\n", a=config())
    assert render(top, env=env) == render(top / "a.yaml", env=env)
    assert render(top, env=env)[0]["data"] == {"key": "text"}


def test_anything_more_goes_through_the_tool(tmp_path: Path, env: dict[str, str]) -> None:
    top = folder(tmp_path / "top", "namePrefix: my-\nresources: [a.yaml]\n", a=config())
    assert [manifest["metadata"]["name"] for manifest in render(top, env=env)] == ["my-one"]


def test_components_change_the_base_and_leave_it_as_it_was(tmp_path: Path, env: dict[str, str]) -> None:
    base = folder(tmp_path / "base", "resources: [a.yaml]\n", a=config())
    patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: here}\ndata: {key: patched}\n"
    text = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yaml}]\n"
    component = folder(tmp_path / "component", text, patch=patch)
    assert render(base, components=[component], env=env)[0]["data"] == {"key": "patched"}
    assert render(base / "a.yaml", components=[component], env=env)[0]["data"] == {"key": "patched"}
    assert render(base, env=env)[0]["data"] == {"key": "text"}
    assert digest(base, components=[component]) != digest(base)


def test_without_a_tool_the_message_says_what_to_install(tmp_path: Path, env: dict[str, str]) -> None:
    env["PATH"] = env["KUSTOMIZE"] = ""
    top = folder(tmp_path / "top", "namePrefix: my-\nresources: [a.yaml]\n", a=config())
    assert "install kustomize" in refusal(top, env)
    env["KUSTOMIZE"] = "/nowhere/kustomize"
    assert "'/nowhere/kustomize'" in refusal(top, env)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("2012-10-17", "2012-10-17T00:00:00Z"),
        ("22:22", "22:22"),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("0644", 420),
        ("0o644", 420),
        ("0x10", 16),
        ("0b-1", -1),
        ("0o+7", 7),
        ("-0b-1", "-0b-1"),
        ("-3", -3),
        ("08", 8),
        ("1.0", 1),
        ("v1", "v1"),
        ("=", "="),
        ("'5'", "5"),
        ("~", None),
    ],
)
def test_a_scalar_is_what_kustomize_takes_it_for(
    tmp_path: Path, env: dict[str, str], scalar: str, value: object
) -> None:
    plain = folder(tmp_path / "plain", "resources: [a.yaml]\n", a=config(value=scalar))
    tooled = folder(tmp_path / "tooled", "resources: [a.yaml]\nnamespace: here\n", a=config(value=scalar))
    (manifest,) = render(plain, env=env)
    assert manifest["data"] == {"key": value}
    assert type(manifest["data"]["key"]) is type(value)
    assert render(tooled, env=env) == [manifest]
    assert render(plain / "a.yaml", env=env) == [manifest]


def test_annotations_are_texts_as_they_are_written(tmp_path: Path, env: dict[str, str]) -> None:
    annotations = "annotations: {a: true, b: 8080, c: 0x10, d: 1.0, e: ~, f: , g: 2012-10-17, h: yes}"
    plain = folder(tmp_path / "plain", "resources: [a.yaml]\n", a=config().replace("namespace: here", annotations))
    (manifest,) = render(plain, env=env)
    found = {"a": "true", "b": "8080", "c": "0x10", "d": "1.0", "e": "~", "f": "", "g": "2012-10-17", "h": "yes"}
    assert manifest["metadata"]["annotations"] == found
    (plain / "kustomization.yaml").write_text("resources: [a.yaml]\nsortOptions: {order: fifo}\n")
    assert render(plain, env=env) == [manifest]


def test_a_plain_folder_is_refused_what_kustomize_would_refuse(tmp_path: Path, env: dict[str, str]) -> None:
    top = folder(tmp_path / "top", "resources: [../a.yaml]\n")
    (tmp_path / "a.yaml").write_text(config())
    assert "'../a.yaml' under resources lies outside of its folder" in refusal(top, env)
    assert [manifest["metadata"]["name"] for manifest in render(top, env=env, allow=["any-file"])] == ["one"]
    (top / "Kustomization").write_text("resources: [a.yaml]\n")
    assert "kustomization.yaml and Kustomization: keep one" in refusal(top, env)
    loop = folder(tmp_path / "loop" / "inner", "resources: [..]\n")
    (loop.parent / "kustomization.yaml").write_text("resources: [inner]\n")
    assert "names itself" in refusal(loop, env)


def test_lists_are_expanded(tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "a.yaml"
    inner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inner"}}
    full = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "full"}}
    lists = [
        {"apiVersion": "v1", "kind": "List", "items": [full]},
        {"apiVersion": "v1", "kind": "ConfigMapList", "items": [inner, None, {}]},
        {"apiVersion": "v1", "kind": "List", "items": []},
        {"apiVersion": "v1", "kind": "List", "items": None},
    ]
    file.write_text("\n---\n".join(json.dumps(document) for document in lists))
    found = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in render(file, env=env)]
    assert found == [("Secret", "full"), ("ConfigMap", "inner")]


def test_objects_for_kustomize_alone_are_not_rendered(tmp_path: Path, env: dict[str, str]) -> None:
    local = config("local").replace("namespace: here", "annotations: {config.kubernetes.io/local-config: 'true'}")
    top = folder(tmp_path / "top", "resources: [a.yaml]\n", a=config() + "---\n" + local)
    assert [manifest["metadata"]["name"] for manifest in render(top, env=env)] == ["one"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [\n", ["a.yaml:3", "not YAML"]),
        ("kind: {\n", ["a.yaml:2", "not YAML"]),
        (config() + "---\nkind: Secret\nmetadata: {name: two}\n", ["a.yaml:9", "Secret two", "no apiVersion"]),
        ("apiVersion: v1\nmetadata: {name: two}\n", ["a.yaml:1", "object two", "no kind"]),
        ("apiVersion: v1\nkind: Secret\nmetadata: {}\n", ["a.yaml:1", "object Secret", "no metadata.name"]),
        ("apiVersion: v1\nkind: Secret\n", ["no metadata.name"]),
        ("apiVersion: 1\nkind: Secret\nmetadata: {name: two}\n", ["1 as its apiVersion", "text"]),
        ("- 1\n- 2\n", ["a.yaml:1", "found a list"]),
        ("just words\n", ["a.yaml:1", "found text"]),
        (config() + "---\n" + config(), ["ConfigMap here/one", "a.yaml:1", "a.yaml:9", "twice"]),
        ("# nothing\n", ["no object at all"]),
        ("apiVersion: v1\nkind: List\nitems: [3]\n", ["a.yaml:1", "List", "3"]),
        ("key: \x00\n", ["a.yaml:1", "not YAML"]),
        (config() + "  key: again\n", ["a.yaml:8", "'key' stands twice, first in line 7"]),
        (config() + "  2: two\n", ["a.yaml:8", "the key 2 is not text", "ConfigMap here/one"]),
        (config() + "  <<: text\n", ["a.yaml:8", "`<<` takes a mapping"]),
        (config() + "  bad: !!int x\n", ["a.yaml:8", "'x' is no int"]),
        (config() + "  no: *such\n", ["a.yaml:8", "&such"]),
        (config() + "--- text\n" + config("two"), ["a.yaml:8", "move 'text'"]),
    ],
)
@pytest.mark.parametrize("extra", ["", "namePrefix: my-\n"], ids=["plain", "built"])
def test_bad_text_is_answered_with_file_line_and_object(
    tmp_path: Path, env: dict[str, str], text: str, words: list[str], extra: str
) -> None:
    top = folder(tmp_path / "top", extra + "resources: [a.yaml]\n", a=text)
    message = refusal(top, env)
    if "no object at all" in words and extra:
        assert "top" in message
        return
    for word in words:
        assert word in message


def test_a_value_that_json_lacks_is_answered_with_the_object(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(config(value=".inf"))
    assert "ConfigMap here/one holds a value" in refusal(tmp_path / "a.yaml", env)
    (tmp_path / "a.yaml").write_text(config(value="1e999"))
    assert render(tmp_path / "a.yaml", env=env)[0]["data"] == {"key": "1e999"}


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("...\n" + config("two"), "a.yaml:9 is not YAML"),
        ("--- {kind: Secret}", "a.yaml:8: a document begins on the line"),
    ],
)
def test_text_that_kustomize_would_skip_is_refused(
    tmp_path: Path, env: dict[str, str], lost: str, message: str
) -> None:
    (tmp_path / "a.yaml").write_text(config() + lost)
    assert message in refusal(tmp_path / "a.yaml", env)


def test_an_annotation_that_holds_more_than_a_text_is_not_lost(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(config().replace("namespace: here", "annotations: {a: {b: c}}"))
    assert "annotation a of ConfigMap one is a mapping" in refusal(tmp_path / "a.yaml", env)


def test_bytes_that_are_no_text_are_answered_with_file_and_line(tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\nb: \xff\xfe\n")
    assert "a.yaml:2" in refusal(file, env)


def test_the_same_object_in_two_versions_is_a_duplicate(tmp_path: Path, env: dict[str, str]) -> None:
    twice = "apiVersion: apps/{}\nkind: Deployment\nmetadata: {{name: web, namespace: here}}\n"
    top = folder(tmp_path / "top", "resources: [a.yaml]\n", a=twice.format("v1") + "---\n" + twice.format("v1beta2"))
    assert "Deployment here/web appears twice" in refusal(top, env)


def test_paths_that_lead_nowhere_are_named(tmp_path: Path, env: dict[str, str]) -> None:
    assert "does not exist" in refusal(tmp_path / "missing", env)
    (tmp_path / "empty").mkdir()
    assert "not a kustomization" in refusal(tmp_path / "empty", env)
    assert "'gone.yaml' under resources" in refusal(folder(tmp_path / "a", "resources: [gone.yaml]\n"), env)
    assert "not a kustomization" in refusal(folder(tmp_path / "b", "- a\n"), env)
    assert "resources must be a list" in refusal(folder(tmp_path / "c", "resources: a.yaml\n"), env)
    assert "not a kustomization" in refusal(folder(tmp_path / "d", "apiVersion: v1\nkind: Secret\n"), env)
    folder(tmp_path / "e", "resources: [../f]\n")
    assert "cycle" in refusal(folder(tmp_path / "f", "resources: [../e]\n"), env)


def test_what_the_tool_refuses_is_passed_on(tmp_path: Path, env: dict[str, str]) -> None:
    top = folder(tmp_path / "top", "noSuchField: 1\nresources: [a.yaml]\n", a=config())
    message = refusal(top, env)
    assert "kustomize cannot build" in message
    assert "noSuchField" in message


def test_the_cache_answers_by_content_and_for_its_owner_alone(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(config())
    first = render(file, env=env)
    (cached,) = (tmp_path / "cache" / "kubeflow-on-pulumi" / "rendered").iterdir()
    assert stat.S_IMODE(cached.stat().st_mode) == 0o600
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "documents", lambda file: pytest.fail("parsed again"))
        assert render(file, env=env) == first
    file.write_text(config(value="changed"))
    assert render(file, env=env)[0]["data"] == {"key": "changed"}
    cached.write_text("{half")
    file.write_text(config())
    assert render(file, env=env) == first


def test_the_cache_keeps_few_files(tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "a.yaml"
    for number in range(rendering._KEPT + 3):
        file.write_text(config(value=str(number)))
        render(file, env=env)
    kept = list((tmp_path / "cache" / "kubeflow-on-pulumi" / "rendered").iterdir())
    assert len(kept) == rendering._KEPT


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    file = tmp_path / "a.yaml"
    file.write_text(config())
    assert len(render(file, env=env)) == 1


def test_a_file_that_a_generator_or_a_patch_reads_is_part_of_the_key(tmp_path: Path, env: dict[str, str]) -> None:
    text = "configMapGenerator: [{name: made, files: [key=value.txt]}]\n"
    top = folder(tmp_path / "top", text)
    (top / "value.txt").write_text("one")
    assert render(top, env=env)[0]["data"] == {"key": "one"}
    (top / "value.txt").write_text("two")
    assert render(top, env=env)[0]["data"] == {"key": "two"}


def test_the_digest_follows_content_and_not_the_place(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", "resources: [a.yaml]\n", a=config())
    two = folder(tmp_path / "else" / "two", "resources: [a.yaml]\n", a=config())
    assert digest(one) == digest(two)
    (two / "a.yaml").write_text(config(value="other"))
    assert digest(one) != digest(two)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: " + "[" * 400 + "]" * 400, "bad.yaml:1 nests more than 300 levels"),
        ("[" * 300_000, "bad.yaml:1 nests more than 300 levels"),
        ("- " * 300_000 + "a", "bad.yaml:1 nests more than 300 levels"),
        (
            "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'lol'] * 10)}]" for n in range(9)]),
            "has more than 5,000,000 values once its aliases are spelt out",
        ),
        ("a: &a [*a]", "bad.yaml:1: the alias *a stands inside of what it means"),
    ],
    ids=["deep", "deep and open", "deep in blocks", "aliases of aliases", "an alias of itself"],
)
def test_text_that_would_crash_or_fill_the_memory_is_refused_at_once(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError, match=re.escape(words)):
        render(tmp_path / "bad.yaml")


def test_aliases_within_reason_are_spelt_out(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {a: b}, annotations: *l}\n"
    )
    assert render(tmp_path / "a.yaml")[0]["metadata"]["annotations"] == {"a": "b"}


CHART = {
    "charts/mini/Chart.yaml": "apiVersion: v2\nname: mini\nversion: 0.1.0\n",
    "charts/mini/values.yaml": "{}\n",
    "charts/mini/templates/cm.yaml": "{{ if true }}\n" + config() + "{{ end }}\n",
}
# What kustomize asks of helm: its version, then the chart (api 0.21.1, builtins/HelmChartInflationGenerator.go).
HELM = """#!/bin/sh
case "$1" in
  version) echo v3.18.6 ;;
  template) echo "$@" >> "{calls}"; sed '/{{{{/d' "$3/templates/cm.yaml" ;;
esac
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    charts = "helmCharts: [{name: mini, releaseName: mini}]\n"
    top = folder(tmp_path / "top", "helmGlobals: {chartHome: charts}\n" + charts)
    for name, text in CHART.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


def test_charts_are_rendered_by_helm_where_that_is_allowed(
    tmp_path: Path, chart: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "kubeflowBuild: [helm]" in refusal(chart, env)
    bare = tmp_path / "bin"
    bare.mkdir()
    with pytest.raises(UserError, match="helm is not on PATH"):
        render(chart, env={**env, "PATH": str(bare)}, allow=["helm"])
    helm = bare / "helm"
    helm.write_text(HELM.format(calls=tmp_path / "calls"))
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bare}{os.pathsep}{env['PATH']}")
    env["PATH"] = os.environ["PATH"]
    first = render(chart, env=env, allow=["helm"])
    assert [manifest["metadata"]["name"] for manifest in first] == ["one"]
    assert render(chart, env=env, allow=["helm"]) == first
    assert (tmp_path / "calls").read_text().count("template") == 1, "the second time the cache answers"
    (chart / "charts/mini/templates/cm.yaml").write_text("{{ if true }}\n" + config("two") + "{{ end }}\n")
    assert render(chart, env=env, allow=["helm"])[0]["metadata"]["name"] == "two"


def test_what_nobody_knows_is_not_allowed(chart: Path, env: dict[str, str]) -> None:
    with pytest.raises(UserError, match="'network'"):
        render(chart, env=env, allow=["network"])
