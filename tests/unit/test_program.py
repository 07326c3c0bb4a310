"""The program in all its branches, on a recording engine: what it makes, for whom, and what it exports."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra import extensions
from infra.inputs import Inputs
from infra.issuer import Issuer
from infra.program import program, run
from ordering.graph import build
from tests.unit.inputs import OBJECTS, inputs
from tests.unit.mocks import ISSUER, KUBECONFIG, OIDC_PROVIDER, Recording, record

COMPONENTS = {"Network", "Cluster", "Registry", "Storage", "Identity", "Credentials", "Kubeflow"}
OUTPUTS = {
    "cluster_name",
    "kubeconfig",
    "oidc_provider_arn",
    "vpc_id",
    "bucket",
    "repository_url",
    "pipelines_image",
    "runner_role_arns",
    "node_pools",
    "pod_access",
    "region",
    "dashboard_user",
    "dashboard_password",
    "dashboard_logout",
    "token_issuer",
    "kubeflow_release",
    "dashboard",
    "dashboard_service",
    "address",
    "address_records",
    "sagemaker_role_arns",
}
EXISTING = {"clusterMode": "existing", "clusterKubeconfig": "~/.kube/config"}
SHARED = {"clusterMode": "existing", "clusterStack": "organization/clusters/shared"}


def made(stack: str = "dev", **changes: Any) -> Recording:
    return record(lambda: program(inputs(stack, **changes)).export(), stack=stack)


def components(found: Recording) -> set[str]:
    return {one.type.rpartition(":")[2] for one in found.resources if one.type.startswith("kubeflow:infra:")}


def roles(found: Recording) -> set[str]:
    return {one.name for one in found.all("Role")}


def test_a_new_cluster_comes_with_all_components() -> None:
    found = made()
    assert components(found) == COMPONENTS
    assert found.one("ManagedNodeGroup").inputs["subnetIds"] == [
        f"kubeflow-dev-private-us-west-2{zone}-id" for zone in "abcd"
    ]
    # The first objects wait until the cluster can run pods and hold volumes.
    assert "kubeflow-dev-gp3" in found.one("Namespace").depends_on
    assert found.one("Namespace").provider == "kubeflow-dev-kubernetes"


def test_an_administrator_role_is_made_for_whoever_is_named_and_for_nobody_else() -> None:
    named = ["arn:aws:iam::123456789012:role/platform", "arn:aws:iam::123456789012:user/people/ada"]
    found = made(clusterAdministratorRole="admins", clusterAdministratorPrincipals=named)
    role = found.one("Role", "kubeflow-dev-administrator").inputs
    assert role["name"] == "admins-dev"
    trust = json.loads(role["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"AWS": named}
    assert found.one("AccessEntry").inputs["clusterName"] == "kubeflow-dev"


def test_without_principals_there_is_no_administrator_role() -> None:
    found = made()
    assert "kubeflow-dev-administrator" not in roles(found)
    assert not found.all("AccessEntry")
    assert ":root" not in str([one.inputs for one in found.all("Role")])


def test_what_a_new_cluster_s_stack_exports() -> None:
    assert made().exports == {
        "cluster_name": "kubeflow-dev",
        "kubeconfig": KUBECONFIG,
        "oidc_provider_arn": OIDC_PROVIDER,
        "vpc_id": "kubeflow-dev-vpc-id",
        "bucket": "bucket-1234567",
        "repository_url": "123456789012.dkr.ecr.us-west-2.amazonaws.com/images",
        "pipelines_image": None,
        "runner_role_arns": {
            name: f"arn:aws:mock:us-west-2:123456789012:kubeflow-dev-{name.replace('/', '-')}"
            for name in ("kubeflow/ml-pipeline", "kubeflow/pipeline-runner", "kubeflow-user-example-com/default-editor")
        },
        "node_pools": {"base": {"gpus": False, "spot": False, "taints": []}},
        "pod_access": "irsa",
        "region": "us-west-2",
        "dashboard_user": "user@example.com",
        "dashboard_password": "correct horse battery",
        "dashboard_logout": None,
        "token_issuer": None,
        "kubeflow_release": "26.03",
        "dashboard_service": None,
        "address": None,
        "address_records": [],
        "sagemaker_role_arns": {},
        "dashboard": "none: the manifests have neither Kubeflow's gateway nor the UI of Pipelines",
    }


COGNITO = {"login": "cognito", "dashboardUser": "ada@example.com", "loginUsers": ["grace@example.com"]}


def with_a_gateway(**changes: Any) -> Inputs:
    """Inputs whose release has the login's component laid over what it fills in."""
    proxy = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "oauth2-proxy", "namespace": "oauth2-proxy"}}
    objects = [*OBJECTS, {**proxy, "data": {"oauth2_proxy.cfg": ""}}]
    given = inputs(**changes)
    return replace(given, release=replace(given.release, objects=objects, graph=build(objects)))


