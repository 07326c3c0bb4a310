"""Each profile has its own role, wherever service accounts have any: with artifacts in S3 and without."""

from typing import Any

import pytest

from infra.kubeflow.load import LoadedRelease
from infra.kubeflow.profiles import check, use_roles
from infra.program import program
from ordering.errors import UserError
from ordering.graph import build
from ordering.manifests.objects import Manifest
from tests.unit.inputs import OBJECTS, inputs
from tests.unit.mocks import OIDC_PROVIDER, record

ROLE = "arn:aws:mock:us-west-2:123456789012:kubeflow-dev-{}-default-editor"


def profile(name: str, *plugins: Manifest) -> Manifest:
    spec: Manifest = {"owner": {"kind": "User", "name": "ada@example.com"}}
    if plugins:
        spec["plugins"] = list(plugins)
    return {"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name}, "spec": spec}


def plugin(role: Any) -> Manifest:
    return {"kind": "AwsIamForServiceAccount", "spec": {"awsIamRole": role, "annotateOnly": True}}


def test_a_profile_gets_its_own_role_beside_its_other_plugins() -> None:
    later, other = object(), {"kind": "WorkloadIdentity", "spec": {}}
    given = [profile("a"), profile("b", plugin("old"), other), profile("c"), {**profile("a"), "kind": "ConfigMap"}]
    roles = {"a/default-editor": "role-a", "b/default-editor": later, "kubeflow/ml-pipeline": "not-this"}
    a, b, c, config_map = use_roles(given, roles)
    assert a["spec"]["plugins"] == [plugin("role-a")]
    assert b["spec"]["plugins"] == [other, plugin(later)]
    assert (c, config_map) == (given[2], given[3])
    assert given[0] == profile("a"), "the given ones are left as they are"


def test_with_artifacts_in_s3_every_profile_of_the_release_has_a_role() -> None:
    check([profile("a"), *OBJECTS], ["a", "b"])
    with pytest.raises(UserError, match=r"the profiles b, c of the release are not in kubeflowProfileNamespaces"):
        check([profile("a"), profile("b"), profile("c")], ["a"])


EXISTING = {"clusterMode": "existing", "clusterKubeconfig": "~/.kube/config"}


@pytest.mark.parametrize(
    ("settings", "has"),
    [
        ({}, True),
        ({"kubeflowArtifacts": "s3"}, True),
        ({**EXISTING, "clusterOidcProviderArn": OIDC_PROVIDER}, True),
        (EXISTING, False),
    ],
    ids=["release", "s3", "an issuer of its own", "no issuer"],
)
def test_the_program_gives_each_profile_its_role_where_there_is_an_issuer(settings: dict[str, Any], has: bool) -> None:
    given = inputs(**settings, kubeflowProfileNamespaces=["team-a", "team-b"])
    objects = [*OBJECTS, profile("team-a"), profile("team-b"), profile("somebody")]
    release = LoadedRelease(source=given.release.source, objects=objects, graph=build(objects))
    changed = type(given)(**{**vars(given), "release": release})
    found = record(lambda: program(changed).export())
    plugins = {one.name: one.inputs["spec"].get("plugins") for one in found.all("Profile")}
    assert plugins == {
        "team-a": [plugin(ROLE.format("team-a"))] if has else None,
        "team-b": [plugin(ROLE.format("team-b"))] if has else None,
        "somebody": None,
    }
    assert ("team-b/default-editor" in found.exports["runner_role_arns"]) is has
