"""Three callers of one stack on AWS, with IAM judged: who creates its cluster, another deployer, and CI's preview role.

The plane stands for EKS's API server: the kubeconfig that the eks stand-in hands out lets in whom EKS would
(`localcloud/eks/access.py`, which says what it does not judge).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pulumi import automation
from rich.console import Console

import tools
from infra.aws import deployer, iam, standing
from localcloud import emulator, plane, plugin
from localcloud.aws import eks
from localcloud.aws.record import Record
from ops import run
from ops.bring_up import bring_up
from ops.program import Program
from ops.progress import Tracker
from ops.project import PROJECT_ROOT
from ops.run import Ground, Session
from ordering.errors import UserError
from tests.local.aws_cloud import Cloud, emulated, serving
from tests.local.cluster import Cluster, config_map, namespace
from tests.local.stack import REGION, aws_client
from tests.unit.settings_source import settings

NAME = "dev"
START = f"arn:aws:iam::{emulator.ACCOUNT}"


@dataclass
class Person:
    """A caller at a terminal, and what the terminal said."""

    cloud: Cloud
    folder: Path
    said: list[str] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[Session]:
        """The stack, opened by the program's own commands with the caller's credentials."""
        with pytest.MonkeyPatch.context() as env:
            for name, value in self.cloud.environment.items():
                env.setenv(name, value)
            program = Program()
            stack = automation.create_or_select_stack(
                stack_name=NAME,
                project_name="kubeflow",
                program=program,
                opts=automation.LocalWorkspaceOptions(
                    work_dir=str(self.folder),
                    env_vars=self.cloud.environment,
                    pulumi_home=str(self.folder / "home"),
                ),
            )
            with (self.folder / "terminal").open("w+") as terminal:
                tracker = Tracker(console=Console(file=terminal, width=1000))
                yield Session(stack=stack, program=program, tracker=tracker, ground=Ground())
                terminal.seek(0)
                self.said = terminal.read().splitlines()

    def up(self) -> dict[str, int]:
        with self.at_work() as session:
            run.up(session)
            return session.tracker.changes

    def protected(self) -> set[str]:
        """The types of what the state protects."""
        with self.at_work() as session:
            deployment = session.stack.export_stack().deployment or {}
        return {one["type"] for one in deployment["resources"] if one.get("protect")}

    def preview(self) -> tuple[dict[str, int], tuple[str, ...]]:
        with self.at_work() as session:
            return run.preview(session), session.program.notices


@dataclass
class World:
    """The stack's folder, its cluster, and the callers by name."""

    folder: Path
    cluster: Cluster
    operator: dict[str, str]
    people: dict[str, Person]

    def configure(self, **settings: object) -> None:
        path = self.folder / f"Pulumi.{NAME}.yaml"
        content = yaml.safe_load(path.read_text())
        content["config"] |= {f"kubeflow:{key}": value for key, value in settings.items()}
        path.write_text(yaml.safe_dump(content))

    def entries(self) -> set[str]:
        found = aws_client("eks", self.operator).list_access_entries(clusterName=f"kubeflow-{NAME}")["accessEntries"]
        return {arn.rpartition(":")[2] for arn in found}

    def installed(self) -> str:
        return str(self.cluster.at("configmap", "settings", "-n", "platform")["data"]["value"])

    def install(self, data: str) -> None:
        objects = [namespace("platform"), config_map("platform", "settings", value=data)]
        (self.folder / "platform" / "objects.yaml").write_text(yaml.safe_dump_all(objects))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("Pulumi.yaml", f"Pulumi.{NAME}.yaml"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    monkeypatch.setenv("PATH", str(tools.ensure("pulumi")["pulumi"].parent), prepend=os.pathsep)
    for name in ("CI", "KUBEFLOW_MANIFESTS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        (tmp_path / "cloud").mkdir()
        plugin.install(tmp_path / "home")
        stack.callback(plane.stop, tmp_path, wipe=True)
        started = plane.start(tmp_path)
        operator = stack.enter_context(emulated(tmp_path / "cloud", started.kubeconfig))
        callers = {
            name: Person(
                stack.enter_context(serving(tmp_path / "cloud", {**operator, **plugin.patches(forced=True), **keys})),
                tmp_path,
            )
            for name, keys in credentials(operator).items()
        }
        found = World(tmp_path, Cluster(started), operator, callers)
        found.install("first")
        with callers["creator"].at_work() as session:
            session.stack.set_config("dashboardPassword", automation.ConfigValue("correct horse", secret=True))
        found.configure(kubeflowPath=str(tmp_path / "platform"), kubeflowArtifacts="release")
        yield found


def credentials(operator: dict[str, str]) -> dict[str, dict[str, str]]:
    """A user who deploys, and sessions of two roles, one that deploys and one that previews; each with its policy."""
    users = aws_client("iam", operator)
    trust = iam.to_json(iam.principal_trust_policy([iam.account_root(REGION, emulator.ACCOUNT)]))
    policies = {
        name: users.create_policy(PolicyName=name, PolicyDocument=iam.to_json(document))["Policy"]["Arn"]
        for name, document in (("deploys", deployer.policy()), ("previews", deployer.preview_policy()))
    }
    users.create_user(UserName="ada", Path="/people/")
    users.attach_user_policy(UserName="ada", PolicyArn=policies["deploys"])
    key = users.create_access_key(UserName="ada")["AccessKey"]
    found = {"creator": {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}}
    for role, policy in (("deploy", "deploys"), ("preview", "previews")):
        users.create_role(RoleName=role, Path="/ci/", AssumeRolePolicyDocument=trust)
        users.attach_role_policy(RoleName=role, PolicyArn=policies[policy])
        taken = aws_client("sts", operator).assume_role(RoleArn=f"{START}:role/ci/{role}", RoleSessionName="run")[
            "Credentials"
        ]
        found[role] = {
            "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
            "AWS_SESSION_TOKEN": taken["SessionToken"],
        }
    return found


def test_a_creator_another_deployer_and_a_preview_role_share_a_stack(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator, deploy, preview = (world.people[name] for name in ("creator", "deploy", "preview"))

    # Named or not, the creator has the one entry that EKS made.
    world.configure(clusterAdministrators=[f"{START}:user/people/ada"], clusterVersion="1.34")
    assert creator.up()["create"] > 50
    assert world.entries() == {"user/people/ada"}
    changes, notices = creator.preview()
    assert set(changes) == {"same"}
    assert notices == ()

    # Whom the cluster does not know is told so by a preview, and refused before anything is touched.
    world.install("second")
    _, notices = deploy.preview()
    assert notices[0].startswith("The cluster kubeflow-dev has no access entry for role/deploy, so a preview compares")
    assert any("has no access entry for role/deploy" in line for line in deploy.said)
    with pytest.raises(UserError, match=r"has no access entry for role/deploy.* have user/people/ada run `make up "):
        deploy.up()
    assert (world.installed(), world.entries()) == ("first", {"user/people/ada"})

    # Named, it lets itself in, and goes on where the creator was.
    administrators = [f"{START}:user/people/ada", f"{START}:role/ci/deploy"]
    world.configure(clusterAdministrators=administrators, clusterViewers=[f"{START}:role/ci/preview"])
    assert deploy.up()["create"] == 4
    assert (world.installed(), world.entries()) == ("second", {"user/people/ada", "role/ci/deploy", "role/ci/preview"})

    # The preview role sees the change, says what it could not ask for, and may do no more.
    world.install("third")
    changes, notices = preview.preview()
    assert changes["update"] >= 1
    assert "lets role/preview read and no more" in notices[0]
    with pytest.raises(UserError, match="lets role/preview read and no more"):
        preview.up()
    assert world.installed() == "second"

    # The creator comes back and is refused nothing.
    assert creator.up()["update"] >= 1
    assert world.installed() == "third"

    # Protected, the stack still takes new nodes and fewer administrators, and nobody deletes its control plane.
    world.configure(protect=True)
    creator.up()
    world.configure(nodesInstanceType="m6i.xlarge", clusterAdministrators=[f"{START}:user/people/ada"])
    changes = creator.up()
    assert changes.get("replace") == 1, changes
    assert world.entries() == {"user/people/ada", "role/ci/preview"}
    marked = creator.protected()
    assert {"aws:eks/cluster:Cluster", "aws:ec2/vpc:Vpc", "aws:s3/bucket:Bucket"} <= marked
    assert marked.isdisjoint({"aws:eks/nodeGroup:NodeGroup", "aws:eks/accessEntry:AccessEntry", "aws:eks/addon:Addon"})

    upgraded_by_eks(world, creator, monkeypatch)


def upgraded_by_eks(world: World, creator: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """EKS upgrades the cluster by itself: that is refused or read into the state, and never asked for once more."""
    # The emulator has no UpdateClusterVersion: the stand-in's record says what a cluster runs.
    record = Record(Path(world.operator["LOCALCLOUD_AWS_RECORD"]))
    kept = record.get(eks.SETTINGS, f"kubeflow-{NAME}") or {}
    record.put(eks.SETTINGS, f"kubeflow-{NAME}", {**kept, "version": "1.35"})
    look = standing.look

    def upgraded(*given: Any) -> standing.Living | None:
        found = look(*given)
        return replace(found, version="1.35") if found else None

    monkeypatch.setattr(standing, "look", upgraded)
    with pytest.raises(UserError, match=r"runs Kubernetes 1\.35, and clusterVersion is 1\.34"):
        creator.preview()
    world.configure(clusterVersion="1.35")
    monkeypatch.setattr("ops.bring_up.stack_settings", lambda *_: SimpleNamespace(settings=settings(NAME)))
    monkeypatch.setattr("ops.cost.claimed_gib", lambda _: 0)
    with creator.at_work() as session:
        brought = bring_up(session, show=lambda _: None, agree=lambda _: None)
    assert any("EKS upgraded it by itself" in line for line in creator.said)
    assert brought.preview is not None
    steps = {step.type: step.change for step in brought.preview.steps if "aws:eks" in step.type}
    # Nodes and add-ons follow; the control plane has nothing left to do.
    assert (steps["aws:eks/cluster:Cluster"], steps["aws:eks/nodeGroup:NodeGroup"]) == ("same", "update")
    assert "All 5 nodes of " in brought.preview.notices[0]
