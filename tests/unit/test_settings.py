from datetime import date
from typing import Any

import pulumi
import pytest

from infra.declared import declared
from infra.settings import SettingsError, load, read
from ops.project import PROJECT_ROOT, read_project
from tests.unit.mocks import record
from tests.unit.settings_source import DEFAULTS, PASSWORD, TODAY, raw, settings


def problems(stack: str = "dev", **changes: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settings(stack, **changes)
    return caught.value.problems


def test_the_defaults_of_the_project_file_are_a_sound_stack() -> None:
    found = settings()
    assert (found.name, found.region, found.network.zones) == (
        "kubeflow-dev",
        "us-west-2",
        ("us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"),
    )
    assert (found.cluster.mode, found.cluster.name, found.cluster.version) == ("create", "kubeflow-dev", "1.35")
    assert (found.nodes.instance_type, found.nodes.desired, found.kubeflow.release) == ("m5.xlarge", 5, "26.03")
    assert found.dashboard.password.reveal() == PASSWORD


def test_every_declared_key_is_read_and_every_read_key_is_declared() -> None:
    config = raw(dashboardPassword=PASSWORD)
    for setting in declared(read_project()):
        without = {key: value for key, value in config.items() if key != f"kubeflow:{setting.key}"}
        with pytest.raises(SettingsError) as caught:
            load("kubeflow", "dev", without, defaults=DEFAULTS, today=TODAY, secret_keys=["kubeflow:dashboardPassword"])
        assert caught.value.problems == (
            f"No value and no default for {setting.key}; run in the folder of Pulumi.yaml.",
        )


def test_values_of_every_kind_are_read() -> None:
    found = settings(
        tags={"team": "ml", "cost-centre": 42},
        networkNat="per-zone",
        protect="true",
        kubeflowEdges=[{"from": "apps/v1/Deployment/kubeflow/a", "to": "v1/Service/kubeflow/b"}],
        clusterAdministrators=["arn:aws:iam::123456789012:role/team/ops"],
        clusterLogRetentionDays=90,
    )
    assert found.tags == {"team": "ml", "cost-centre": "42"}
    assert found.resource_tags == {**found.tags, "pulumi:project": "kubeflow", "pulumi:stack": "dev"}
    assert (found.network.nat, found.protect, found.cluster.log_retention_days) == ("per-zone", True, 90)
    assert (found.kubeflow.edges[0].source, found.kubeflow.edges[0].target) == (
        "apps/v1/Deployment/kubeflow/a",
        "v1/Service/kubeflow/b",
    )


def test_a_whole_account_may_take_the_administrator_role_where_it_is_named() -> None:
    account = "arn:aws:iam::123456789012:root"
    assert settings(clusterAdministratorPrincipals=[account]).cluster.access.role_principals == (account,)
    [other] = problems(clusterAdministratorPrincipals=["arn:aws-cn:iam::123456789012:root"])
    assert "is of another part of AWS than us-west-2" in other


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"networkCdir": "10.0.0.0/16"}, "networkCdir is not a setting of this project; did you mean networkCidr?"),
        ({"zzz": "1"}, "zzz is not a setting of this project; known are addressCertificate, addressCidrs, "),
        ({"protect": "yes"}, "protect 'yes' is not one of true, false."),
        ({"tags": {"aws:team": "ml"}}, "tags 'aws:team' cannot be used; "),
        ({"tags": {"dept": "R&D"}}, "tags 'dept': 'R&D' has a character that AWS refuses; "),
        ({"tags": {f"t{number}": "x" for number in range(46)}}, "tags has 46 tags, and AWS takes 50 "),
        (
            {"clusterAdministrators": [f"arn:aws:iam::123456789012:role/{name}" for name in ("a/b", "a-b")]},
            "clusterAdministrators arn:aws:iam::123456789012:role/a/b and arn:aws:iam::123456789012:role/a-b would ",
        ),
        (
            {"tags": {"team": "a", "Team": "b"}},
            "tags has 'team' and 'Team', and IAM takes no two names that differ in ",
        ),
        ({"tags": "{"}, "tags '{' is not a map of texts."),
        ({"tags": {"a": ["b"]}}, "tags has a value for 'a' that is not a text."),
        ({"networkCidr": "10.0.0.0/24"}, "networkCidr 10.0.0.0/24 is too small, since every pod takes an address"),
        ({"networkCidr": "172.20.0.0/16"}, "networkCidr 172.20.0.0/16 overlaps 172.20.0.0/16, where the cluster's"),
        ({"networkCidr": "11.0.0.0/16"}, "networkCidr 11.0.0.0/16 is not private; "),
        (
            {"networkCidr": "10.0.0.0/20", "nodesMax": 40},
            "networkCidr 10.0.0.0/20 is too small: its private subnets hold 1004 addresses, "
            "and 40 nodes (nodesMax) take up to 2400; choose a larger block, more zones or fewer nodes.",
        ),
        ({"networkZones": ["us-west-2a"]}, "networkZones has 1, and EKS needs at least 2; add a zone."),
        ({"networkZones": []}, "networkZones has 0, and EKS needs at least 2; add a zone."),
        ({"networkZones": "us-west-2a"}, "networkZones 'us-west-2a' is not a list of texts."),
        ({"networkZones": [1, 2]}, "networkZones [1, 2] is not a list of texts."),
        (
            {"networkZones": ["us-west-2a", "eu-west-1b"]},
            "networkZones 'eu-west-1b' is not a zone of us-west-2; write us-west-2a to us-west-2h.",
        ),
        ({"networkZones": ["us-west-2a", ""]}, "networkZones '' is not a zone of us-west-2; "),
        ({"networkZones": ["us-west-2a", "us-west-2a"]}, "networkZones us-west-2a, us-west-2a names a zone twice."),
        ({"networkNat": "nat"}, "networkNat 'nat' is not one of single, per-zone, none."),
        ({"clusterMode": "make"}, "clusterMode 'make' is not one of create, existing."),
        ({"clusterName": "a b"}, "clusterName 'a b' is not a cluster name."),
        ({"clusterVersion": "1.20"}, "clusterVersion '1.20' is not a Kubernetes version whose add-ons"),
        ({"clusterVersion": "latest"}, "clusterVersion 'latest' is not a Kubernetes version whose add-ons"),
        ({"clusterMode": "existing"}, "clusterMode 'existing' needs to know which cluster; set clusterKubeconfig, "),
        ({"clusterContext": "eks"}, "clusterContext is only for an existing cluster; set clusterMode to existing"),
        (
            {"clusterMode": "existing", "clusterStack": "a/b/c", "clusterContext": "eks"},
            "clusterStack cannot be combined with clusterContext; set one of them.",
        ),
        (
            {"clusterMode": "existing", "clusterKubeconfig": "apiVersion: v1\nkind: Config\n"},
            "clusterKubeconfig is stored in plain text; "
            "run `pulumi config set --secret clusterKubeconfig --stack dev` to encrypt it.",
        ),
        ({"clusterPublicAccessCidrs": ["all"]}, "clusterPublicAccessCidrs 'all' is not an IPv4 block; "),
        (
            {"clusterPublicAccessCidrs": ["10.0.0.0/8"]},
            "clusterPublicAccessCidrs 10.0.0.0/8 is private, and the public",
        ),
        (
            {"clusterPublicAccessCidrs": ["203.0.113.7"]},
            "clusterPublicAccessCidrs '203.0.113.7' is not written as AWS takes it; write 203.0.113.7/32.",
        ),
        (
            {"clusterPublicAccessCidrs": ["203.0.113.0/255.255.255.0"]},
            "clusterPublicAccessCidrs '203.0.113.0/255.255.255.0' is not written as AWS takes it; write 203.0.113.0/24",
        ),
        (
            {"clusterPublicAccessCidrs": [f"203.0.{number}.0/24" for number in range(41)]},
            "clusterPublicAccessCidrs has 41 blocks, and EKS takes 40.",
        ),
        ({"clusterLogRetentionDays": "31"}, "clusterLogRetentionDays '31' is not one of 1, 3, 5, 7, 14, 30, 60, "),
        (
            {"clusterAdministrators": ["arn:aws:sts::123456789012:assumed-role/ops/me"]},
            "clusterAdministrators 'arn:aws:sts::123456789012:assumed-role/ops/me' is not a user or role; ",
        ),
        (
            {"clusterAdministrators": ["arn:aws:iam::123456789012:role/team/"]},
            "clusterAdministrators 'arn:aws:iam::123456789012:role/team/' names no user or role: a name has 1 to 64 ",
        ),
        (
            {"clusterAdministrators": [f"arn:aws:iam::123456789012:user/{'x' * 65}"]},
            f"clusterAdministrators 'arn:aws:iam::123456789012:user/{'x' * 65}' names no user or role: ",
        ),
        (
            {"clusterAdministrators": ["arn:aws-cn:iam::123456789012:role/ops"]},
            "clusterAdministrators 'arn:aws-cn:iam::123456789012:role/ops' is of another part of AWS than us-west-2; ",
        ),
        (
            {"clusterAdministratorRole": "r" * 61},
            f"clusterAdministratorRole '{'r' * 61}' makes the role {'r' * 61}-dev, longer than 64 characters; ",
        ),
        ({"clusterAdministratorRole": ""}, "clusterAdministratorRole is empty; write a role name, "),
        ({"clusterAdministratorRole": "a b"}, "clusterAdministratorRole 'a b' is not a role name."),
        (
            {"clusterAdministrators": ["arn:aws:iam::123456789012:root"]},
            "clusterAdministrators 'arn:aws:iam::123456789012:root' is not a user or role; ",
        ),
        (
            {"clusterAdministrators": ["arn:aws:iam::123456789012:role/a"] * 2},
            "clusterAdministrators names arn:aws:iam::123456789012:role/a twice; remove one.",
        ),
        ({"clusterViewers": ["ci"]}, "clusterViewers 'ci' is not a user or role; write an ARN like "),
        (
            {
                "clusterAdministrators": ["arn:aws:iam::123456789012:role/a"],
                "clusterViewers": ["arn:aws:iam::123456789012:role/a"],
            },
            "clusterViewers arn:aws:iam::123456789012:role/a is in clusterAdministrators, too; keep it in one ",
        ),
        (
            {"clusterViewers": [f"arn:aws:iam::123456789012:role/{name}" for name in ("a/b", "a-b")]},
            "clusterViewers arn:aws:iam::123456789012:role/a/b and arn:aws:iam::123456789012:role/a-b would share ",
        ),
        (
            {"clusterAdministratorPrincipals": ["*"]},
            "clusterAdministratorPrincipals '*' is not a user, a role or an account; write an ARN like ",
        ),
        (
            {"nodesInstanceType": "m7g.xlarge"},
            "nodesInstanceType m7g.xlarge has ARM processors, and several of Kubeflow's images are for x86 alone; ",
        ),
        ({"nodesInstanceType": "g5g.xlarge"}, "nodesInstanceType g5g.xlarge has ARM processors, "),
        ({"nodesInstanceType": "big"}, "nodesInstanceType 'big' is not an EC2 instance type."),
        ({"nodesMin": "many"}, "nodesMin 'many' is not a whole number; choose one from 1 to 450."),
        ({"nodesMax": 500}, "nodesMax 500 is out of range; choose a number from 1 to 450."),
        (
            {"nodesMin": 6, "nodesDesired": 5},
            "nodesDesired 5 is not between nodesMin 6 and nodesMax 8; set them so that min <= desired <= max.",
        ),
        ({"nodesMax": 4}, "nodesDesired 5 is not between nodesMin 5 and nodesMax 4; "),
        ({"nodesDiskGiB": 8}, "nodesDiskGiB 8 is out of range; choose a number from 20 to 16384."),
        ({"registryRepository": "Upper"}, "registryRepository 'Upper' is not a repository name."),
        ({"files": "nfs"}, "files 'nfs' is not one of none, efs."),
        (
            {"files": "efs", "clusterMode": "existing", "clusterContext": "lab"},
            "files 'efs' needs the VPC of a cluster to create; ",
        ),
        ({"storageOnDestroy": "delete"}, "storageOnDestroy 'delete' is not one of keep, empty."),
        ({"kubeflowRelease": ""}, "kubeflowRelease is empty; write a release, "),
        ({"kubeflowEdges": [{"from": "a"}]}, 'kubeflowEdges {"from": "a"} must have exactly the texts from and to.'),
        (
            {"kubeflowBuild": ["helm", "x"]},
            "kubeflowBuild 'x' is not one of helm, any-file.",
        ),
        ({"kubeflowEdges": ["a"]}, 'kubeflowEdges "a" must have exactly the texts from and to.'),
        ({"kubeflowProfileNamespaces": ["a", "b", "a"]}, "kubeflowProfileNamespaces names 'a' twice; keep one."),
        ({"kubeflowProfileNamespaces": ["A_B"]}, "kubeflowProfileNamespaces 'A_B' is not a namespace; "),
        (
            {"dashboardUser": "admin"},
            "dashboardUser 'admin' is not an e-mail address; write one like user@example.com.",
        ),
        (
            {"dashboardPassword": ""},
            "dashboardPassword is not set, and only an emulated stack has a default; run `make password STACK=dev`.",
        ),
        (
            {"dashboardPassword": "12341234"},
            "dashboardPassword 12341234 is public and allowed only in an emulated stack; run `make password",
        ),
        ({"dashboardPassword": "short"}, "dashboardPassword has fewer than 8 characters; "),
        (
            {"dashboardPassword": "x" * 73},
            "dashboardPassword is longer than bcrypt's 72 bytes; run `make password STACK=dev`.",
        ),
    ],
)
def test_a_bad_value_gets_its_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    (only,) = problems(**changes)
    assert only.startswith(sentence)
    assert only.endswith((".", "?"))


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("kubeflw:protect", "kubeflw:protect is read by nothing; did you mean kubeflow:protect?"),
        ("aw:region", "aw:region is read by nothing; did you mean aws:region?"),
        ("gcp:zone", "gcp:zone is read by nothing; remove it."),
        (
            "aws:profile",
            "aws:profile would send the provider alone to another account, and not what checks it",
        ),
        ("aws:assumeRoles", "aws:assumeRoles would send the provider alone to another account"),
    ],
)
def test_settings_of_others_are_known_or_refused(key: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            "kubeflow",
            "dev",
            {**raw(dashboardPassword=PASSWORD), key: "x"},
            defaults=DEFAULTS,
            today=TODAY,
            secret_keys=["kubeflow:dashboardPassword"],
        )
    (only,) = caught.value.problems
    assert only.startswith(sentence)


