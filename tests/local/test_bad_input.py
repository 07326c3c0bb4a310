"""Bad input through the real command: one sentence that says what to fix, and nothing is made."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from localcloud import emulator, laptop
from tests.local.issuer import answering
from tests.local.stack import Checkout, changes, checked_out, world

HOST, CERTIFICATE = (
    "kubeflow.example.com",
    "arn:aws:acm:{}:123456789012:certificate/12345678-1234-1234-1234-123456789012",
)
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: default}
"""
UNREACHABLE = """
apiVersion: v1
kind: Config
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: me}}]
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: x}}]
"""
BOATS = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.sea.test}
spec:
  group: sea.test
  scope: Namespaced
  names: {kind: Boat, plural: boats}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {sails: {type: integer}}}}}
"""
BOAT = "apiVersion: sea.test/v1\nkind: Boat\nmetadata: {name: dinghy, namespace: default}\nspec: {sials: 1}\n"


@dataclass(frozen=True)
class Bad:
    """Settings, or the files of a release (name to content), and words that the sentence must have."""

    words: tuple[str, ...]
    settings: Mapping[str, Any]
    files: Mapping[str, str] | None = None


def settings(*words: str, **values: Any) -> Bad:
    return Bad(words, values)


def address(*words: str, zone: str = "", certificate: str = "") -> Bad:
    given = {"addressHost": HOST, "addressZone": zone, "addressCertificate": certificate, "addressCidrs": ["0.0.0.0/0"]}
    return Bad(words, given)


def login(*words: str, issuer: str) -> Bad:
    given = {"login": "oidc", "loginIssuer": issuer, "loginClientId": "kubeflow", "loginClientSecret": "theirs"}
    return Bad(words, {**given, "dashboardUser": "ada@example.com"})


def release(*words: str, **files: str) -> Bad:
    return Bad(words, {"kubeflowPath": "bad"}, {f"{name}.yaml": content for name, content in files.items()})


def kustomization(*names: str) -> str:
    return f"resources: [{', '.join(f'{name}.yaml' for name in names)}]\n"


CASES = {
    "a misspelt setting": settings("networkCidir", "networkCidr", networkCidir="10.0.0.0/16"),
    "a block too small": settings("networkCidr", "10.0.0.0/24", networkCidr="10.0.0.0/24"),
    "a block that overlaps Services": settings("networkCidr", "172.20.0.0/16", networkCidr="172.20.0.0/16"),
    "one zone": settings("networkZones", "2", networkZones=["us-west-2a"]),
    "a version out of support": settings("clusterVersion", "1.29", clusterVersion="1.29"),
    "nodes too small": settings(
        "t3.medium", "pods", nodesInstanceType="t3.medium", nodesMin=1, nodesDesired=1, nodesMax=1
    ),
    "fewest above most": settings("nodesMin", "nodesDesired", nodesMin=6, nodesDesired=5, nodesMax=8),
    "a cluster that does not answer": Bad(
        ("127.0.0.1:1", "lab", "cannot be reached"),
        {"clusterMode": "existing", "clusterKubeconfig": "bad/lab.yaml"},
        {"lab.yaml": UNREACHABLE},
    ),
    "a managed database without a network": settings(
        "database", "clusterMode", database="rds", clusterMode="existing", clusterContext="lab"
    ),
    "a class that is none of RDS": settings(
        "m7g.large", "db.m7g.large", database="rds", databaseInstanceClass="m7g.large"
    ),
    "a certificate of another region": address("us-east-1", "us-west-2", certificate=CERTIFICATE.format("us-east-1")),
    "a certificate that is not there": address(
        "no certificate of this account", certificate=CERTIFICATE.format("us-west-2")
    ),
    "a zone that is not there": address("no Route 53 zone of this account", zone="Z0123456789ABC"),
    "an issuer that does not answer": login("http://127.0.0.1:1", "does not answer", issuer="http://127.0.0.1:1"),
    "a release that is nowhere": settings("kubeflowPath", "nowhere", kubeflowPath="nowhere"),
    "a folder without a kustomization": release("bad", "kustomization", other=CONFIG_MAP),
    "a file that is not YAML": release(
        "broken.yaml:3", kustomization=kustomization("broken"), broken="a: b\nc: d\n  e: f\n"
    ),
    "an object twice": release(
        "ConfigMap", "settings", kustomization=kustomization("one", "two"), one=CONFIG_MAP, two=CONFIG_MAP
    ),
    "an object without a kind": release(
        "kind", kustomization=kustomization("one"), one="apiVersion: v1\nmetadata: {name: a}\n"
    ),
    "an object without a name": release(
        "name", kustomization=kustomization("one"), one="apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"
    ),
    "an object without a version": release(
        "apiVersion", kustomization=kustomization("one"), one="kind: ConfigMap\nmetadata: {name: a}\n"
    ),
    "a name that the cluster would make": release(
        "metadata.name",
        kustomization=kustomization("one"),
        one="apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n",
    ),
    "a field that its definition has not": release(
        "Boat default/dinghy",
        "spec.sials",
        kustomization=kustomization("one"),
        one=f"{BOATS}---\n{BOAT}",
    ),
    "a kind that nobody defines": release(
        "Boat default/dinghy", "add its definition", kustomization=kustomization("one"), one=BOAT
    ),
    "a namespace that nobody makes": release(
        "Namespace harbour",
        kustomization=kustomization("one"),
        one=CONFIG_MAP.replace("default", "harbour"),
    ),
    "a value of the wrong type": release(
        "data.deep = 5", "put it in quotes", kustomization=kustomization("one"), one=f"{CONFIG_MAP}data: {{deep: 5}}\n"
    ),
    "an API that is not served any more": release(
        "policy/v1beta1",
        "PodDisruptionBudget",
        kustomization=kustomization("one"),
        one="apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a, namespace: default}\n",
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("bad")) as made:
        yield made


@pytest.fixture(scope="module")
def before(checkout: Checkout) -> set[str]:
    """What the laptop holds before anything is tried."""
    emulator.start(checkout.root)
    return world(checkout)


@pytest.fixture
def project(checkout: Checkout) -> Iterator[Checkout]:
    """The checkout, whose settings and files are afterwards what they were."""
    kept = {path: path.read_text() for path in checkout.root.glob("Pulumi.*.yaml")}
    yield checkout
    for path, content in kept.items():
        path.write_text(content)
    shutil.rmtree(checkout.root / "bad", ignore_errors=True)


def refused(checkout: Checkout, *arguments: str) -> str:
    """The one sentence that a command fails with."""
    done = checkout.ops(*arguments)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    sentence = done.stderr.strip()
    assert sentence.startswith("error: "), sentence
    assert len(sentence.splitlines()) == 1, sentence
    return sentence


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES)
def test_up_says_what_is_wrong_and_makes_nothing(project: Checkout, before: set[str], bad: Bad) -> None:
    project.configure(bad.settings)
    for name, content in (bad.files or {}).items():
        path = project.root / "bad" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    checkout = replace(project, manifests=None) if "kubeflowPath" in bad.settings else project
    refuses(checkout, bad)


def refuses(checkout: Checkout, bad: Bad) -> None:
    sentence = refused(checkout, "up")
    assert [word for word in bad.words if word not in sentence] == []
    assert [one for one in checkout.resources().values() if one.get("custom")] == []


def test_up_refuses_a_zone_and_a_certificate_of_another_host(project: Checkout, before: set[str]) -> None:
    route53, acm = project.aws("route53"), project.aws("acm")
    made = route53.create_hosted_zone(Name="example.org", CallerReference="bad")["HostedZone"]["Id"]
    certificate = acm.request_certificate(DomainName="*.example.org", ValidationMethod="DNS")["CertificateArn"]
    zone = made.rpartition("/")[2]
    try:
        for bad in (
            address(f"addressZone {zone} is the zone example.org, which does not own {HOST}", zone=zone),
            address(f"is for *.example.org, not for {HOST}", certificate=certificate),
        ):
            project.configure(bad.settings)
            refuses(project, bad)
    finally:
        route53.delete_hosted_zone(Id=made)
        acm.delete_certificate(CertificateArn=certificate)


def test_up_refuses_an_issuer_that_is_another(project: Checkout, before: set[str]) -> None:
    with answering() as issuer:
        bad = login(f"loginIssuer {issuer}/ says that its issuer is '{issuer}'", issuer=f"{issuer}/")
        project.configure(bad.settings)
        refuses(project, bad)


def test_a_well_known_password_is_for_the_laptop_only(project: Checkout, before: set[str]) -> None:
    shutil.copy(project.root / "Pulumi.dev.yaml", project.root / "Pulumi.dev-blue.yaml")
    given = {"DASHBOARD_PASSWORD": "12341234", **in_emulator(project)}
    known = replace(project, environment=given)
    assert "12341234 is public" in refused(known, "password", "--stack", "dev-blue")
    assert "dashboardPassword is not set" in refused(known, "up", "--stack", "dev-blue")
    (project.root / "Pulumi.dev-blue.yaml").unlink()


def test_aws_wants_credentials(project: Checkout, before: set[str]) -> None:
    shutil.copy(project.root / "Pulumi.dev.yaml", project.root / "Pulumi.dev-red.yaml")
    given = {
        "DASHBOARD_PASSWORD": "correct horse battery",
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    nobody = replace(project, environment=given)
    nobody.must("password", "--stack", "dev-red")
    assert "credentials" in refused(nobody, "up", "--stack", "dev-red")
    (project.root / "Pulumi.dev-red.yaml").unlink()


def test_a_preview_and_a_refused_up_change_no_byte_of_the_settings_and_make_no_stack(
    project: Checkout, before: set[str], tmp_path: Path
) -> None:
    file = project.root / "Pulumi.dev-green.yaml"
    file.write_text("# No salt.\nconfig:\n  aws:region: us-west-2\n  kubeflow:emulated: true\n  kubeflow:nodesMax: 9\n")
    backend = tmp_path / "backend"
    backend.mkdir()
    with laptop.running(project.root, pods="instant", report=lambda _: None) as running:
        given = {
            **running.environment,
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "a private one",
        }
        shared = replace(project, environment=given)
        # The engine writes its marker of a backend when it first looks at one.
        shared.ops("destroy", "--stack", "dev-green", "--yes")
        kept = files(backend), file.read_bytes()
        told = shared.must("preview", "--stack", "dev-green")
        assert changes(told)["create"] > 100
        assert (files(backend), file.read_bytes()) == kept
        done = shared.ops("up", "--stack", "dev-green")
        assert "Nobody answered, and nothing was changed" in done.stderr
        assert (files(backend), file.read_bytes()) == kept
    file.unlink()


def test_a_refused_first_up_leaves_no_stack_in_files_of_the_checkout(project: Checkout, before: set[str]) -> None:
    shutil.rmtree(project.state, ignore_errors=True)
    project.configure({"kubeflowPath": "nowhere"})
    refused(replace(project, manifests=None), "up")
    # The lock stays as after any run, and so does what the history says of this one.
    left = [path.name for path in (project.state / ".pulumi" / "stacks").rglob("local*") if path.suffix != ".lock"]
    assert left == []


def test_nothing_was_made_by_all_that(checkout: Checkout, before: set[str]) -> None:
    assert world(checkout) ^ before == set()


def files(folder: Path) -> dict[str, bytes]:
    """All that a folder holds, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def in_emulator(checkout: Checkout) -> dict[str, str]:
    """An AWS account for a stack that is not the laptop's."""
    return emulator.environment(checkout.root)
