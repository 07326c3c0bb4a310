"""Leaving documentation out of schemas changes nothing but documentation, as the real API server says itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tools
from infra.kubeflow.slim import slim
from localcloud import plane
from ordering.manifests.render import render
from tests.local.cluster import Cluster, Manifest, until

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "manifests" / "sample"
RELEASE = ROOT.parent / "shared" / "kubeflow" / "26.03"

# Large ones, with CEL rules, defaults, several versions, fields that keep what they do not know, and conversion.
OF_THE_RELEASE = {
    "certificates.cert-manager.io",
    "clusterservingruntimes.serving.kserve.io",
    "clustertrainingruntimes.trainer.kubeflow.org",
    "destinationrules.networking.istio.io",
    "inferenceservices.serving.kserve.io",
    "notebooks.kubeflow.org",
    "profiles.kubeflow.org",
    "virtualservices.networking.istio.io",
    "workflows.argoproj.io",
}


def rendered(path: Path) -> list[Manifest]:
    return render(path, kustomize=str(tools.ensure("kustomize")["kustomize"]))


def chosen() -> list[list[Manifest]]:
    """The platforms to look at, each as its definitions and the objects of these."""
    platforms = [rendered(SAMPLE)]
    if RELEASE.is_dir():
        platforms.append(
            [m for m in rendered(RELEASE) if not is_definition(m) or m["metadata"]["name"] in OF_THE_RELEASE]
        )
    return platforms


def is_definition(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "CustomResourceDefinition")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("plane")
    yield Cluster(plane.start(root))
    plane.stop(root, wipe=True)


class Served:
    """What a cluster serves of some definitions, and what it says of objects, without keeping any."""

    def __init__(self, cluster: Cluster, definitions: list[Manifest]) -> None:
        self.cluster = cluster
        self.paths = {
            f"apis/{definition['spec']['group']}/{version['name']}"
            for definition in definitions
            for version in definition["spec"]["versions"]
            if version["served"]
        }
        self.resources = {
            (definition["spec"]["group"], definition["spec"]["names"]["kind"]): definition["spec"]
            for definition in definitions
        }

    def put(self, definitions: list[Manifest]) -> None:
        """Makes the definitions what they are given as, and waits until all of it is served."""
        before = self.index()
        for definition in definitions:
            verb = "replace" if self.cluster.get("crd", definition["metadata"]["name"]) else "create"
            done = self.cluster.run(verb, "-f", "-", given=json.dumps(definition))
            assert done.returncode == 0, done.stderr
        # Every group has a description in it somewhere, so each document changes when these go.
        until(lambda: all(self.index().get(path, "") != before.get(path, "") for path in self.paths), "new documents")
        until(lambda: self.settled(), "the documents stay as they are")

    def settled(self) -> bool:
        first = self.index()
        return all(self.index() == first for _ in range(5))

    def index(self) -> dict[str, str]:
        """The address of each document, which holds a digest of its content."""
        listed = json.loads(self.raw("/openapi/v3"))["paths"]
        return {path: listed[path]["serverRelativeURL"] for path in self.paths if path in listed}

    def documents(self) -> dict[str, Any]:
        return {path: json.loads(self.raw(f"/openapi/v3/{path}")) for path in sorted(self.paths)}

    def raw(self, path: str) -> str:
        done = self.cluster.run("get", "--raw", path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, manifest: Manifest) -> tuple[bool, Any]:
        """Whether the server would take the object, unknown fields refused, and what it makes of it or says."""
        group, _, version = manifest["apiVersion"].rpartition("/")
        spec = self.resources[group, manifest["kind"]]
        place = "namespaces/default/" if spec["scope"] == "Namespaced" else ""
        path = f"/apis/{group}/{version}/{place}{spec['names']['plural']}?dryRun=All&fieldValidation=Strict"
        done = self.cluster.run("create", "--raw", path, "-f", "-", given=json.dumps(manifest))
        if done.returncode:
            return False, done.stderr
        made = json.loads(done.stdout)
        return True, {key: value for key, value in made.items() if key != "metadata"}


def undescribed(node: Any, *, named: bool = False) -> Any:
    """An OpenAPI document without descriptions; `named`: the keys of this object are names that somebody chose."""
    if isinstance(node, list):
        return [undescribed(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {}
    for key, value in node.items():
        if not named and key in ("default", "enum", "example"):
            result[key] = value
        elif named or key != "description" or not isinstance(value, str):
            result[key] = undescribed(value, named=key in ("properties", "schemas", "paths") and not named)
    return result


def variations(manifest: Manifest) -> Iterator[Manifest]:
    """The object as it is, then with each field of its spec of another type, and with one that nobody knows."""
    metadata = {"name": "tried"}
    spec = manifest.get("spec")
    yield {**manifest, "metadata": metadata}
    yield {**manifest, "metadata": metadata, "spec": "text"}
    if isinstance(spec, dict):
        yield {**manifest, "metadata": metadata, "spec": {**spec, "unknownToAll": 1}}
        for name, value in sorted(spec.items()):
            yield {**manifest, "metadata": metadata, "spec": {**spec, name: 7 if isinstance(value, str) else "text"}}
            yield {**manifest, "metadata": metadata, "spec": {key: spec[key] for key in spec if key != name}}


def objects_of(definitions: list[Manifest], manifests: list[Manifest]) -> list[Manifest]:
    """Three objects of each kind at most, as the platform has them, and an empty one of each kind."""
    found = []
    for definition in definitions:
        group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
        stored = next(version["name"] for version in definition["spec"]["versions"] if version["storage"])
        found += [m for m in manifests if m["kind"] == kind and m["apiVersion"].startswith(f"{group}/")][:3]
        found.append({"apiVersion": f"{group}/{stored}", "kind": kind, "metadata": {}, "spec": {}})
    return found


@pytest.mark.parametrize("manifests", chosen(), ids=["sample", "26.03"][: len(chosen())])
def test_the_api_is_the_same_without_descriptions(cluster: Cluster, manifests: list[Manifest]) -> None:
    whole = [described(manifest) for manifest in manifests if is_definition(manifest)]
    lean = slim(whole)
    assert len(json.dumps(lean)) < len(json.dumps(whole))
    served = Served(cluster, whole)
    tried = [variation for one in objects_of(whole, manifests) for variation in variations(one)]

    served.put(whole)
    documents, answers = served.documents(), [served.answer(one) for one in tried]
    served.put(lean)
    after = served.documents()

    assert json.dumps(after) != json.dumps(documents), "the documentation is still there"
    for path, document in documents.items():
        assert undescribed(after[path]) == undescribed(document), path
    assert {taken for taken, _ in answers} == {True, False}, "the objects tell nothing"
    for one, answer in zip(tried, answers, strict=True):
        assert served.answer(one) == answer, one
    cluster.delete("crd", *(definition["metadata"]["name"] for definition in whole))


def described(definition: Manifest) -> Manifest:
    """The definition with a description at the top of each schema, for those that bring none."""
    copy: Manifest = json.loads(json.dumps(definition))
    for version in copy["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"].setdefault("description", "What nobody reads.")
    return copy
