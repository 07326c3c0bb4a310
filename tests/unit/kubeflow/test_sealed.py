"""Images from one place: every one that a release names is renamed, nothing else is, and twice is as good as once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.kubeflow.images import REGISTRIES, images, renamed
from infra.kubeflow.sealed import Seal, parse, read_lock, use_seal, write_lock
from infra.kubeflow.slim import slim
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import RELEASES
from tests.unit.kubeflow.test_images import config, deployment

HOST = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
CACHED = {"docker.io": "hub", "ghcr.io": "ghcr", "quay.io": "quay", "registry.k8s.io": "k8s", "public.ecr.aws": "ecr"}
SEAL = Seal(host=HOST, prefix="kubeflow-dev", cached=CACHED)
DIGEST = "sha256:" + "5" * 64
ELSEWHERE = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, REGISTRIES))})/[a-z]")


@pytest.fixture(scope="module", params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest) -> list[Manifest]:
    path: Path = request.param
    return slim(render(path))


def texts(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """All texts of an object but what is for people to read."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "_example":
                yield from texts(one, f"{field}.{key}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from texts(one, f"{field}[{index}]")
    elif isinstance(value, str):
        yield field, value


def test_every_image_of_a_release_is_renamed(release: list[Manifest]) -> None:
    sealed = renamed(release, SEAL.name)
    before, after = images(release), images(sealed)
    assert len(before) > 15
    assert {SEAL.name(image) for image in before} == set(after)
    assert all(image.startswith(f"{HOST}/kubeflow-dev/") for image in after)
    left = [
        (one["metadata"]["name"], field, text[:80])
        for one in sealed
        if one["kind"] != "CustomResourceDefinition"
        for field, text in texts({key: value for key, value in one.items() if key != "metadata"})
        if ELSEWHERE.search(text)
    ]
    assert left == []


def test_nothing_else_is_changed_and_back_is_where_it_came_from(release: list[Manifest]) -> None:
    sealed = renamed(release, SEAL.name)
    assert renamed(sealed, SEAL.name) == sealed
    back = renamed(sealed, lambda image: str(SEAL.source(image) or image))
    for one, other in zip(release, back, strict=True):
        for (field, text), (where, found) in zip(texts(one), texts(other), strict=True):
            assert field == where
            assert as_written(found) == as_written(text)


def as_written(text: str) -> str:
    """A text with Docker Hub's names as they are written in full."""
    return re.sub(r"(?<![\w./-])docker\.io/(library/)?", "", text)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("mysql:8.4", "hub/library/mysql:8.4"),
        ("kserve/agent:v1", "hub/kserve/agent:v1"),
        ("docker.io/alpine/k8s:1.32.3", "hub/alpine/k8s:1.32.3"),
        ("quay.io/a/b:v1", "quay/a/b:v1"),
        ("gcr.io/istio-release", "gcr.io/istio-release"),
        ("nvcr.io/nvidia/tritonserver:23.05-py3", "nvcr.io/nvidia/tritonserver:23.05-py3"),
        (f"gcr.io/knative/queue@{DIGEST}", f"gcr.io/knative/queue@{DIGEST}"),
    ],
)
def test_what_an_image_is_called(image: str, name: str) -> None:
    assert SEAL.name(image) == f"{HOST}/kubeflow-dev/{name}"


def test_what_is_in_ecr_stays() -> None:
    add_on = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/coredns:v1"
    assert SEAL.name(add_on) == add_on


def test_a_locked_image_is_named_by_its_digest_and_one_without_a_tag_is_not() -> None:
    seal = Seal(
        host=HOST, prefix="p", digests={"quay.io/a/b:v1": DIGEST, "quay.io/a/b:": DIGEST, "quay.io/a/b": DIGEST}
    )
    assert seal.name("quay.io/a/b:v1") == f"{HOST}/p/quay.io/a/b:v1@{DIGEST}"
    assert seal.name("quay.io/a/b") == f"{HOST}/p/quay.io/a/b"