def test_a_user_pool_is_made_for_whoever_signs_in_there_and_no_password_is_exported() -> None:
    found = record(lambda: program(with_a_gateway(**COGNITO, loginTokens=True)).export())
    assert components(found) == COMPONENTS | {"UserPool"}
    assert sorted(one.inputs["username"] for one in found.all("User")) == ["ada@example.com", "grace@example.com"]
    assert found.one("UserPoolDomain").inputs["domain"] == "kubeflow-dev-123456789012"
    (config,) = [one for one in found.all("ConfigMap") if one.inputs["metadata"]["name"] == "oauth2-proxy"]
    issuer = "https://cognito-idp.us-west-2.amazonaws.com/kubeflow-dev-users-id"
    assert f'oidc_issuer_url = "{issuer}"' in config.inputs["data"]["oauth2_proxy.cfg"]
    assert found.exports["dashboard_password"] is None
    assert found.exports["token_issuer"] == f"https://{ISSUER}"
    assert found.exports["dashboard_logout"] == (
        "http://localhost:8080/oauth2/sign_out?rd=https%3A%2F%2Fkubeflow-dev-123456789012.auth.us-west-2.amazoncognito.com"
        "%2Flogout%3Fclient_id%3Dkubeflow-dev-platform-id%26logout_uri%3Dhttp%253A%252F%252Flocalhost%253A8080%252F"
    )


def test_a_company_s_login_is_asked_for_and_nothing_is_made_for_it() -> None:
    issuer = Issuer(url="https://id.example.com", scopes=("openid",), end_session="https://id.example.com/end")
    oidc = {"login": "oidc", "loginIssuer": issuer.url, "loginClientId": "kubeflow", "dashboardUser": "ada@example.com"}
    given = replace(with_a_gateway(**oidc, loginClientSecret="theirs"), issuer=issuer)
    found = record(lambda: program(given).export())
    assert components(found) == COMPONENTS
    assert found.exports["dashboard_logout"] == (
        "http://localhost:8080/oauth2/sign_out?rd=https%3A%2F%2Fid.example.com%2Fend%3Fclient_id%3Dkubeflow"
        "%26post_logout_redirect_uri%3Dhttp%253A%252F%252Flocalhost%253A8080%252F"
    )


def test_the_password_and_the_kubeconfig_are_exported_as_secrets() -> None:
    def secrets() -> dict[str, Any]:
        outputs = program(inputs())
        assert outputs.kubeconfig is not None
        assert outputs.dashboard_password
        return {"password": outputs.dashboard_password.is_secret(), "kubeconfig": outputs.kubeconfig.is_secret()}

    assert record(secrets).result == {"password": True, "kubeconfig": True}


@pytest.mark.parametrize("where", [EXISTING, SHARED], ids=["kubeconfig", "stack"])
def test_on_an_existing_cluster_no_network_no_cluster_and_no_administrator(where: dict[str, str]) -> None:
    found = made(**where)
    assert components(found) == COMPONENTS - {"Network", "Cluster"}
    assert not found.all("AccessEntry")
    assert "kubeflow-dev-administrator" not in roles(found)
    assert found.one("kubernetes").inputs["kubeconfig"] == KUBECONFIG
    assert found.one("Namespace").depends_on == set()
    assert set(found.exports) == OUTPUTS
    assert (found.exports["kubeconfig"], found.exports["vpc_id"]) == (KUBECONFIG, None)


def test_without_an_oidc_provider_no_service_account_gets_a_role() -> None:
    found = made(**EXISTING)
    assert roles(found) == set()
    assert found.exports["oidc_provider_arn"] is None


