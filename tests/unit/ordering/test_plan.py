"""The plan as people and programs get it, through the command itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bench.synthetic import config_map, configuration, namespace, rule, service, webhook, workload
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import ROOT, SAMPLE, objects_of, real_platforms

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


EDGE = {"from": TEXT, "to": TEXT, "rule": TEXT, "hard": {"type": "boolean"}, "reason": TEXT}
OBJECT = {"id": TEXT, "apiVersion": TEXT, "kind": TEXT, "namespace": TEXT, "name": TEXT, "level": NUMBER, "wait": TEXT}
COUNTS = ("objects", "gates", "edges", "hardEdges", "reducedEdges", "droppedEdges", "unresolved", "levels")
SCHEMA = record(
    version={"const": 1},
    objects={"type": "array", "items": record(**OBJECT)},
    edges={"type": "array", "items": record(**EDGE)},
    dropped={"type": "array", "items": record(**EDGE, explanation=TEXT)},
    gates={"type": "array", "items": record(id=TEXT, before=TEXT, level=NUMBER, wait=TEXT, needs={"type": "array"})},
    unresolved={"type": "array", "items": record(**{"from": TEXT, "wanted": TEXT, "reason": TEXT})},
    warnings={"type": "array", "items": record(id=TEXT, message=TEXT)},
    stats=record(
        **dict.fromkeys(COUNTS, NUMBER),
        levelSizes={"type": "array", "items": NUMBER},
        criticalPathLength=NUMBER,
        criticalPath={"type": "array", "items": TEXT},
        kinds={"type": "object"},
        rules={"type": "object"},
    ),
)


def plan(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops", "plan", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **env})


def written(folder: Path, objects: list[Manifest]) -> Path:
    file = folder / "objects.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    return file


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as one rendered file, which needs no kustomize."""
    return written(tmp_path_factory.mktemp("sample"), objects_of("sample"))


