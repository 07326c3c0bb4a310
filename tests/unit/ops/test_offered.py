"""What EKS offers, beside what is pinned: what `make versions` writes, and what doctor says of it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from infra import versions
from infra.preflight import Caller
from ops import offered
from ops.commands import upgrade_nodes
from ops.commands import versions as command
from ops.doctor import offers
from ops.doctor.finding import Finding
from ordering.errors import UserError
from tests.unit.settings_source import settings

PINNED = versions.KUBERNETES["1.35"]
NEWER = {
    "coredns": "v1.13.10-eksbuild.2",
    "kube-proxy": "v1.35.9-eksbuild.1",
    "vpc-cni": "v1.23.0-eksbuild.1",
    "aws-ebs-csi-driver": "v1.70.0-eksbuild.1",
    "aws-efs-csi-driver": "v3.9.0-eksbuild.1",
    "metrics-server": "v0.9.0-eksbuild.1",
    "snapshot-controller": "v8.6.0-eksbuild.1",
    "eks-node-monitoring-agent": "v1.7.0-eksbuild.1",
    "amazon-cloudwatch-observability": "v6.3.0-eksbuild.1",
    "eks-pod-identity-agent": "v1.9.0-eksbuild.1",
}


class Played:
    """EKS and SSM with botocore's own models: an answer of another shape than theirs is refused."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self.eks: Any = boto3.client("eks", region_name="us-west-2", **keys)  # type: ignore[call-overload]
        self.ssm: Any = boto3.client("ssm", region_name="us-west-2", **keys)  # type: ignore[call-overload]
        self._answers, self._parameters = Stubber(self.eks), Stubber(self.ssm)
        self._answers.activate()
        self._parameters.activate()

    def clusters(self, **support: tuple[str, date]) -> "Played":
        told = [
            {
                "clusterVersion": name.replace("_", ".")[1:],
                "versionStatus": status,
                "endOfStandardSupportDate": datetime(ends.year, ends.month, ends.day, tzinfo=UTC),
            }
            for name, (status, ends) in support.items()
        ]
        self._answers.add_response("describe_cluster_versions", {"clusterVersions": told}, {})
        return self

    def addons(self, version: str, builds: Mapping[str, list[str]]) -> "Played":
        for name, found in builds.items():
            entry = {"addonName": name, "addonVersions": [{"addonVersion": build} for build in found]}
            asked = {"kubernetesVersion": version, "addonName": name}
            self._answers.add_response("describe_addon_versions", {"addons": [entry]}, asked)
        return self

    def image(self, version: str, release: str) -> "Played":
        name = f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/x86_64/standard/recommended/release_version"
        self._parameters.add_response("get_parameter", {"Parameter": {"Value": release}}, {"Name": name})
        return self

    def groups(self, *releases: str) -> "Played":
        names = [f"group-{number}" for number in range(len(releases))]
        self._answers.add_response("list_nodegroups", {"nodegroups": names}, {"clusterName": "kubeflow-dev"})
        for name, release in zip(names, releases, strict=True):
            self._answers.add_response(
                "describe_nodegroup",
                {"nodegroup": {"releaseVersion": release}},
                {"clusterName": "kubeflow-dev", "nodegroupName": name},
            )
        return self

    def without_cluster(self) -> "Played":
        self._answers.add_client_error("list_nodegroups", "ResourceNotFoundException")
        return self


def test_the_pinned_file_is_what_would_be_written_of_it() -> None:
    assert versions.PINS.read_text() == versions.written(versions.KUBERNETES)


def test_builds_are_compared_by_number() -> None:
    played = Played().addons("1.35", {"coredns": ["v1.13.2-eksbuild.9", "v1.13.10-eksbuild.2", "v1.13.2-eksbuild.31"]})
    assert offered.builds(played.eks, "1.35", "coredns") == [
        "v1.13.10-eksbuild.2",
        "v1.13.2-eksbuild.31",
        "v1.13.2-eksbuild.9",
    ]