@pytest.mark.parametrize(
    "where", [{**EXISTING, "clusterOidcProviderArn": OIDC_PROVIDER}, SHARED], ids=["setting", "stack"]
)
def test_an_oidc_provider_gives_every_runner_a_role(where: dict[str, str]) -> None:
    found = made(**where, kubeflowProfileNamespaces=["team-a", "team-b"])
    assert roles(found) >= {"kubeflow-dev-team-a-default-editor", "kubeflow-dev-team-b-default-editor"}
    trust = json.loads(found.one("Role", "kubeflow-dev-team-a-default-editor").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Federated": OIDC_PROVIDER}
    assert f"{ISSUER}:sub" in trust["Statement"][0]["Condition"]["StringEquals"]
    assert found.exports["oidc_provider_arn"] == OIDC_PROVIDER


def test_artifacts_stay_with_the_release_or_go_to_the_bucket() -> None:
    stay, go = made(), made(kubeflowArtifacts="s3")
    name = "kubeflow/pipeline-install-config"
    assert stay.one("ConfigMap", name).inputs["data"] == {"appVersion": "2.16.0"}
    data = go.one("ConfigMap", name).inputs["data"]
    assert (data["bucketName"], data["objectStoreRegion"]) == ("bucket-1234567", "us-west-2")
    account = go.one("ServiceAccount", "kubeflow/ml-pipeline").inputs["metadata"]
    assert account["annotations"]["eks.amazonaws.com/role-arn"].endswith(":kubeflow-dev-kubeflow-ml-pipeline")
    assert go.one("ConfigMap", "kubeflow/untouched").inputs == stay.one("ConfigMap", "kubeflow/untouched").inputs


def test_every_object_of_the_release_is_sent() -> None:
    sent = {one.name for one in made().resources if one.type.startswith("kubernetes:core/v1:")}
    wanted = [(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in OBJECTS]
    assert sent == {"/".join(filter(None, parts)) for parts in wanted}


def test_protection_covers_what_holds_data_or_takes_long() -> None:
    protected, open_ = made(protect=True), made()
    covered = {one.type.rpartition(":")[2] for one in protected.resources if one.protect}
    assert covered >= {"Vpc", "Key", "Bucket", "Repository"}
    # What a changed setting replaces or removes, such as nodes, a zone or an administrator, is not.
    assert covered.isdisjoint({"Kubeflow", "Namespace", "Identity", "RandomPassword", "Subnet", "NatGateway", "Addon"})
    assert covered.isdisjoint({"ManagedNodeGroup", "LaunchTemplate", "Cluster", "Network"})
    assert protected.one("Cluster", "kubeflow-dev-eks").inputs["deletionProtection"] is True
    assert not [one.name for one in open_.resources if one.protect]


@pytest.mark.parametrize(("on_destroy", "kept"), [("keep", True), ("empty", False)])
def test_bucket_and_repository_outlive_the_stack_or_go_with_it(on_destroy: str, kept: bool) -> None:
    found = made(storageOnDestroy=on_destroy)
    bucket, repository = found.one("Bucket"), found.one("Repository")
    assert (bucket.retain_on_delete, repository.retain_on_delete) == (kept, kept)
    assert (bucket.inputs["forceDestroy"], repository.inputs["forceDelete"]) == (not kept, not kept)


def test_names_and_tags_tell_two_stacks_of_one_account_apart() -> None:
    blue = made("dev-blue", tags={"team": "ml"})
    assert blue.exports["cluster_name"] == "kubeflow-dev-blue"
    tags = blue.one("Bucket").inputs["tags"]
    assert tags == {"team": "ml", "pulumi:project": "kubeflow", "pulumi:stack": "dev-blue"}


def test_bad_input_ends_the_run_with_its_sentence_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / extensions.FILE).write_text("def chnge(args): pass\n")
    monkeypatch.setattr("infra.settings.read", lambda _: inputs().settings)

    def fails() -> None:
        with pytest.raises(pulumi.RunError, match=r"^extensions\.py has no function .*") as caught:
            run(tmp_path)
        assert caught.value.__suppress_context__

    assert record(fails).resources == []
