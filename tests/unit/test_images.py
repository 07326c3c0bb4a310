"""Images from ECR: what the program makes for it, what must be there first, and what is refused in a sentence."""

import functools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pulumi
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.aws.deployer import TYPES
from infra.aws.kept import Kept, caches, look, names
from infra.aws.upstreams import UPSTREAMS, cached, prefix
from infra.images import absent, check_lock, check_secrets, seal_of, sentence
from infra.kubeflow.load import LoadedRelease
from infra.kubeflow.sealed import Seal, pulled, use_seal, write_lock
from infra.program import program, run
from infra.settings import SettingsError
from ops.mirror import mirror
from ordering.errors import UserError
from ordering.graph import build
from ordering.manifests.objects import Manifest
from tests.unit.inputs import inputs
from tests.unit.kubeflow.test_images import config, deployment
from tests.unit.mocks import ACCOUNT, Recording, record
from tests.unit.settings_source import settings

REGION = "us-west-2"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
DIGEST, OTHER = "sha256:" + "5" * 64, "sha256:" + "7" * 64
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:ecr-pullthroughcache/hub-AbCdEf"
RELEASE = [deployment(image="quay.io/a/b:v1"), config(proxy="gcr.io/x/y:v1")]
OURS = {"pulumi:project": "kubeflow", "pulumi:stack": "dev"}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    client.cache_clear()
    with mock_aws():
        yield


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def seal(tmp_path: Path, digests: dict[str, str] | None = None, **changes: Any) -> Seal:
    write_lock(tmp_path, "26.03", digests or {})
    found = seal_of(settings(imagesFrom="ecr", **changes), ACCOUNT, tmp_path)
    assert found
    return found


def made(tmp_path: Path, kept: Kept | None = None, **changes: Any) -> Recording:
    given = inputs(imagesFrom="ecr", kept=kept, **changes)
    sealed = seal(tmp_path, **changes)
    objects = use_seal(RELEASE, sealed)
    release = LoadedRelease(source=given.release.source, objects=objects, graph=build(objects))
    return record(lambda: program(replace(given, seal=sealed, release=release)).export())


def test_without_the_setting_nothing_is_made() -> None:
    found = record(lambda: program(inputs()).export())
    assert not [one for one in found.resources if "pullThrough" in one.type or "CreationTemplate" in one.type]


def test_ecr_fetches_from_those_that_want_no_credentials_and_those_it_has_some_for(tmp_path: Path) -> None:
    found = made(tmp_path, imagesSecrets={"docker.io": SECRET})
    rules = {one.inputs["ecrRepositoryPrefix"]: one for one in found.all("PullThroughCacheRule")}
    assert {key: one.inputs["upstreamRegistryUrl"] for key, one in rules.items()} == {
        "kubeflow-dev/ecr": "public.ecr.aws",
        "kubeflow-dev/k8s": "registry.k8s.io",
        "kubeflow-dev/quay": "quay.io",
        "kubeflow-dev/hub": "registry-1.docker.io",
    }
    assert rules["kubeflow-dev/hub"].inputs["credentialArn"] == SECRET
    assert "credentialArn" not in rules["kubeflow-dev/quay"].inputs
    template = found.one("RepositoryCreationTemplate")
    assert (template.inputs["prefix"], template.inputs["appliedFors"]) == ("kubeflow-dev", ["PULL_THROUGH_CACHE"])
    [rule] = json.loads(template.inputs["lifecyclePolicy"])["rules"]
    assert rule["selection"]["countNumber"] == 100
    assert all(template.name in one.depends_on for one in rules.values())


