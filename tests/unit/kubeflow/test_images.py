"""Every image of a release, wherever it is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infra.kubeflow.images import images
from ops.commands import images as listing
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import RELEASES, SAMPLE

WHOLE = [path for path in RELEASES if path.name == "26.03"]
DIGEST = "sha256:" + "0" * 64


def config(**data: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": data}


def deployment(**container: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {"template": {"spec": {"containers": [{"name": "main", **container}]}}},
    }


def test_a_container_s_image_is_told_from_one_that_is_started_later() -> None:
    found = images([deployment(image="mysql:8.0", args=["--solver=quay.io/x/solver:v1"])])
    ((own,), (later,)) = found["mysql:8.0"], found["quay.io/x/solver:v1"]
    assert (own.in_template, own.object, own.field) == (
        True,
        "Deployment n/d",
        "spec.template.spec.containers[0].image",
    )
    assert (later.in_template, later.field) == (False, "spec.template.spec.containers[0].args[0]")


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("quay.io/argoproj/argoexec:v3.7.3", "quay.io/argoproj/argoexec:v3.7.3"),
        (f"gcr.io/a/queue@{DIGEST}", f"gcr.io/a/queue@{DIGEST}"),
        ('{"image": "kserve/storage-initializer:v0.16.0"}', "kserve/storage-initializer:v0.16.0"),
        ("a:\n  image: org/thing\n", "org/thing"),
        ('{"cacheImage": "ghcr.io/containerd/busybox"}', "ghcr.io/containerd/busybox"),
        ("list:\n- value\n- ghcr.io/org/notebook:v1\n", "ghcr.io/org/notebook:v1"),
        ("run: |\n  spec:\n    image: registry.test:5000/x/y:1\n", "registry.test:5000/x/y:1"),
        ('{"global": {"hub": "h.io/istio", "tag": "1.2", "proxy": {"image": "proxyv2"}}}', "h.io/istio/proxyv2:1.2"),
        ('{"global": {"hub": "h.io/istio", "tag": "1.2", "proxy": {"image": "auto"}}}', "h.io/istio/proxyv2:1.2"),
        ('def settings(image="ghcr.io/kubeflow/kfp-frontend"):\n    return image\n', "ghcr.io/kubeflow/kfp-frontend"),
        ("# ghcr.io/org/server, with KFP_VERSION\nTAG = [\n", "ghcr.io/org/server"),
        ("{{ if .Wanted }}\n  - name: a\n    image: busybox:1.28\n{{ end }}\n", "busybox:1.28"),
        ("--image=ghcr.io/org/longer-name:v1", "ghcr.io/org/longer-name:v1"),
    ],
)
def test_an_image_in_a_text_is_found(text: str, image: str) -> None:
    assert list(images([config(a=text)])) == [image]


@pytest.mark.parametrize(
    "text",
    [
        "http://dex.auth.svc.cluster.local:5556/dex",
        "ml-pipeline.kubeflow:8887",
        "127.0.0.1:8080/x",
        "12:30:00",
        "apps/v1",
        "a: b\nc: 10:20\n",
        "{not: [yaml",
        "https://ghcr.io/org/page",
        '{"hub": "gcr.io/istio-release"}',
    ],
)
def test_what_is_no_image_is_left_alone(text: str) -> None:
    assert images([config(a=text)]) == {}


def test_an_example_is_for_people_to_read() -> None:
    assert images([config(_example="image: quay.io/a/b:v1\n")]) == {}


def test_a_variable_that_says_so_is_an_image_without_a_tag_too() -> None:
    env = [{"name": "CACHE_IMAGE", "value": "ghcr.io/containerd/busybox"}, {"name": "HOME", "value": "a/b"}]
    assert list(images([deployment(image="x:1", env=env)])) == ["ghcr.io/containerd/busybox", "x:1"]


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_what_26_03_starts_later_is_there(path: Path) -> None:
    found = images(render(path))
    later = {name for name, places in found.items() if not any(one.in_template for one in places)}
    for part in (
        *("kfp-driver", "kfp-launcher", "argoexec", "knative.dev/serving/cmd/queue", "acmesolver", "proxyv2"),
        *("katib/suggestion-hyperopt", "katib/file-metrics-collector", "notebook-servers/jupyter-scipy"),
        *("busybox:1.28", "kubeflow/kfp-frontend"),
        *("kserve/storage-initializer", "kserve/sklearnserver", "trainer/torchtune-trainer", "tensorflow/tensorflow"),
    ):
        assert any(part in name for name in later), part
    assert len(found) - len(later) > 50
    assert not [name for name in found if "://" in name or " " in name or name.endswith(".local")]


def test_the_command_lists_them() -> None:
    done = CliRunner().invoke(listing.command, [str(SAMPLE), "--format", "json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["images"]
    assert all(one["places"] for one in told["images"])
    done = CliRunner().invoke(listing.command, [str(SAMPLE)])
    assert done.output.splitlines()[-1].endswith("controllers start them later.")
