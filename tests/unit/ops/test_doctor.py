import io
import json
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from moto import mock_aws
from rich.console import Console

from infra.aws.instances import GI
from infra.issuer import Issuer
from infra.kubeflow.capacity import Load, Requirements
from infra.kubeflow.release import Release
from infra.settings import WELL_KNOWN_PASSWORD
from ops.commands import doctor
from ops.doctor import examine, plugins, tools
from ops.doctor.finding import Finding, attempt, broken, ok, refused
from ops.doctor.release import check_release, check_room, check_secrets, check_succession, check_volumes
from ops.doctor.stack import check_endpoint, check_existing, check_passwords, check_version
from ops.doctor.state import check_state
from ops.settings import SEALED, StackSettings
from ordering.errors import UserError
from tests.unit.settings_source import settings

TODAY = date(2026, 11, 1)
OIDC = {
    "login": "oidc",
    "loginIssuer": "https://id.example.com",
    "loginClientId": "kubeflow",
    "loginClientSecret": "theirs",
    "dashboardUser": "ada@example.com",
}


def stack(name: str = "dev", refused: tuple[str, ...] = (), **changes: Any) -> StackSettings:
    return StackSettings(settings=settings(name, **changes), config={}, sealed=frozenset(), refused=refused)


def needs(cpu: int = 1000, volumes: int = 3) -> Requirements:
    total = Load(pods=50, cpu=cpu, memory=7 * GI)
    return Requirements(total, Load(), 500, GI, volumes, volumes * 10 * GI)


def only(findings: Any) -> Finding:
    (finding,) = list(findings)
    assert isinstance(finding, Finding)
    return finding


def test_a_version_in_support_is_fine_until_it_nears_its_end() -> None:
    assert check_version("1.35", TODAY).found == "1.35, in standard support until 2027-03-27"
    ending = check_version("1.34", TODAY)
    assert ending.state == "warning"
    assert "in 31 days; then EKS upgrades the cluster by itself" in ending.found
    assert "1.35" in ending.advice
    ended = check_version("1.34", date(2026, 12, 2))
    assert (ended.state, ended.advice) == ("broken", "set clusterVersion to one of 1.35, 1.36")


def test_an_open_endpoint_is_a_warning() -> None:
    assert check_endpoint(stack()).state == "warning"
    narrow = check_endpoint(stack(clusterPublicAccessCidrs=["203.0.113.0/24"]))
    assert (narrow.state, narrow.found) == ("ok", "open to 203.0.113.0/24")
    assert check_endpoint(stack(clusterPublicAccessCidrs=[])).found == "private"
    assert check_endpoint(stack("local", emulated="true")).state == "ok"


def test_a_missing_password_breaks_the_stack() -> None:
    problem = "dashboardPassword is not set, and only the stack local has a default; run `x`."
    finding = next(iter(check_passwords(stack(refused=(problem,)))))
    assert (finding.state, finding.advice) == ("broken", "run `x`")
    assert [one.state for one in check_passwords(stack(dashboardUser="me@example.org"))] == ["ok"]
    assert [one.state for one in check_passwords(stack("local", emulated="true"))] == ["ok"]


@pytest.mark.parametrize(
    ("login", "where"),
    [
        ({"login": "cognito", "dashboardUser": "ada@example.com"}, "stack's user pool"),
        (OIDC, "company's identity provider"),
    ],
)
@pytest.mark.parametrize("emulated", ["false", "true"])
def test_where_people_sign_in_elsewhere_the_stack_has_no_password(
    login: dict[str, Any], where: str, emulated: str
) -> None:
    found = list(check_passwords(stack(**login, emulated=emulated)))
    assert [(one.state, one.check) for one in found] == [("ok", "password")]
    assert found[0].found == f"none of the stack's own: people sign in at the {where}"