def test_the_account_may_be_named_and_the_engine_told() -> None:
    config = {**raw(dashboardPassword=PASSWORD), "aws:allowedAccountIds": '["1"]', "pulumi:tags": "{}"}
    assert load("kubeflow", "dev", config, defaults=DEFAULTS, today=TODAY, secret_keys=["kubeflow:dashboardPassword"])


def test_a_stack_s_name_leaves_room_for_the_longest_role_that_is_named_after_it() -> None:
    config, secret = raw(dashboardPassword=PASSWORD), ["kubeflow:dashboardPassword"]
    assert load("kubeflow", "d" * 30, config, defaults=DEFAULTS, today=TODAY, secret_keys=secret)
    with pytest.raises(SettingsError, match=r"has 31 characters, and the role .* use at most 30"):
        load("kubeflow", "d" * 31, config, defaults=DEFAULTS, today=TODAY, secret_keys=secret)
    existing = {**config, "kubeflow:clusterMode": "existing", "kubeflow:clusterContext": "theirs"}
    assert load("kubeflow", "d" * 31, existing, defaults=DEFAULTS, today=TODAY, secret_keys=secret)


def test_what_runs_on_a_laptop_depends_on_no_support_that_ends() -> None:
    config = raw(emulated=True, clusterVersion="1.35")
    assert load("kubeflow", "local", config, defaults=DEFAULTS, today=date(2031, 1, 1)).cluster.version == "1.35"


