"""Slimming removes prose and what the cluster writes itself, and nothing that the API server acts on."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kubeflow.slim import schema, size, slim
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import ALONE, PLATFORMS

# The real releases where they are at hand, and the platform of our own everywhere.


def definition(openapi: dict[str, Any], **spec: Any) -> Manifest:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": openapi}}
    names = {"kind": "Thing", "plural": "things"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.sample.dev", "creationTimestamp": None},
        "spec": {"group": "sample.dev", "names": names, "scope": "Cluster", "versions": [version], **spec},
        "status": {"conditions": [], "storedVersions": []},
    }


def only(manifest: Manifest) -> Manifest:
    (result,) = slim([manifest])
    return result


def test_descriptions_go_and_a_property_of_that_name_stays() -> None:
    openapi = {
        "type": "object",
        "description": "prose",
        "required": ["description"],
        "properties": {
            "description": {"type": "string", "description": "prose", "default": "text"},
            "list": {"type": "array", "items": {"type": "object", "description": "prose"}},
            "map": {"type": "object", "additionalProperties": {"type": "string", "description": "prose"}},
            "choice": {"anyOf": [{"type": "integer", "description": "prose"}, {"type": "string"}]},
            "data": {"type": "object", "default": {"description": "data"}, "enum": [{"description": "data"}]},
        },
    }
    assert schema(openapi) == {
        "type": "object",
        "required": ["description"],
        "properties": {
            "description": {"type": "string", "default": "text"},
            "list": {"type": "array", "items": {"type": "object"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "choice": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "data": {"type": "object", "default": {"description": "data"}, "enum": [{"description": "data"}]},
        },
    }


def test_a_definition_loses_status_and_the_null_time() -> None:
    result = only(definition({"type": "object"}))
    assert "status" not in result
    assert result["metadata"] == {"name": "things.sample.dev"}


def test_what_a_definition_says_of_nothing_is_left_out_and_data_stays() -> None:
    openapi = {
        "type": "object",
        "required": [],
        "nullable": False,
        "properties": {
            "a": {"type": "string", "pattern": "", "minLength": 0, "enum": [], "default": ""},
            "b": {"type": "object", "properties": {}, "default": {"c": []}, "additionalProperties": {}},
        },
    }
    columns = [{"name": "A", "jsonPath": ".a", "priority": 0, "format": ""}, {"name": "B", "priority": 1}]
    defined = definition(openapi, names={"kind": "Thing", "plural": "things", "shortNames": [], "singular": ""})
    defined["spec"]["versions"][0] |= {"additionalPrinterColumns": columns, "served": False, "deprecated": False}
    spec = only(defined)["spec"]
    assert spec["names"] == {"kind": "Thing", "plural": "things"}
    (version,) = spec["versions"]
    assert version == {
        "name": "v1",
        "served": False,
        "storage": True,
        "additionalPrinterColumns": [{"name": "A", "jsonPath": ".a"}, {"name": "B", "priority": 1}],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "minLength": 0, "default": ""},
                    "b": {"type": "object", "default": {"c": []}, "additionalProperties": {}},
                },
            }
        },
    }


def test_a_status_that_is_a_subresource_is_left_to_its_controller() -> None:
    thing = {"apiVersion": "sample.dev/v1", "kind": "Thing", "metadata": {"name": "x"}, "status": {"ready": True}}
    plain = definition({"type": "object"})
    assert slim([thing, plain])[0]["status"] == {"ready": True}
    plain["spec"]["versions"][0]["subresources"] = {"status": {}}
    assert "status" not in slim([thing, plain])[0]


def test_what_a_cluster_wrote_into_an_exported_object_is_left_out() -> None:
    written = {"uid": "1", "resourceVersion": "2", "generation": 3, "selfLink": "/x", "managedFields": []}
    metadata = {"name": "x", "namespace": "here", "labels": {"a": "b"}, "finalizers": ["f"]}
    exported = {"apiVersion": "team.dev/v1", "kind": "Thing", "metadata": metadata | written}
    assert only(exported)["metadata"] == metadata


@pytest.mark.parametrize("bundle", ["", None, "Cg=="])
def test_an_empty_bundle_is_left_to_its_controller(bundle: str | None) -> None:
    client = {"caBundle": bundle, "service": {"name": "hook", "namespace": "here"}}
    webhooks = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "hook"},
        "webhooks": [{"name": "a.b.c", "clientConfig": client}],
    }
    assert only(webhooks)["webhooks"][0]["clientConfig"] == {"service": client["service"]}
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]}}
    kept = only(definition({"type": "object"}, conversion=conversion))["spec"]["conversion"]["webhook"]
    assert kept == {"clientConfig": {"service": client["service"]}, "conversionReviewVersions": ["v1"]}
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.metrics"},
        "spec": {"group": "metrics", "caBundle": bundle},
    }
    assert only(service)["spec"] == {"group": "metrics"}


@pytest.mark.parametrize("how", ["inject-ca-from", "inject-ca-from-secret", "inject-apiserver-ca"])
def test_a_bundle_that_is_injected_is_left_to_the_injector_whatever_it_holds(how: str) -> None:
    client = {"caBundle": "LS0tLS1CRUdJTg==", "service": {"name": "hook", "namespace": "here"}}
    metadata = {"name": "hook", "annotations": {f"cert-manager.io/{how}": "true"}}
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": metadata,
        "webhooks": [{"name": "hook.sample.dev", "clientConfig": client}],
    }
    assert "caBundle" not in only(hook)["webhooks"][0]["clientConfig"]
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": client}
    converting = definition({"type": "object"}, conversion={"strategy": "Webhook", "webhook": webhook})
    converting["metadata"] = metadata
    assert "caBundle" not in only(converting)["spec"]["conversion"]["webhook"]["clientConfig"]


def test_a_real_bundle_stays() -> None:
    client = {"caBundle": "LS0tLS1CRUdJTg==", "url": "https://hook.example"}
    webhooks = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hook"},
        "webhooks": [{"name": "a.b.c", "clientConfig": client}],
    }
    assert only(webhooks) == webhooks


def test_cluster_scoped_objects_lose_their_namespace_and_others_keep_it() -> None:
    metadata = {"name": "x", "namespace": "here"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": []}
    thing = {"apiVersion": "sample.dev/v1", "kind": "Thing", "metadata": metadata}
    other = {"apiVersion": "other.dev/v1", "kind": "Thing", "metadata": metadata}
    slimmed = slim([role, thing, other, definition({"type": "object"})])
    assert [manifest["metadata"].get("namespace") for manifest in slimmed] == [None, None, "here", None]


def test_nulls_go_where_they_mean_nothing_and_stay_where_they_mean_something() -> None:
    pod = {"metadata": {"creationTimestamp": None, "labels": {"a": None}}, "spec": {"affinity": {"nodeAffinity": None}}}
    work = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": pod}}
    assert only(work)["spec"]["template"] == {"metadata": {"labels": {"a": None}}, "spec": {"affinity": {}}}
    custom = {"apiVersion": "sample.dev/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": {"limit": None}}
    assert only(custom) == custom


def test_an_aggregated_role_claims_no_rules() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "edit"}}
    selected = {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}
    assert only({**role, "aggregationRule": selected, "rules": []}) == {**role, "aggregationRule": selected}


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_a_role_that_allows_nothing_claims_no_rules(kind: str) -> None:
    """The API server stores the empty list as null, which is a difference for ever."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "edit"}}
    assert only({**role, "rules": []}) == role
    assert only({**role, "rules": None}) == role
    assert only({**role, "rules": [{"verbs": ["get"]}]})["rules"] == [{"verbs": ["get"]}]