def newest(played: Played) -> Played:
    """EKS with one version at the standard price, newer builds of all, and one version past it."""
    played.clusters(v1_35=("STANDARD_SUPPORT", date(2027, 4, 1)), v1_34=("EXTENDED_SUPPORT", date(2026, 12, 2)))
    return played.addons("1.35", {name: [build] for name, build in NEWER.items()}).image("1.35", "1.35.9-20261201")


def test_all_that_is_in_standard_support_is_pinned_to_the_newest_and_the_rest_stays() -> None:
    played = newest(Played())
    found = offered.table(played.eks, played.ssm)
    assert found["1.34"] == versions.KUBERNETES["1.34"]
    assert found["1.35"].images == {"AL2023_x86_64_STANDARD": "1.35.9-20261201"}
    assert found["1.35"].standard_support_ends == date(2027, 4, 1)
    assert found["1.35"].addons.by_name == NEWER
    assert ("1.35", "vpc-cni", PINNED.addons.vpc_cni, "v1.23.0-eksbuild.1") in set(
        offered.differences(versions.KUBERNETES, found)
    )


def test_the_command_writes_the_file_and_says_what_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    played = newest(Played())
    monkeypatch.setattr(command, "check_aws", lambda region: Caller(account="1", arn="arn"))
    monkeypatch.setattr(boto3, "client", lambda name, **_: getattr(played, name))
    monkeypatch.setattr(versions, "PINS", tmp_path / "pins.json")
    done = CliRunner().invoke(command.command, ["--stack", "dev"])
    assert (done.exit_code, done.exception) == (0, None)
    assert re.search(r"1\.35 +vpc-cni +v1\.22\.4-eksbuild\.3 +v1\.23\.0-eksbuild\.1", done.output)
    written = json.loads((tmp_path / "pins.json").read_text())["kubernetes"]
    assert list(written) == ["1.34", "1.35", "1.36"]
    assert written["1.35"]["addons"] == NEWER


def test_what_aws_does_not_say_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played()
    Stubber(played.eks).activate()
    monkeypatch.setattr(command, "check_aws", lambda region: Caller(account="1", arn="arn"))
    monkeypatch.setattr(boto3, "client", lambda name, **_: getattr(played, name))
    done = CliRunner().invoke(command.command, ["--stack", "dev"])
    assert isinstance(done.exception, UserError)
    assert "EKS does not say what it offers" in str(done.exception)


@pytest.mark.parametrize(
    ("status", "ends", "state", "words"),
    [
        ("STANDARD_SUPPORT", PINNED.standard_support_ends, "ok", "offers Kubernetes 1.35 in standard support"),
        ("STANDARD_SUPPORT", date(2027, 4, 1), "warning", "standard support of 1.35 ends on 2027-04-01"),
        ("EXTENDED_SUPPORT", PINNED.standard_support_ends, "broken", "has Kubernetes 1.35 in extended support"),
    ],
)
def test_doctor_asks_eks_for_the_support_of_a_version(status: str, ends: date, state: str, words: str) -> None:
    found = offers.check_support(Played().clusters(v1_35=(status, ends)).eks, "1.35")
    assert found.state == state
    assert words in found.found


def test_a_version_that_eks_does_not_offer_is_broken() -> None:
    found = offers.check_support(Played().clusters(v1_36=("STANDARD_SUPPORT", date(2027, 8, 2))).eks, "1.35")
    assert (found.state, "does not offer Kubernetes 1.35" in found.found) == ("broken", True)


def addons(**changed: list[str]) -> list[Finding]:
    pinned = {name: [build] for name, build in PINNED.addons.by_name.items()}
    return list(offers.check_addons(Played().addons("1.35", {**pinned, **changed}).eks, "1.35"))


def test_a_pinned_build_that_is_gone_is_broken_and_a_newer_one_is_told() -> None:
    assert addons() == []
    [newer] = addons(coredns=[PINNED.addons.coredns, NEWER["coredns"]])
    assert (newer.state, newer.found) == ("ok", f"newer than pinned: coredns {NEWER['coredns']}")
    [gone] = addons(coredns=[NEWER["coredns"]])
    assert (gone.state, "make versions" in gone.advice) == ("broken", True)