def test_a_version_is_refused_from_the_day_that_its_standard_support_ends() -> None:
    config = raw(dashboardPassword=PASSWORD, clusterVersion="1.34")
    secret = ["kubeflow:dashboardPassword"]
    assert (
        load("kubeflow", "dev", config, defaults=DEFAULTS, today=date(2026, 12, 1), secret_keys=secret).cluster.version
        == "1.34"
    )
    with pytest.raises(SettingsError) as caught:
        load("kubeflow", "dev", config, defaults=DEFAULTS, today=date(2026, 12, 2), secret_keys=secret)
    assert str(caught.value) == (
        "clusterVersion 1.34 is out of standard support since 2026-12-02, and EKS upgrades such clusters by itself; "
        "choose 1.35 or 1.36."
    )


def test_a_release_says_which_kubernetes_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.versions.KUBEFLOW_MINIMUM_KUBERNETES", {"26.03": "1.36"})
    (only,) = problems()
    assert only == "kubeflowRelease 26.03 needs Kubernetes 1.36 or newer, and clusterVersion is 1.35."


def test_an_existing_cluster_may_have_any_version() -> None:
    found = settings(clusterMode="existing", clusterContext="eks", clusterVersion="1.20")
    assert (found.cluster.mode, found.cluster.context, found.cluster.kubeconfig) == ("existing", "eks", None)


