"""What a killed run leaves in the state, made good: nothing forgotten that exists, nothing kept that need not be."""

from typing import Any

import pytest

from ops.identify import Account, identify
from ops.interrupted import UNKNOWN, UNREADY, note, terminating, unready, unsettled

PREFIX = "urn:pulumi:local::kubeflow::kubeflow:infra:Kubeflow$"


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": f"{PREFIX}{kind}::{name}", "type": kind, "custom": True, "inputs": {"a": 1}, **more}


def interrupted(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "resource": {key: value for key, value in about.items() if key != "id"}}


BUCKET = resource("aws:s3/bucket:Bucket", "artifacts")
DEPLOYMENT = resource("kubernetes:apps/v1:Deployment", "apps/web", id="apps/web")


def named(one: dict[str, Any], taken: frozenset[str]) -> str | None:
    return f"id-of-{one['urn'].rsplit('::', 1)[-1]}"


def test_a_run_that_ended_by_itself_leaves_nothing_to_look_at() -> None:
    assert unsettled({"resources": [DEPLOYMENT]}) == set()
    assert unsettled({}) == set()


def test_an_interrupted_create_is_kept_under_its_id_until_it_was_looked_at() -> None:
    noted, urns = note({"resources": [DEPLOYMENT], "pending_operations": [interrupted("creating", BUCKET)]}, named)
    made = noted["resources"][-1]
    assert urns == {BUCKET["urn"]}
    assert (made["id"], made["outputs"], made["initErrors"]) == ("id-of-artifacts", BUCKET["inputs"], [UNKNOWN])
    assert "pending_operations" not in noted
    # Killed again before it was: still to be looked at.
    assert unsettled(noted) == urns
    assert note(noted, named) == (noted, urns)


def test_a_create_without_an_id_is_forgotten() -> None:
    noted, urns = note({"resources": [], "pending_operations": [interrupted("creating", BUCKET)]}, lambda *_: None)
    assert (noted["resources"], urns) == ([], set())


def test_what_an_interrupted_create_was_to_replace_is_left_to_be_deleted() -> None:
    old = {**BUCKET, "id": "old"}
    noted, _ = note({"resources": [old], "pending_operations": [interrupted("creating", BUCKET)]}, named)
    assert [(one["id"], one.get("delete", False)) for one in noted["resources"]] == [
        ("old", True),
        ("id-of-artifacts", False),
    ]


@pytest.mark.parametrize("kind", ["updating", "deleting"])
def test_what_was_being_changed_or_deleted_is_looked_at(kind: str) -> None:
    noted, urns = note({"resources": [DEPLOYMENT], "pending_operations": [interrupted(kind, DEPLOYMENT)]}, named)
    assert urns == {DEPLOYMENT["urn"]}
    assert noted["resources"][0]["initErrors"] == [UNKNOWN]


def test_the_given_state_is_left_as_it_is() -> None:
    state = {"resources": [dict(DEPLOYMENT)], "pending_operations": [interrupted("updating", DEPLOYMENT)]}
    note(state, named)
    unready(state, {DEPLOYMENT["urn"]})
    assert state == {"resources": [DEPLOYMENT], "pending_operations": [interrupted("updating", DEPLOYMENT)]}


def test_what_lives_in_kubernetes_is_waited_for_again() -> None:
    looked_at = {"resources": [{**DEPLOYMENT, "initErrors": [UNKNOWN]}, {**BUCKET, "id": "b"}]}
    marked = unready(looked_at, {DEPLOYMENT["urn"], BUCKET["urn"]})
    assert [one["initErrors"] for one in marked["resources"]] == [[UNREADY], []]


def test_what_reading_found_wrong_is_kept() -> None:
    marked = unready({"resources": [{**DEPLOYMENT, "initErrors": ["0 of 1 pods"]}]}, {DEPLOYMENT["urn"]})
    assert marked["resources"][0]["initErrors"] == ["0 of 1 pods"]


def test_what_kubernetes_is_deleting_is_told_apart() -> None:
    going = {**DEPLOYMENT, "outputs": {"metadata": {"deletionTimestamp": "2026-11-22T08:26:12Z"}}}
    assert terminating({"resources": [going]}, {going["urn"]}) == {"apps/web"}
    assert terminating({"resources": [going, DEPLOYMENT]}, set()) == set()


class NoCloud(Account):
    def client(self, service: str) -> Any:
        raise AssertionError(f"asked {service}")


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        ("aws:s3/bucket:Bucket", {"bucket": "artifacts-1a2b3c4"}, "artifacts-1a2b3c4"),
        ("aws:iam/rolePolicy:RolePolicy", {"role": "runner", "name": "s3"}, "runner:s3"),
        ("aws:eks/addon:Addon", {"clusterName": "c", "addonName": "vpc-cni"}, "c:vpc-cni"),
        # What terraform-provider-aws gives to a default route.
        (
            "aws:ec2/route:Route",
            {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"},
            "r-rtb-11080289494",
        ),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"namespace": "apps", "name": "x"}}, "apps/x"),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "apps"}}, "apps"),
        ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinitionPatch", {"metadata": {"name": "x"}}, None),
        ("aws:s3/bucketVersioning:BucketVersioning", {"bucket": "b"}, None),
        ("random:index/randomPassword:RandomPassword", {"length": 32}, None),
        ("pulumi:providers:kubernetes", {}, None),
    ],
)
def test_ids_follow_from_inputs(kind: str, inputs: dict[str, Any], expected: str | None) -> None:
    assert identify({"type": kind, "inputs": inputs}, NoCloud("us-west-2", frozenset())) == expected


class Tagged(Account):
    """EC2 with three subnets, of which two have the same tags."""

    TAGS = (
        ("subnet-a", {"Name": "private-a", "stack": "dev"}),
        ("subnet-b", {"Name": "private-b", "stack": "dev"}),
        ("subnet-c", {"Name": "private-b", "stack": "dev"}),
    )

    def client(self, service: str) -> Any:
        assert service == "ec2"
        return self

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_tags"
        return self

    def paginate(self, Filters: list[dict[str, Any]]) -> list[Any]:  # noqa: N803
        wanted = {one["Name"]: one["Values"][0] for one in Filters}
        assert wanted["resource-type"] == "subnet"
        found = [{"ResourceId": id_} for id_, tags in self.TAGS if tags.get(wanted["key"]) == wanted["value"]]
        return [{"Tags": found[:1]}, {"Tags": found[1:]}]


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("private-a", [], "subnet-a"),
        ("private-a", ["subnet-a"], None),
        ("private-b", [], None),
        ("private-b", ["subnet-c"], "subnet-b"),
        ("nobody", [], None),
    ],
)
def test_what_aws_numbers_is_found_by_all_its_tags(name: str, taken: list[str], expected: str | None) -> None:
    about = {"type": "aws:ec2/subnet:Subnet", "inputs": {"tags": {"stack": "dev", "Name": name}}}
    assert identify(about, Tagged("us-west-2", frozenset(taken))) == expected