@pytest.mark.parametrize(
    ("claims", "groups", "lacking"),
    [
        (None, ["ml"], []),
        (("sub", "email", "groups"), ["ml"], []),
        (("sub", "email"), ["ml"], ["groups"]),
        (("sub", "email"), [], []),
        (("sub",), ["ml"], ["email", "groups"]),
    ],
)
def test_claims_that_an_issuer_does_not_list_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, claims: tuple[str, ...] | None, groups: list[str], lacking: list[str]
) -> None:
    issuer = Issuer(
        url=OIDC["loginIssuer"], scopes=("openid",), end_session=f"{OIDC['loginIssuer']}/end", claims=claims
    )
    monkeypatch.setattr(examine, "discover", lambda _: issuer)
    first, *others = examine.check_login(settings(**OIDC, loginGroups=groups))
    assert first.state == "ok"
    assert [one.state for one in others] == ["warning"] * len(lacking)
    assert [one.found for one in others] == [
        f"{issuer.url} does not list {claim} among its claims" for claim in lacking
    ]


def test_a_login_that_everybody_knows_is_a_warning() -> None:
    assert [one.check for one in check_passwords(stack()) if one.state == "warning"] == ["login"]


def test_an_existing_cluster_that_is_gone_breaks_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig = {
        "contexts": [{"name": "here", "context": {"cluster": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1"}}],
        "current-context": "here",
    }

    def given(**changes: Any) -> StackSettings:
        return stack(clusterMode="existing", **changes)

    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig))
    gone = only(attempt("cluster", lambda: check_existing(given(clusterKubeconfig=str(path)))))
    assert gone.state == "broken"
    assert "cannot be reached" in gone.found
    assert gone.advice == "check the kubeconfig and the network"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    missing = only(attempt("cluster", lambda: check_existing(given(clusterContext="theirs"))))
    assert (missing.state, missing.advice) == ("broken", "set clusterKubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    other = only(attempt("cluster", lambda: check_existing(given(clusterContext="theirs"))))
    assert "no context 'theirs'" in other.found
    assert "encrypted" in only(check_existing(given(clusterKubeconfig=SEALED))).found
    assert "of stack org/kubeflow/base" in only(check_existing(given(clusterStack="org/kubeflow/base"))).found


def test_a_release_must_fit_the_nodes() -> None:
    assert only(check_room(needs(), settings())).state == "ok"
    tight = only(attempt("room", lambda: check_room(needs(cpu=30000), settings())))
    assert tight.state == "broken"
    assert "nodesDesired >=" in tight.advice
    assert only(check_room(needs(), settings(nodesInstanceType="x9.huge"))).state == "warning"


def test_volumes_need_nodes_in_their_zones_and_room_on_them() -> None:
    assert only(check_volumes(needs(), settings())).found == "3 volumes of 30 GiB in all"
    few = only(check_volumes(needs(), settings(nodesMin=2, nodesDesired=2)))
    assert (few.state, few.advice) == ("warning", "set nodesDesired to 4 or more, or use fewer networkZones")
    # Five nodes of four interfaces and a root disk leave 23 attachments each.
    assert only(check_volumes(needs(volumes=115), settings())).state == "ok"
    assert only(check_volumes(needs(volumes=116), settings())).state == "warning"


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def test_secrets_that_are_replaced_are_fine_and_others_break_the_stack() -> None:
    known = WELL_KNOWN_PASSWORD
    replaced = secret("mlpipeline-minio-artifact", "kubeflow", secretkey=known)
    assert only(check_secrets([replaced])).found == "1 in the manifests, all replaced"
    left = only(attempt("secrets", lambda: check_secrets([secret("elsewhere", "kubeflow", secretkey=known)])))
    assert (left.state, left.advice) == ("broken", "overlay a value of your own")


def test_a_release_that_cannot_be_had_is_a_finding(tmp_path: Path) -> None:
    gone = only(check_release(settings(kubeflowPath="nowhere"), tmp_path))
    assert (gone.check, gone.state, gone.advice) == ("release", "broken", "name a folder with a kustomization")


PINNED = Release(name="26.03", path=Path(), digest="", origin="shared", note="")


def test_an_older_release_than_the_stack_has_breaks_it_and_a_newer_one_is_said() -> None:
    old = settings(kubeflowRelease="1.10.2")
    gone = only(attempt("release", lambda: check_succession(old, PINNED, "26.03")))
    assert gone.state == "broken"
    assert gone.found.startswith("dev has 26.03, and kubeflowRelease is 1.10.2, which is older")
    later = only(check_succession(settings(kubeflowRelease="26.03"), PINNED, "1.10.2"))
    assert (later.state, later.advice) == (
        "warning",
        "take `make upgrade TO=26.03`, which saves before and looks afterwards",
    )
    for release, before in (("26.03", "1.10.2"), ("1.10.2", "26.03")):
        on_its_way = settings(kubeflowRelease=release, kubeflowReleaseBefore=before)
        assert not list(check_succession(on_its_way, PINNED, before)), "make upgrade and make rollback are on their way"
    for ran in ("26.03", None, "of somebody's own"):
        assert not list(check_succession(settings(kubeflowRelease="26.03"), PINNED, ran))


SAMPLE = Path(__file__).resolve().parents[3] / "manifests" / "sample"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kubeflowComponents": ["nowhere"]}, "nowhere"),
        ({"kubeflowEdges": [{"from": "v1/ConfigMap/x/y", "to": "v1/ConfigMap/x/z"}]}, "v1/ConfigMap/x/y"),
    ],
)
def test_what_the_program_would_refuse_of_a_release_is_a_finding(
    changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBEFLOW_MANIFESTS", str(SAMPLE))
    gone = only(check_release(settings(**changes), tmp_path))
    assert (gone.check, gone.state) == ("release", "broken")
    assert words in gone.found + gone.advice


def test_files_that_cannot_be_written_and_a_backend_that_does_not_answer_break_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PULUMI_ACCESS_TOKEN", "CI", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", "/proc")
    finding = only(attempt("state", lambda: check_state("dev")))
    assert (finding.state, finding.found) == ("broken", "/proc cannot be written: No such file or directory")
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    assert only(attempt("state", lambda: check_state("dev"))).state == "ok"
    monkeypatch.setenv("CI", "true")
    finding = only(attempt("state", lambda: check_state("dev")))
    assert (finding.state, finding.found.split(",")[0]) == ("broken", "CI is set and no Pulumi backend is chosen")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nope")
    finding = only(attempt("state", lambda: check_state("dev")))
    assert finding.state == "broken"
    assert "file:///nope" in finding.found