def test_nodes_may_have_images_fetched_into_the_stacks_own_repositories_alone(tmp_path: Path) -> None:
    policy = made(tmp_path).one("RolePolicy", "kubeflow-dev-images")
    [statement] = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Action"] == ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
    assert statement["Resource"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/kubeflow-dev/*"
    assert policy.inputs["role"].startswith("kubeflow-dev-node")


def test_no_pod_starts_before_its_image_is_available(tmp_path: Path) -> None:
    found = made(tmp_path)
    workload = next(one for one in found.resources if one.type.endswith(":Deployment"))
    assert {"kubeflow-dev-images", "kubeflow-dev-images-quay"} <= workload.depends_on


def test_copies_are_taken_over_and_those_of_other_releases_stay(tmp_path: Path) -> None:
    ids = ("kubeflow-dev/gcr.io/x/y", "kubeflow-dev/gcr.io/old")
    found = {
        one.inputs["name"]: one for one in made(tmp_path, Kept(images=ids)).all("Repository") if "name" in one.inputs
    }
    assert found.keys() == set(ids)
    assert {one.import_id for one in found.values()} == set(ids)
    for one in found.values():
        assert one.retain_on_delete
        assert one.inputs["imageTagMutability"] == "IMMUTABLE"
        assert one.inputs["imageScanningConfiguration"] == {"scanOnPush": True}


def test_where_ecr_fetches_nothing_everything_is_copied() -> None:
    assert cached("us-gov-west-1", []) == cached("cn-north-1", ["docker.io"]) == {}


@pytest.mark.parametrize(
    "name", ["kubeflow-dev", "kubeflow-" + "a" * 30, "Kube_flow-My.Stack", "kubeflow-prod-eu-blue-2"]
)
def test_a_rules_prefix_is_one_that_ecr_takes(name: str) -> None:
    shape = client("ecr").meta.service_model.operation_model("CreatePullThroughCacheRule").input_shape
    pattern = shape.members["ecrRepositoryPrefix"].metadata["pattern"]
    import re

    for upstream in UPSTREAMS.values():
        found = f"{prefix(name)}/{upstream.short}"
        assert re.fullmatch(pattern, found)
        assert len(found) <= 30


def test_two_names_that_read_alike_have_two_prefixes() -> None:
    assert prefix("kubeflow-a.b") != prefix("kubeflow-a-b") == "kubeflow-a-b"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"imagesFrom": "quay"}, "imagesFrom 'quay' is not one of release, ecr."),
        (
            {"imagesFrom": "ecr", "clusterMode": "existing", "clusterContext": "lab"},
            "imagesFrom 'ecr' needs the nodes of a cluster to create; set it to release, or clusterMode to create.",
        ),
        (
            {"imagesSecrets": {"docker.io": SECRET}},
            "imagesSecrets is for images from ECR; set imagesFrom to ecr, or remove it.",
        ),
        (
            {"imagesFrom": "ecr", "imagesSecrets": {"gcr.io": SECRET}},
            "imagesSecrets names 'gcr.io', and ECR takes a secret for docker.io and ghcr.io; name those.",
        ),
        (
            {"imagesFrom": "ecr", "imagesSecrets": {"ghcr.io": "token"}},
            "imagesSecrets has 'token' for ghcr.io, which is not the ARN of a secret whose name starts with "
            "ecr-pullthroughcache/, as ECR wants it; store one under such a name.",
        ),
        (
            {"imagesFrom": "ecr", "imagesSecrets": {"ghcr.io": SECRET.replace(REGION, "us-east-1")}},
            "imagesSecrets has a secret of us-east-1 for ghcr.io, and ECR reads those of us-west-2 alone; "
            "store it there.",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**changes)
    assert problem in caught.value.problems


def test_an_image_that_the_lock_misses_is_named(tmp_path: Path) -> None:
    sealed = seal(tmp_path, {"quay.io/a/b:v1": DIGEST})
    with pytest.raises(UserError) as caught:
        check_lock(settings(imagesFrom="ecr"), sealed, use_seal(RELEASE, sealed), tmp_path)
    assert str(caught.value) == ("locks/26.03.json has no digest of gcr.io/x/y:v1; run `make images-lock STACK=dev`.")
    whole = seal(tmp_path, {"quay.io/a/b:v1": DIGEST, "gcr.io/x/y:v1": DIGEST})
    check_lock(settings(imagesFrom="ecr"), whole, use_seal(RELEASE, whole), tmp_path)
    assert f"{HOST}/kubeflow-dev/gcr.io/x/y:v1@{DIGEST}" in pulled(use_seal(RELEASE, whole))


def test_a_secret_that_is_not_there_is_named_and_one_that_nobody_may_see_is_not() -> None:
    found = settings(imagesFrom="ecr", imagesSecrets={"docker.io": SECRET})
    with pytest.raises(
        UserError, match=r"^imagesSecrets has arn:.* for docker.io, and Secrets Manager has no such secret"
    ):
        check_secrets(client, found)

    class Refusing:
        def describe_secret(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeSecret")

    check_secrets(lambda _: Refusing(), found)
    arn = client("secretsmanager").create_secret(Name="ecr-pullthroughcache/hub", SecretString="{}")["ARN"]
    check_secrets(client, settings(imagesFrom="ecr", imagesSecrets={"docker.io": arn}))


class Copying:
    """Registries whose copies land in ECR; those of a host can be made to refuse."""

    def __init__(self, refusing: str = "nowhere") -> None:
        self.refusing, self.copied = refusing, dict[str, str]()

    def digest(self, image: str) -> str:
        return DIGEST

    def copy(self, source: str, to: str) -> None:
        if source.startswith(self.refusing):
            raise UserError(f"{source} is not copied to {to}: UNAUTHORIZED; sign in there with `docker login`.")
        self.copied[to] = source
        repository, _, tag = to.removeprefix(f"{HOST}/").partition(":")
        manifest = json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json", "of": source})
        client("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)


def test_what_is_missing_is_copied_once_into_repositories_of_the_stack(tmp_path: Path) -> None:
    sealed = seal(tmp_path)
    objects = use_seal(RELEASE, sealed)
    missing = absent(client("ecr"), sealed, objects)
    assert sentence(settings(imagesFrom="ecr"), missing) == (
        "ECR does not have kubeflow-dev/gcr.io/x/y:v1, and fetches none of these by itself; run `make mirror "
        "STACK=dev`, which copies them."
    )
    registries, said = Copying(), list[str]()
    mirror(client("ecr"), registries, sealed, missing, OURS, said.append)
    assert registries.copied == {f"{HOST}/kubeflow-dev/gcr.io/x/y:v1": "gcr.io/x/y:v1"}
    assert said == ["1 of 1: kubeflow-dev/gcr.io/x/y:v1"]
    assert absent(client("ecr"), sealed, objects) == []
    assert look(client, settings(imagesFrom="ecr")).images == ("kubeflow-dev/gcr.io/x/y",)
    assert look(client, settings()).images == ()


def test_a_digest_of_the_lock_that_ecr_does_not_have_is_missing_though_its_tag_is_there(tmp_path: Path) -> None:
    before = seal(tmp_path)
    mirror(client("ecr"), Copying(), before, absent(client("ecr"), before, use_seal(RELEASE, before)), OURS, print)
    locked = seal(tmp_path, {"gcr.io/x/y:v1": OTHER})
    missing = absent(client("ecr"), locked, use_seal(RELEASE, locked))
    assert [str(one.source) for one in missing] == [f"gcr.io/x/y:v1@{OTHER}"]
    registries = Copying()
    mirror(client("ecr"), registries, locked, missing, OURS, print)
    # A tag never moves there: pods by the older digest find it until they go.
    assert registries.copied == {f"{HOST}/kubeflow-dev/gcr.io/x/y:v1-777777777777": f"gcr.io/x/y@{OTHER}"}


def test_a_registry_that_refuses_is_named_and_the_rest_is_copied(tmp_path: Path) -> None:
    sealed = seal(tmp_path)
    objects: list[Manifest] = use_seal([*RELEASE, config(other="nvcr.io/n/tool:v1")], sealed)
    registries = Copying(refusing="gcr.io")
    with pytest.raises(
        UserError, match=r"^1 of 2 images were not copied, .*\n  - gcr.io/x/y:v1 is not copied to .*: UNAUTH"
    ):
        mirror(client("ecr"), registries, sealed, absent(client("ecr"), sealed, objects), OURS, print)
    assert list(registries.copied.values()) == ["nvcr.io/n/tool:v1"]


def test_somebody_elses_repository_among_the_copies_is_refused_and_what_ecr_fetched_is_no_copy() -> None:
    client("ecr").create_repository(repositoryName="kubeflow-dev/quay/a/b")
    found = settings(imagesFrom="ecr")
    assert look(client, found).images == ()
    assert caches(client, names(found)) == ["kubeflow-dev/quay/a/b"]
    client("ecr").create_repository(repositoryName="kubeflow-dev/gcr.io/x/y")
    with pytest.raises(UserError, match=r"^ECR has a repository kubeflow-dev/gcr.io/x/y, where the stack keeps copies"):
        look(client, found)


def test_a_run_makes_nothing_while_an_image_is_missing_and_a_preview_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(inputs(imagesFrom="ecr"), uncopied="ECR does not have x; run `make mirror STACK=dev`.")
    monkeypatch.setattr("infra.inputs.read", lambda _: given)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match=r"^ECR does not have x; run `make mirror STACK=dev`\.$"):
        run(Path())


def test_whoever_deploys_may_make_what_the_component_makes() -> None:
    assert {one for one in TYPES if one.startswith("aws:ecr/")} >= {
        "aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
        "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate",
    }
