"""A team at work: stacks side by side, a preview as a comment, a destroy that leaves nothing, and what is refused."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi import automation

import infra.aws.volume_classes
import tools
from localcloud import laptop, plane, plugin
from ops import new_stack
from ops.program import Program
from ops.project import PROJECT_ROOT
from ops.run import PARALLEL
from tests.local.aws_cloud import Cloud, running_cloud
from tests.local.cluster import Cluster, config_map, deployment, namespace, until
from tests.local.stack import REGION, aws_client, unavailable

SAMPLE = PROJECT_ROOT / "manifests" / "sample"
SECRET = "nobody-may-read-this"


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal, with a local stack of their own."""

    root: Path

    def types(self, *arguments: str, manifests: Path = SAMPLE) -> subprocess.CompletedProcess[str]:
        """`python -m ops` with these arguments, whatever becomes of it."""
        return subprocess.run(
            [sys.executable, "-m", "ops", *arguments],
            cwd=PROJECT_ROOT,
            env={**os.environ, "KUBEFLOW_LOCAL_ROOT": str(self.root), "KUBEFLOW_MANIFESTS": str(manifests)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def does(self, *arguments: str, manifests: Path = SAMPLE) -> str:
        """The same, which must succeed; its standard output."""
        done = self.types(*arguments, manifests=manifests)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def cluster(self) -> Cluster:
        """Their running cluster."""
        return Cluster(plane.start(self.root, pods="instant"))

    def aws(self, service: str) -> Any:
        """A client of their AWS."""
        return aws_client(service, laptop.client_environment(self.root))


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person whose local stack is up, with the sample in it."""
    somebody = Person(tmp_path_factory.mktemp("person"))
    try:
        somebody.does("up")
        yield somebody
    finally:
        laptop.stop(somebody.root)


def changed_sample(folder: Path) -> Path:
    """The sample with another image, one object less, and two more, of which one is a Secret."""
    shutil.copytree(SAMPLE, folder)
    objects = [one for one in yaml.safe_load_all((folder / "workloads.yaml").read_text()) if one]
    store = next(one for one in objects if (one["kind"], one["metadata"]["name"]) == ("StatefulSet", "store"))
    store["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/sample/store:2.0"
    kept = [one for one in objects if (one["kind"], one["metadata"]["name"]) != ("ConfigMap", "settings")]
    added = [
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": "added", "namespace": "sample-apps"}, **data}
        for kind, data in (("Secret", {"stringData": {"image": SECRET}}), ("ConfigMap", {"data": {"image": SECRET}}))
    ]
    (folder / "workloads.yaml").write_text(yaml.safe_dump_all([*kept, *added]))
    return folder


def test_a_preview_of_a_change_is_a_comment_with_the_dangerous_first(person: Person, tmp_path: Path) -> None:
    text = person.does("preview", "--format", "markdown", manifests=changed_sample(tmp_path / "changed"))
    assert text.startswith("## Preview of `local`: 1 to delete, 2 to update, 2 to create, ")
    deleted = text.index("| **deleted** | `sample-apps/settings` | `kubernetes:core/v1:ConfigMap` |")
    assert deleted < text.index("### Cost: +0.00 USD a month") < text.index("### Policies")
    assert "| sample-apps | 1 | 2 | 2 |" in text
    assert "`registry.example/sample/store:1.0` → `registry.example/sample/store:2.0`" in text
    assert SECRET not in text


def test_a_preview_that_fails_is_a_comment_too_and_an_error(person: Person, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "kustomization.yaml").write_text("resources: [missing.yaml]\n")
    done = person.types("preview", "--format", "markdown", manifests=broken)
    assert done.returncode == 1
    assert done.stdout.startswith("## Preview of `local` failed")
    assert "missing.yaml" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_destroy_drains_the_cluster_first_and_what_is_left_in_aws_is_found_and_deleted(person: Person) -> None:
    cluster, ec2 = person.cluster, person.aws("ec2")
    place = {"namespace": "sample-apps"}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "planted", **place},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "planted", **place},
            "spec": {"defaultBackend": {"service": {"name": "planted", "port": {"number": 80}}}},
        },
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "Profile",
            "metadata": {"name": "bob"},
            "spec": {"owner": {"kind": "User", "name": "bob@example.com"}},
        },
    )
    until(lambda: cluster.get("namespace", "bob"), "the profile's namespace")
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "home", "namespace": "bob"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "sample-disk",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "notebook-0", "namespace": "bob"},
            "spec": {
                "containers": [{"name": "main", "image": "none"}],
                "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}],
            },
        },
    )
    until(lambda: bound(cluster, "bob", "home"), "the claim is bound")
    tags = [{"Key": "kubernetes.io/cluster/kubeflow-local", "Value": "owned"}]
    volume = ec2.create_volume(
        AvailabilityZone=f"{REGION}a", Size=10, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )["VolumeId"]
    elb = person.aws("elbv2")
    [elsewhere, *_] = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    elb.create_load_balancer(Name="planted", Type="network", Subnets=[elsewhere["SubnetId"]], Tags=tags)
    in_use = person.types("leftovers", "--delete", "--yes")
    assert "created by its cluster, and in use" in in_use.stdout
    assert in_use.returncode == 1
    assert "run `make destroy STACK=local`" in in_use.stderr

    output = person.does("destroy")
    assert "deleted 1 object that people made of the platform's kinds" in output, "the Profile, with all in it"
    assert "drained 1 Ingress, 4 PersistentVolumeClaims, 1 Service in " in output
    assert cluster.get("persistentvolumes") is None
    assert cluster.get("namespace", "bob") is None

    listed = person.does("leftovers")
    assert volume in listed
    assert "planted" in listed
    assert "17.22" in listed, "16.42 + 0.80 USD a month"
    # The third is the load balancer's interface, which goes after it.
    assert "deleted 3 of 3" in person.does("leftovers", "--delete", "--yes")
    assert "local: nothing is left in us-west-2." in person.does("leftovers")
    assert elb.describe_load_balancers()["LoadBalancers"] == []


def bound(cluster: Cluster, namespace: str, claim: str) -> bool:
    found = cluster.at("persistentvolumeclaim", claim, "-n", namespace)
    return bool(found["status"].get("phase") == "Bound")


@dataclass(frozen=True)
class Team:
    """Settings files, one account, and the one API server that the stand-in for EKS gives every cluster."""

    folder: Path
    cloud: Cloud
    cluster: Cluster

    def stack(self, name: str) -> automation.Stack:
        """The stack that a settings file describes, with the project's own program, a password and a small platform."""
        stack = automation.create_stack(
            stack_name=name,
            project_name="kubeflow",
            program=Program(),
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(self.folder), env_vars=self.cloud.environment, pulumi_home=str(self.folder / "home")
            ),
        )
        stack.set_config("dashboardPassword", automation.ConfigValue("correct horse", secret=True))
        stack.set_config("kubeflowArtifacts", automation.ConfigValue("release"))
        stack.set_config("kubeflowPath", automation.ConfigValue(str(self._platform(name))))
        return stack

    def _platform(self, name: str) -> Path:
        """What a stack installs, in a namespace of its own: on one API server the same platform would collide."""
        folder = self.folder / name
        folder.mkdir()
        objects = [namespace(name), config_map(name, "settings", owner=name), deployment(name, "app")]
        (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))
        (folder / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
        return folder


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    monkeypatch.setenv("PATH", str(tools.ensure("pulumi")["pulumi"].parent), prepend=os.pathsep)
    # There state in files is refused.
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("KUBEFLOW_MANIFESTS", raising=False)
    # Classes belong to the cluster, and here two clusters are one.
    for kind in ("storage", "snapshots"):
        monkeypatch.setattr(
            infra.aws.volume_classes, kind, lambda name, opts: pulumi.ComponentResource("test:None", name, None, opts)
        )
    with ExitStack() as stack:
        (tmp_path / "cloud").mkdir()
        plugin.install(tmp_path / "home")
        stack.callback(plane.stop, tmp_path, wipe=True)
        started = plane.start(tmp_path)
        cloud = stack.enter_context(running_cloud(tmp_path / "cloud", started.kubeconfig))
        cloud.environment.update(plugin.patches(forced=True))
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        yield Team(tmp_path, cloud, Cluster(started))


def test_two_stacks_of_two_people_live_side_by_side(team: Team) -> None:
    cloud, cluster = team.cloud, team.cluster
    owners = {"dev-blue": "alice", "dev-red": "bob"}
    stacks = {}
    for name, owner in owners.items():
        new_stack.create(name, folder=team.folder, owner=owner)
        stacks[name] = team.stack(name)
        stacks[name].up(parallel=PARALLEL)

    ec2, eks, s3 = (cloud.client(service) for service in ("ec2", "eks", "s3"))
    blocks = {}
    for name, owner in owners.items():
        [vpc] = ec2.describe_vpcs(Filters=[{"Name": "tag:pulumi:stack", "Values": [name]}])["Vpcs"]
        blocks[name] = vpc["CidrBlock"]
        tags = {tag["Key"]: tag["Value"] for tag in vpc["Tags"]}
        assert (tags["stack"], tags["owner"]) == (name, owner)
    assert blocks == {"dev-blue": "10.1.0.0/16", "dev-red": "10.2.0.0/16"}
    assert sorted(eks.list_clusters()["clusters"]) == ["kubeflow-dev-blue", "kubeflow-dev-red"]
    assert len(s3.list_buckets()["Buckets"]) == 2
    for name in owners:
        assert cluster.at("configmap", "settings", "-n", name)["data"] == {"owner": name}
        assert unavailable(cluster) == []

    stacks["dev-blue"].destroy(parallel=PARALLEL)
    assert eks.list_clusters()["clusters"] == ["kubeflow-dev-red"]
    assert ec2.describe_vpcs(Filters=[{"Name": "tag:pulumi:stack", "Values": ["dev-blue"]}])["Vpcs"] == []
    assert cluster.get("namespace", "dev-blue") is None
    assert cluster.at("configmap", "settings", "-n", "dev-red")["data"] == {"owner": "dev-red"}
    [bucket] = s3.list_buckets()["Buckets"]
    assert bucket["Name"].startswith("kubeflow-dev-red")
    stacks["dev-red"].refresh(parallel=PARALLEL)
    unchanged = stacks["dev-red"].preview(parallel=PARALLEL).change_summary
    assert set(map(str, unchanged)) == {"same"}, unchanged
    stacks["dev-red"].destroy(parallel=PARALLEL)