def test_a_secret_that_a_controller_fills_claims_no_data() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "type": "Opaque"}
    assert only({**secret, "data": {}}) == secret
    assert only({**secret, "data": {"key": "dmFsdWU="}})["data"] == {"key": "dmFsdWU="}


names = st.sampled_from(["description", "properties", "items", "name", "default", "enum"])
leaves = st.sampled_from([{"type": "string"}, {"type": "integer", "minimum": 1}, {"x-kubernetes-int-or-string": True}])
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            lambda of: {"type": "object", "properties": of}, st.dictionaries(names, inner, min_size=1, max_size=3)
        ),
        st.builds(lambda of: {"type": "array", "items": of}, inner),
        st.builds(lambda of: {"type": "object", "additionalProperties": of}, inner),
        st.builds(lambda of: {"allOf": of}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=12,
)


def described(node: Any) -> Any:
    """The schema with a description at every node that is a schema."""
    result: dict[str, Any] = {"description": "prose"}
    for key, value in node.items():
        if key == "properties":
            result[key] = {name: described(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties"):
            result[key] = described(value)
        elif key == "allOf":
            result[key] = [described(child) for child in value]
        else:
            result[key] = value
    return result


@given(schemas)
def test_a_schema_survives_exactly_and_its_prose_does_not(bare: dict[str, Any]) -> None:
    assert schema(described(bare)) == bare
    assert schema(bare) == bare


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.name)
def test_a_platform_keeps_its_objects_and_sheds_bytes(platform: Path) -> None:
    objects = render(platform)
    before = copy.deepcopy(objects)
    slimmed = slim(objects)
    assert objects == before, "the given objects are changed"
    assert slim(slimmed) == slimmed
    # Most of a release is its CRDs, and most of those is prose; the small platforms have little of either.
    small = platform.name == "sample" or platform in ALONE
    assert size(slimmed) < (1 if small else 0.6) * size(objects)
    assert len(slimmed) == len(objects)
    assert not [manifest for manifest in slimmed if "status" in manifest]