@pytest.mark.parametrize(
    ("running", "state"),
    [(["1.35.3-20261020"], "ok"), (["1.35.3-20261020", "1.35.0-20260801"], "warning"), ([], "ok")],
)
def test_nodes_with_an_old_image_are_told(running: list[str], state: str) -> None:
    played = Played().image("1.35", "1.35.3-20261112")
    played = played.groups(*running) if running else played.without_cluster()
    [found] = offers.check_images(played.eks, played.ssm, settings())
    assert found.state == state
    assert ("1.35.0-20260801, 103 days older" in found.found) is (state == "warning")


@pytest.mark.parametrize("yes", [True, False])
def test_upgrade_nodes_pins_the_images_of_the_stacks_own_nodes_and_brings_it_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, yes: bool
) -> None:
    pool = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 2}
    asked = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/{}/recommended/release_version"
    played = Played()
    for variant, release in (("nvidia", "1.35.3-20261119"), ("standard", "1.35.3-20261112")):
        answer = {"Parameter": {"Value": release}}
        played._parameters.add_response("get_parameter", answer, {"Name": asked.format(variant)})
    brought: list[Any] = []
    monkeypatch.setattr(upgrade_nodes, "check_aws", lambda region: Caller(account="1", arn="arn"))
    monkeypatch.setattr(upgrade_nodes, "sound_settings", lambda _: settings(nodePools=[pool]))
    monkeypatch.setattr(upgrade_nodes, "bring", lambda stack, **given: brought.append((stack, given["yes"])))
    monkeypatch.setattr(boto3, "client", lambda name, **_: getattr(played, name))
    monkeypatch.setattr(versions, "PINS", tmp_path / "pins.json")
    monkeypatch.setattr(versions, "KUBERNETES", dict(versions.KUBERNETES))
    done = CliRunner().invoke(upgrade_nodes.command, ["--stack", "dev", *(["--yes"] if yes else [])])
    assert (done.exit_code, done.exception) == (0, None)
    assert "AL2023_x86_64_NVIDIA for Kubernetes 1.35: 1.35.3-20261119 (was not pinned)" in done.output
    written = json.loads((tmp_path / "pins.json").read_text())["kubernetes"]
    images = {"AL2023_x86_64_NVIDIA": "1.35.3-20261119", "AL2023_x86_64_STANDARD": "1.35.3-20261112"}
    assert (written["1.35"]["images"], written["1.36"]["images"]) == (images, {})
    assert brought == [("dev", yes)]


def test_upgrade_nodes_is_for_nodes_of_the_stacks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        upgrade_nodes, "sound_settings", lambda _: settings(clusterMode="existing", clusterContext="lab")
    )
    done = CliRunner().invoke(upgrade_nodes.command, ["--stack", "dev"])
    assert "is not the stack's own, and neither are its nodes" in str(done.exception)


def insight(name: str, status: str) -> dict[str, Any]:
    reason = {"status": status, "reason": f"because of {name}"}
    return {"id": f"id-{name}", "name": name, "kubernetesVersion": "1.36", "insightStatus": reason}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([insight("skew", "PASSING"), insight("deprecated", "PASSING")], [("ok", "2, all passing")]),
        (
            [insight("skew", "PASSING"), insight("deprecated", "ERROR")],
            [("warning", "deprecated (1.36): because of deprecated")],
        ),
        ([], []),
    ],
)
def test_what_eks_finds_before_an_upgrade_is_told(given: list[Any], told: list[tuple[str, str]]) -> None:
    played = Played()
    asked = {"clusterName": "k", "filter": {"categories": ["UPGRADE_READINESS"]}}
    played._answers.add_response("list_insights", {"insights": given}, asked)
    assert [(one.state, one.found) for one in offers.check_insights(played.eks, "k")] == told


def test_a_cluster_that_is_not_there_has_no_insights() -> None:
    played = Played()
    played._answers.add_client_error("list_insights", "ResourceNotFoundException")
    assert list(offers.check_insights(played.eks, "k")) == []