def test_knative_asks_the_account_s_registry_for_no_digest() -> None:
    """Its controller has none of the nodes' credentials, and fails a revision whose digest it cannot ask for."""
    plain: Manifest = {**config(), "metadata": {"name": "config-deployment", "namespace": "knative-serving"}}
    key = "registries-skipping-tag-resolving"
    (sealed,) = use_seal([plain], SEAL)
    assert sealed["data"][key] == f"kind.local,ko.local,dev.local,{HOST}"
    assert use_seal([sealed], SEAL) == [sealed]
    (added,) = use_seal([{**plain, "data": {key: "theirs.example"}}], SEAL)
    assert added["data"][key] == f"theirs.example,{HOST}"
    assert key not in use_seal([config()], SEAL)[0].get("data", {})


def test_a_serving_runtime_keeps_the_tag_that_kserve_writes_over() -> None:
    runtime = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "ClusterServingRuntime", "metadata": {"name": "a"}}
    runtime |= {"spec": {"containers": [{"name": "main", "image": "quay.io/a/b:v1"}]}}
    seal = Seal(host=HOST, prefix="p", digests={"quay.io/a/b:v1": DIGEST})
    (sealed,) = use_seal([runtime], seal)
    assert sealed["spec"]["containers"][0]["image"] == f"{HOST}/p/quay.io/a/b:v1"


def test_an_image_in_a_text_is_renamed_where_it_stands() -> None:
    text = "# keeps: gcr.io/a/b:v1.\nb: {image: mysql:8.0}\nlist: [x/y:v1, x/y:v1-gpu]\nhost: mysql:3306\n"
    (found,) = renamed([config(a=text, _example="image: quay.io/a/b:v1\n")], SEAL.name)
    at = f"{HOST}/kubeflow-dev"
    assert found["data"]["a"] == (
        f"# keeps: gcr.io/a/b:v1.\nb: {{image: {at}/hub/library/mysql:8.0}}\n"
        f"list: [{at}/hub/x/y:v1, {at}/hub/x/y:v1-gpu]\nhost: mysql:3306\n"
    )
    assert found["data"]["_example"] == "image: quay.io/a/b:v1\n"


def test_a_name_in_code_and_in_a_template_is_renamed() -> None:
    code = 'def settings(image="ghcr.io/kubeflow/kfp-frontend"):\n    return image\n'
    template = "{{ if .Wanted }}\n  - name: a\n    image: busybox:1.28\n{{ end }}\n"
    (found,) = renamed([config(code=code, template=template)], SEAL.name)
    assert f'image="{HOST}/kubeflow-dev/ghcr/kubeflow/kfp-frontend"' in found["data"]["code"]
    assert f"image: {HOST}/kubeflow-dev/hub/library/busybox:1.28\n" in found["data"]["template"]


@pytest.mark.parametrize(
    ("repository", "setting", "image"),
    [
        ("training-v1/training-operator", "--pytorch-init-container-image", "hub/library/alpine:3.10"),
        ("training-v1/training-operator", "--mpi-kubectl-delivery-image", "hub/kubeflow/kubectl-delivery:latest"),
        ("kfp-frontend", "VIEWER_TENSORBOARD_TF_IMAGE_NAME", "hub/tensorflow/tensorflow"),
    ],
)
def test_a_program_that_knows_an_image_is_told_the_seal_s(repository: str, setting: str, image: str) -> None:
    def told(container: dict[str, Any]) -> str:
        flags = dict(one.split("=") for one in container.get("args", []))
        return str({**flags, **{one["name"]: one["value"] for one in container.get("env", [])}}[setting])

    program = deployment(image=f"registry.test:5000/kubeflow/{repository}:v1@{DIGEST}")
    (sealed,) = use_seal([program], SEAL)
    assert told(sealed["spec"]["template"]["spec"]["containers"][0]) == f"{HOST}/kubeflow-dev/{image}"
    assert use_seal([sealed], SEAL) == [sealed]
    assert f"{HOST}/kubeflow-dev/{image}" in images([sealed])
    container = program["spec"]["template"]["spec"]["containers"][0]
    own = [f"{setting}=quay.io/a/own:v1"] if setting.startswith("--") else []
    container |= {"args": own} if own else {"env": [{"name": setting, "value": "quay.io/a/own:v1"}]}
    (kept,) = use_seal([program], SEAL)
    assert told(kept["spec"]["template"]["spec"]["containers"][0]) == f"{HOST}/kubeflow-dev/quay/a/own:v1"