def test_an_error_is_split_into_what_and_what_to_do() -> None:
    assert refused("x", UserError("This is wrong; do that.")).advice == "do that"
    assert refused("x", UserError("This is wrong: do that.")).found == "This is wrong"
    assert refused("x", UserError("This is wrong.")) == broken("x", "This is wrong.", "fix it, then run this again")


def test_an_old_python_is_told() -> None:
    assert tools.check_python((3, 10)).state == "broken"
    assert tools.check_python((3, 11)).state == "ok"


def test_what_the_person_must_install_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "check_brought", lambda _: iter(()))
    (tmp_path / "git").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {finding.check: finding for finding in tools.check_tools(local=False, aws=True)}
    assert found["git"].found == str(tmp_path / "git")
    assert (found["aws"].state, found["aws"].found) == ("broken", "not on PATH")
    assert [finding.check for finding in tools.check_tools(local=True, aws=True)] == ["python"]


@pytest.mark.parametrize(
    ("says", "state"),
    [
        ("aws-cli/2.31.0 Python/3.13.7 Linux/6.1", "ok"),
        ("aws-cli/2.7.0", "ok"),
        ("aws-cli/1.24.0 Python/3.9", "ok"),
        ("aws-cli/2.6.4", "broken"),
        ("aws-cli/1.22.34 Python/3.10.6", "broken"),
        ("hello", "warning"),
    ],
)
def test_an_aws_cli_that_the_eks_package_refuses_is_known_before(tmp_path: Path, says: str, state: str) -> None:
    program = tmp_path / "aws"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    assert tools.check_aws(str(program)).state == state