def failure(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that a person gets."""
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    return result.stderr.strip()


def test_json_has_the_documented_form(sample: Path) -> None:
    content = json.loads(plan(sample, "--format", "json").stdout)
    jsonschema.validate(content, SCHEMA)
    ids = [entry["id"] for entry in content["objects"]]
    assert len(ids) == len(set(ids)) == content["stats"]["objects"] == len(objects_of("sample"))
    for entry in content["objects"]:
        assert entry["id"] == "/".join(entry[key] for key in ("apiVersion", "kind", "namespace", "name"))
    level = {entry["id"]: entry["level"] for entry in content["objects"]}
    assert content["edges"]
    for edge in content["edges"]:
        assert level[edge["from"]] > level[edge["to"]], "from needs to, and both are objects"
    assert "v1/Namespace//sample-apps" in level


def test_json_is_the_same_for_every_run_and_order(sample: Path, tmp_path: Path) -> None:
    backwards = written(tmp_path, objects_of("sample")[::-1])
    assert plan(sample, "--format", "json").stdout == plan(backwards, "--format", "json").stdout


def test_json_holds_what_waits_for_a_gate_to_all_that_the_gate_needs(sample: Path) -> None:
    content = json.loads(plan(sample, "--format", "json").stdout)
    (gate,) = [gate for gate in content["gates"] if gate["before"].endswith("//sample-journal")]
    needs = {edge["to"] for edge in content["edges"] if edge["from"] == "sample.dev/v1/Report/sample-apps/first"}
    assert {gate["before"], "apps/v1/Deployment/sample-system/journal"} <= needs
    assert set(gate["needs"]) <= needs


def test_text_tells_levels_counts_and_the_critical_path(sample: Path) -> None:
    lines = plan(sample).stdout.splitlines()
    assert lines[0] == str(sample)
    assert re.fullmatch(r"96 objects, 2 gates, \d+ needs \(\d+ after reduction\), 13 levels", lines[1])
    levels = [line for line in lines if re.match(r" +\d+ +\d+  [A-Z]", line)]
    assert sum(int(line.split()[1]) for line in levels) == 98
    assert "CustomResourceDefinition* 7" in levels[0]
    start = lines.index("Critical path (13 steps)")
    assert lines[start + 1].strip() == "0  v1/Namespace//cert-manager"
    assert "Needs dropped, because they would close a cycle: none" in lines
    assert "Named, but in no manifest: nothing" in lines


def test_text_tells_what_was_left_out_what_is_nowhere_and_what_looks_wrong(tmp_path: Path) -> None:
    hook = webhook("hook", ("a", "operator"), [rule("", "pods")])
    objects = [
        namespace("a"),
        workload("operator", "a", account="nobody"),
        service("operator", "a"),
        service("typo", "a"),
        configuration("operator", hook),
    ]
    text = plan(written(tmp_path, objects)).stdout
    assert "Needs dropped, because they would close a cycle: 1" in text
    assert (
        "the CREATE of its pods goes through the webhook hook; the webhook or policy itself needs this object" in text
    )
    assert "ServiceAccount a/nobody, by apps/v1/Deployment/a/operator: its pods run as ServiceAccount" in text
    assert "Worth a look: 1" in text
    assert "Service a/typo selects the pods of no workload" in text


def test_why_prints_the_chain_down_to_what_needs_nothing(sample: Path) -> None:
    lines = plan(sample, "--why", "apps/v1/Deployment/sample-apps/front").stdout.splitlines()
    assert lines[:2] == ["apps/v1/Deployment/sample-apps/front", "  is sent in step 10, after 10 steps:"]
    steps = [int(line.split()[0]) for line in lines if re.match(r" +\d+  ", line)]
    assert steps == list(range(9, -1, -1))
    assert "its annotation config.kubernetes.io/depends-on says so [object_needs_declared]" in lines[3]


def test_why_takes_a_short_name_and_gives_json(sample: Path) -> None:
    content = json.loads(plan(sample, "--why", "deployment/front", "--format", "json").stdout)
    assert content["id"] == "apps/v1/Deployment/sample-apps/front"
    assert content["chain"][0]["from"] == content["id"]
    assert len(content["chain"]) == content["level"]
    for edge, following in zip(content["chain"], content["chain"][1:], strict=False):
        assert edge["to"] == following["from"]


def test_why_of_what_needs_nothing(sample: Path) -> None:
    assert plan(sample, "--why", "v1/Namespace//auth").stdout.splitlines()[1] == "  needs nothing: it is sent at once."


def test_why_of_what_is_not_there(sample: Path) -> None:
    message = failure(plan(sample, "--why", "apps/v1/Deployment/elsewhere/front"))
    assert message.startswith("error: --why names 'apps/v1/Deployment/elsewhere/front', which no manifest holds")
    assert "did you mean apps/v1/Deployment/sample-apps/front?" in message


def test_dot_names_every_node_and_direct_need(sample: Path) -> None:
    text = plan(sample, "--format", "dot").stdout
    content = json.loads(plan(sample, "--format", "json").stdout)
    assert text.startswith("digraph plan {")
    assert text.rstrip().endswith("}")
    assert text.count("fillcolor=") == content["stats"]["objects"] + content["stats"]["gates"]
    assert text.count(" -> ") == content["stats"]["reducedEdges"]
    assert text.count("rank=same") == content["stats"]["levels"]
    assert re.search(r'"apps/v1/Deployment/sample-apps/front" -> "apps/v1/Deployment/sample-apps/api"', text)


def test_a_release_by_name() -> None:
    name = next((name for name in real_platforms() if name != "sample"), None)
    result = plan(*(["--release", name] if name else []), KUBEFLOW_MANIFESTS="" if name else str(SAMPLE))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Kubeflow {name}\n" if name else str(SAMPLE))


def test_a_release_that_nobody_knows() -> None:
    assert failure(plan("--release", "0.1")).startswith("error: kubeflowRelease '0.1' is not a release")


def test_bad_manifests_end_in_one_sentence(tmp_path: Path) -> None:
    def needing(name: str, other: str) -> Manifest:
        return config_map(
            name, "a", annotations={"config.kubernetes.io/depends-on": f"/namespaces/a/ConfigMap/{other}"}
        )

    message = failure(plan(written(tmp_path, [namespace("a"), needing("x", "y"), needing("y", "x")])))
    assert message.startswith("error: 2 objects need each other in a cycle: remove one of these needs.")
    message = failure(
        plan(
            written(
                tmp_path, [namespace("a"), config_map("x", "a", annotations={"config.kubernetes.io/depends-on": "y"})]
            )
        )
    )
    assert message.startswith("error: ConfigMap a/x has 'y' in its config.kubernetes.io/depends-on")
    assert failure(plan(tmp_path / "nowhere")).startswith("error: ")


def test_what_does_not_go_together() -> None:
    assert plan(SAMPLE, "--release", "26.03").returncode == 2
    assert "--why prints text or json" in plan(SAMPLE, "--why", "x", "--format", "html").stderr