def test_a_path_to_a_kubeconfig_needs_no_encryption() -> None:
    found = settings(clusterMode="existing", clusterKubeconfig="~/.kube/config").cluster
    assert found.kubeconfig is not None
    assert found.kubeconfig.reveal() == "~/.kube/config"


@pytest.mark.parametrize("stack", ["dev_1", "dev_", "dev-", "a..b", "a.-b"])
def test_a_stack_s_name_may_be_no_bucket_s(stack: str) -> None:
    (only,) = problems(stack, clusterName="one")
    assert only.startswith(f"The stack's name {stack!r} cannot be in the names of a bucket and a repository; use ")
    existing = {"clusterMode": "existing", "clusterContext": "theirs", "clusterName": "one"}
    assert problems(stack, **existing) == (only,)


@pytest.mark.parametrize("stack", ["dev", "Dev", "team-a", "a--b", "feature.1"])
def test_stack_s_names_that_all_of_aws_takes(stack: str) -> None:
    assert settings(stack, clusterName="one").stack == stack


def test_a_whole_account_may_take_the_administrator_role() -> None:
    account = "arn:aws:iam::123456789012:root"
    assert settings(clusterAdministratorPrincipals=[account]).cluster.access.role_principals == (account,)
    (only,) = problems(clusterAdministratorPrincipals=[account.replace("aws", "aws-cn")])
    assert "is of another part of AWS than us-west-2" in only