def test_the_injector_takes_its_images_from_the_hub() -> None:
    values = '{"global": {"hub": "gcr.io/istio-release", "tag": "1.29.0", "proxy": {"image": "proxyv2"}}}'
    sealed = renamed([config(values=values)], SEAL.name)
    assert list(images(sealed)) == [f"{HOST}/kubeflow-dev/gcr.io/istio-release/proxyv2:1.29.0"]


WORDS = st.text("ab0", min_size=1, max_size=4)
PARTS = st.builds(
    "".join, st.lists(st.builds("{}{}".format, WORDS, st.sampled_from(["", "-b", "_0"])), min_size=1, max_size=2)
)
NAMES = st.builds(
    lambda host, path, tag: f"{host}{'/'.join(path)}{tag}",
    st.sampled_from(["", *(f"{one}/" for one in REGISTRIES), "registry.test:5000/"]),
    st.lists(PARTS, min_size=2, max_size=4),
    st.sampled_from([":v1", ":v1.2.3-gpu", ":Release_1", f"@{DIGEST}", f":v1@{DIGEST}"]),
)


@settings(max_examples=50)
@given(name=NAMES, before=st.text(alphabet="abz= ,'\"\n", max_size=12), after=st.text(alphabet=" ,'\"\n;", max_size=6))
def test_any_image_in_any_text_is_renamed_once_and_back(name: str, before: str, after: str) -> None:
    before = before and f"{before} "
    given_object = deployment(image=name, args=[f"{before}{name}{after}"])
    sealed = renamed([given_object], SEAL.name)
    (container,) = sealed[0]["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "main", "image": SEAL.name(name), "args": [f"{before}{SEAL.name(name)}{after}"]}
    assert renamed(sealed, SEAL.name) == sealed
    assert SEAL.source(SEAL.name(name)) == parse(name)


def test_what_ecr_does_not_fetch_is_copied_each_once() -> None:
    named = [
        *("quay.io/a/b:v1", "gcr.io/x/y:v1", f"gcr.io/x/queue@{DIGEST}", "nvcr.io/n/t:1", "mysql:8.0"),
        *("registry.test/tagged", "registry.test/tagged:2", "registry.test/alone"),
    ]
    copies = SEAL.copies(
        [SEAL.name(image) for image in named] + ["602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/x:1"]
    )
    assert [(str(one.source), one.repository, one.tag) for one in copies] == [
        (f"gcr.io/x/queue@{DIGEST}", "kubeflow-dev/gcr.io/x/queue", DIGEST.replace(":", "-")),
        ("gcr.io/x/y:v1", "kubeflow-dev/gcr.io/x/y", "v1"),
        ("nvcr.io/n/t:1", "kubeflow-dev/nvcr.io/n/t", "1"),
        ("registry.test/alone:latest", "kubeflow-dev/registry.test/alone", "latest"),
        ("registry.test/tagged:2", "kubeflow-dev/registry.test/tagged", "2"),
    ]


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_lock(tmp_path, "26.03") == {}
    assert (
        write_lock(tmp_path, "26.03", {"quay.io/b:1": DIGEST, "quay.io/a:1": DIGEST}) == tmp_path / "locks/26.03.json"
    )
    assert list(read_lock(tmp_path, "26.03")) == ["quay.io/a:1", "quay.io/b:1"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "locks/26.03.json is not JSON"),
        ("[]", "locks/26.03.json has no images; delete it"),
        ('{"release": "1.10.2", "images": {}}', "has the images of 1.10.2, and kubeflowRelease is 26.03; delete it"),
        ('{"release": "26.03", "images": {"a/b:1": "v2"}}', "says 'v2' of a/b:1, which is no digest; delete it"),
    ],
)
def test_a_lock_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path, text: str, error: str) -> None:
    path = write_lock(tmp_path, "26.03", {})
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(error)):
        read_lock(tmp_path, "26.03")
