"""A stack without a cloud: what its settings may say, what it makes, and what commands say of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from infra import inputs as given
from infra import preflight
from infra.aws.kept import Kept
from infra.program import program
from infra.settings import SettingsError
from infra.settings.cloud import OF_AWS
from infra.surroundings import Surroundings
from ops import cost
from ops.commands import leftovers, versions
from ordering.errors import UserError
from tests.unit.inputs import inputs
from tests.unit.mocks import KUBECONFIG, record
from tests.unit.settings_source import DEFAULTS, settings

NONE: dict[str, Any] = {"cloud": "none", "clusterMode": "existing", "clusterKubeconfig": "~/.kube/config"}
# A value of each of AWS's settings that is not its default.
OTHERS: dict[str, Any] = {
    "emulated": True,
    "tags": {"a": "b"},
    "networkCidr": "10.9.0.0/16",
    "networkZones": ["nowhere"],
    "networkNat": "per-zone",
    "clusterVersion": "1.20",
    "clusterOidcProviderArn": "arn:aws:iam::123456789012:oidc-provider/x",
    "clusterPublicAccessCidrs": [],
    "clusterLogRetentionDays": 90,
    "clusterAdministrators": ["x"],
    "clusterViewers": ["x"],
    "clusterAdministratorPrincipals": ["x"],
    "clusterNetworkPolicy": False,
    "nodesMin": 1,
    "nodesDesired": 6,
    "nodesMax": 9,
    "nodesDiskGiB": 50,
    "storageOnDestroy": "empty",
    "files": "efs",
    "kubeflowArtifacts": "s3",
    "kubeflowProfileNamespaces": [],
}


@pytest.mark.parametrize("key", OF_AWS)
def test_a_setting_of_aws_is_refused_by_name_and_for_nothing_else(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**NONE, **{key: OTHERS.get(key, "other")})
    assert caught.value.problems == (f"{key} is a setting of AWS, and cloud is none; remove it, or set cloud to aws.",)


def test_the_providers_own_settings_are_refused_too() -> None:
    from infra.settings import load
    from tests.unit.settings_source import PASSWORD, TODAY, raw

    for key in ("aws:allowedAccountIds", "aws:region", "eks:x"):
        config = {**raw(**NONE, dashboardPassword=PASSWORD), key: "eu-central-1"}
        with pytest.raises(SettingsError, match=f"^{key} is a setting of AWS, and cloud is none; "):
            load("kubeflow", "mine", config, defaults=DEFAULTS, today=TODAY, secret_keys=["kubeflow:dashboardPassword"])


def test_a_default_may_be_written_out() -> None:
    found = settings(**NONE, networkZones=["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"], protect=True)
    assert (found.cloud, found.region, found.protect) == ("none", "", True)


def test_there_is_no_cluster_to_make_without_a_cloud() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(cloud="none")
    assert [problem.partition(";")[0] for problem in caught.value.problems] == [
        "clusterMode 'create' makes a cluster in AWS, and cloud is none"
    ]


def test_a_stack_s_name_need_not_fit_a_bucket() -> None:
    assert settings("my_lab", **NONE).stack == "my_lab"
    with pytest.raises(SettingsError, match="bucket"):
        settings("my_lab")


@pytest.mark.parametrize("image", ["ghcr.io/me/steps:1", "localhost:5000/steps@sha256:" + "0" * 64, "steps"])
def test_the_pipelines_image_may_be_of_any_registry(image: str) -> None:
    assert settings(pipelinesImage=image).pipelines.image == image
    assert record(lambda: program(inputs(pipelinesImage=image)).export()).exports["pipelines_image"] == image


@pytest.mark.parametrize("image", ["UPPER", "a b", "https://ghcr.io/x", "x:", "x@sha256:1"])
def test_what_is_no_image_is_refused(image: str) -> None:
    with pytest.raises(SettingsError, match=r"pipelinesImage .* is not an image, as registry/name:tag"):
        settings(pipelinesImage=image)


def test_nothing_of_aws_is_made_or_exported() -> None:
    found = record(lambda: program(inputs("kind", **NONE)).export(), stack="kind")
    packages = {one.type.partition(":")[0] for one in found.resources}
    assert packages <= {"kubernetes", "random", "kubeflow", "pulumi"}
    assert {one.type.rpartition(":")[2] for one in found.resources if one.type.startswith("kubeflow:")} == {
        "Credentials",
        "Kubeflow",
    }
    lacking = {key for key, value in found.exports.items() if value is None}
    of_aws = {"oidc_provider_arn", "vpc_id", "bucket", "repository_url", "region", "node_pools", "pod_access"}
    of_login = {"dashboard_service", "dashboard_logout", "token_issuer", "address"}
    assert lacking == of_aws | of_login | {"pipelines_image"}
    assert found.exports["runner_role_arns"] == {}


def test_another_stack_s_cluster_needs_no_oidc_provider() -> None:
    shared: dict[str, Any] = {
        "cloud": "none",
        "clusterMode": "existing",
        "clusterStack": "organization/clusters/shared",
    }
    assert record(lambda: program(inputs(**shared)).export()).exports["oidc_provider_arn"] is None


def test_aws_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = settings(**{**NONE, "clusterKubeconfig": str(tmp_path / "config")})
    (tmp_path / "config").write_text(KUBECONFIG)
    release = inputs().release
    monkeypatch.setattr("infra.settings.read", lambda _: found)
    monkeypatch.setattr(given, "load_release", lambda *_: release)
    monkeypatch.setattr(preflight, "check_cluster", lambda *_: "v1.35.0")
    monkeypatch.setattr("infra.surroundings.survey", lambda *_: (Surroundings(), []))
    for name in ("check_aws", "check_kept", "check_emulator"):
        monkeypatch.setattr(preflight, name, lambda *_: pytest.fail("AWS was asked"))
    read = given.read(tmp_path)
    assert (read.caller, read.kept, read.notices) == (None, Kept(), ())


def test_only_the_chosen_context_of_a_kubeconfig_goes_on() -> None:
    config = {
        "current-context": "theirs",
        "contexts": [
            {"name": one, "context": {"cluster": f"{one}-c", "user": f"{one}-u"}} for one in ("ours", "theirs")
        ],
        "clusters": [{"name": f"{one}-c", "cluster": {"server": f"https://{one}"}} for one in ("ours", "theirs")],
        "users": [{"name": f"{one}-u", "user": {"token": one}} for one in ("ours", "theirs")],
    }
    text = yaml.safe_dump(config)
    cut = yaml.safe_load(preflight.of_context(text, "ours"))
    assert cut["current-context"] == "ours"
    assert "theirs" not in str(cut)
    assert [one["user"]["token"] for one in cut["users"]] == ["ours"]
    assert preflight.of_context(text, None) == text
    assert preflight.of_context(text, "none") == text


def test_there_is_nothing_to_price() -> None:
    found = cost.bill(settings(**NONE))
    assert (found.lines, found.note) == ((), cost.NO_CLOUD)
    assert (
        cost.difference(cost.estimate(settings(**NONE)), cost.estimate(settings(**NONE, kubeflowRelease="1.10.2")))
        == ()
    )


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> str:
    config = {**DEFAULTS, "kubeflow:cloud": "none"}
    for module in (leftovers, versions):
        monkeypatch.setattr(module, "read_config", lambda _: (config, frozenset()))
    return "mine"


def test_leftovers_are_looked_for_in_the_cluster_alone(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "in_state", lambda _: [])
    monkeypatch.setattr(leftovers, "environment", lambda _: {})
    monkeypatch.setattr(leftovers, "find", lambda *_, **__: pytest.fail("AWS was asked"))
    done = CliRunner().invoke(leftovers.command, ["--stack", stack])
    assert (done.exit_code, done.output) == (0, "mine: nothing is left in its cluster.\n")


def test_eks_is_not_asked_for_versions(stack: str) -> None:
    done = CliRunner().invoke(versions.command, ["--stack", stack])
    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith("The cloud of mine is none, ")