def test_an_aws_cli_that_does_not_run_is_broken(tmp_path: Path) -> None:
    assert tools.check_aws(str(tmp_path / "aws")).state == "broken"


def test_the_plugins_of_the_eks_component_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    first = plugins.check_plugins("aws", "kubernetes", "random", "eks")
    assert (first.state, first.found.startswith("not here yet: aws 7.")) == ("ok", True)
    assert "aws 7.25.0 (of eks), kubernetes 4.19.0 (of eks)" in first.found
    assert "eks" not in plugins.check_plugins("aws", "kubernetes", "random").found
    for package, number in [
        *((package, version(f"pulumi-{package}")) for package in ("aws", "eks", "kubernetes", "random")),
        *plugins.INSIDE_EKS.items(),
    ]:
        (tmp_path / "plugins" / f"resource-{package}-v{number}").mkdir(parents=True)
    assert plugins.check_plugins("aws", "kubernetes", "random", "eks").found.startswith("here: aws ")


def test_tools_that_are_not_here_yet_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = only(tools.check_brought(["kustomize", "kubectl"]))
    assert (finding.state, finding.found) == ("warning", "not here yet: kustomize, kubectl")
    finding = only(tools.check_brought(["kustomize", "journal"]))
    assert finding.state == "broken"
    assert finding.found.startswith("not here: journal; Go ")
    assert finding.advice.startswith("install it from https://go.dev/dl")


def test_another_version_on_path_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "kustomize"
    program.write_text("#!/bin/sh\necho v4.1.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert only(tools.check_brought(["kustomize"])).found == f"{program} is 4.1.0"
    program.write_text("#!/bin/sh\necho v5.8.0 # newer\n")
    assert only(tools.check_brought(["kustomize"])).state == "ok"


@pytest.fixture
def manifests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A platform of one small pod."""
    container = {"name": "it", "image": "example.com/it", "resources": {"requests": {"cpu": "100m"}}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it"}, "spec": {"containers": [container]}}
    path = tmp_path / "platform.yaml"
    path.write_text(json.dumps(pod))
    monkeypatch.setenv("KUBEFLOW_MANIFESTS", str(path))
    monkeypatch.setattr(examine, "check_tools", lambda **_: [ok("tools", "left out")])
    return path


@pytest.mark.usefixtures("manifests")
def test_the_command_fails_for_what_is_broken_and_shows_all_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        done = CliRunner().invoke(doctor.command, ["--stack", "dev"])
    assert done.exit_code == 1, done.output
    for line in (
        "plugins",
        "credentials",
        "VPCs",
        "instance type",
        "API endpoint",
        "broken,",
    ):
        assert line in done.output
    assert "dashboardPassword is not set" in done.output


@pytest.mark.usefixtures("manifests")
def test_the_local_stack_is_fine_and_warnings_do_not_fail() -> None:
    done = CliRunner().invoke(doctor.command, ["--stack", "local"])
    assert done.exit_code == 0, done.output
    assert "0 broken" in done.output
    assert "platform.yaml, 1 objects" in " ".join(done.output.split())


def test_a_stack_that_is_not_there_is_one_sentence() -> None:
    done = CliRunner().invoke(doctor.command, ["--stack", "nowhere"])
    assert isinstance(done.exception, UserError)
    assert "There is no stack 'nowhere'" in str(done.exception)


def test_what_is_shown_cannot_be_taken_for_colours() -> None:
    console = Console(file=io.StringIO(), width=120, markup=False)
    doctor.show(console, "dev", [broken("x", "the block [red]", "write [0]")])
    assert isinstance(console.file, io.StringIO)
    assert "the block [red]" in console.file.getvalue()
    assert "write [0]" in console.file.getvalue()