def test_a_stack_s_name_may_be_no_cluster_s() -> None:
    assert problems("feature.one") == (
        "clusterName is not set, and EKS allows no dot as in kubeflow-feature.one; set it.",
    )
    assert settings("feature.one", clusterName="one").cluster.name == "one"


def test_all_problems_are_told_at_once() -> None:
    found = problems(networkCdir="x", networkCidr="10.0.0.0/8", nodesMin="9", dashboardUser="me", networkZones=[])
    assert [problem.split()[0] for problem in found] == [
        "nodesDesired",
        "networkCidr",
        "networkZones",
        "dashboardUser",
        "networkCdir",
    ]
    with pytest.raises(
        SettingsError, match=r"^2 settings of the stack dev must be fixed:\n  - nodesMin .*\n  - protect "
    ):
        settings(nodesMin="x", protect="x")


def test_a_region_is_required() -> None:
    config = raw(dashboardPassword=PASSWORD)
    for region, sentence in (("", "aws:region is not set; "), ("mars", "aws:region 'mars' is not a region; ")):
        with pytest.raises(SettingsError) as caught:
            load("kubeflow", "dev", {**config, "aws:region": region}, defaults=DEFAULTS, today=TODAY)
        assert caught.value.problems[0].startswith(sentence)


def test_only_the_local_stack_has_a_password_of_its_own() -> None:
    assert settings("local", emulated=True, dashboardPassword="").dashboard.password.reveal() == "12341234"


def test_a_password_stored_in_plain_text_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        load("kubeflow", "dev", raw(dashboardPassword=PASSWORD), defaults=DEFAULTS, today=TODAY, secret_keys=[])
    assert caught.value.problems == (
        "dashboardPassword is stored in plain text; run `make password STACK=dev` to encrypt it.",
    )


def test_a_secret_is_never_printed() -> None:
    assert PASSWORD not in f"{settings()} {settings()!r}"
    for bad in ("short!!", "y" * 80):
        assert bad not in " ".join(problems(dashboardPassword=bad))


def test_the_running_stack_is_read_from_the_engine() -> None:
    config = raw(dashboardPassword=PASSWORD, nodesDesired=6)
    secret = ["kubeflow:dashboardPassword"]

    def found(config: dict[str, str], secret_keys: list[str]) -> int:
        pulumi.runtime.set_all_config(config, secret_keys)
        nodes: int = record(lambda: read(PROJECT_ROOT).nodes.desired).result
        return nodes

    assert found(config, secret) == 6
    with pytest.raises(SettingsError, match=r"^networkCdir is not a setting of .*; did you mean networkCidr\?$"):
        found({**config, "kubeflow:networkCdir": "x"}, secret)
    with pytest.raises(SettingsError, match="dashboardPassword is stored in plain text"):
        found(config, [])
