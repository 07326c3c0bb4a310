"""What `ordering.check` says, held against a real API server: its fields, and its verdict on good and bad objects."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.present import present
from localcloud.plane import openapi
from ops.cluster import Access, ClusterApi, connected
from ordering.check import Absent, check
from ordering.check.table import FILE
from ordering.errors import UserError
from ordering.graph import build
from tests.local.cluster import Cluster, Manifest, until

RBAC = "rbac.authorization.k8s.io/v1"


def each(*values: Any) -> tuple[Any, ...]:
    return values


def obj(api: str, kind: str, **content: Any) -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "judged", "namespace": "default"}, **content}


def pods(**spec: Any) -> Manifest:
    pod = {"containers": [{"name": "main", "image": "none"}], **spec}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    return obj("apps/v1", "Deployment", spec={"selector": {"matchLabels": {"app": "web"}}, "template": template})


def web(**container: Any) -> Manifest:
    return pods(containers=[{"name": "main", "image": "none", **container}])


def spread(**spec: Any) -> Manifest:
    manifest = pods()
    manifest["spec"] |= spec
    return manifest


def marked(**metadata: Any) -> Manifest:
    manifest = obj("v1", "ConfigMap", data={"a": "b"})
    manifest["metadata"] |= metadata
    return manifest


def ports(*found: Any) -> Manifest:
    return obj("v1", "Service", spec={"ports": [*found]})


def claim(**spec: Any) -> Manifest:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return obj("v1", "PersistentVolumeClaim", spec=wanted)


def thing(**spec: Any) -> Manifest:
    return obj("judged.test/v1", "Thing", spec=spec)


GOOD: list[Manifest] = [
    web(),
    spread(replicas=1.0),
    web(tty=None, args=["a", None]),
    web(resources={"requests": {"cpu": 1, "memory": "1.5Gi", "ephemeral-storage": "1e3"}}),
    web(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]),
    marked(labels={"a": None}, creationTimestamp=None),
    marked(creationTimestamp="2026-01-01T00:00:00Z", generation=5, selfLink="/x"),
    obj("v1", "ConfigMap", data={"a": None}, binaryData={"b": "YQ=="}),
    obj("v1", "Secret", data={"a": "YWFh\nYWFh"}, stringData={"b": "c"}),
    ports({"port": 80, "targetPort": "http"}),
    claim(accessModes=["ReadWriteOnce", "ReadWriteOnce"]),
    {**pods(), "status": {"replicas": 3}},
    obj(RBAC, "RoleBinding", roleRef={"kind": "Role", "name": "x"}, subjects=[]),
    thing(),
    thing(size=1.0, text=None, either="80%", either2=5, free={"a": {"b": 1}}, any={"x": 1}),
    thing(strict={"needed": "a"}, choice={"a": 1}, named=[{"name": "a"}, {"name": "b"}], set=["a", "b"]),
    thing(template={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"a": "b"}}),
]

BAD: list[Manifest] = [
    *(spread(replicas=value) for value in each("1", 1.5, "", [], True)),
    *(web(tty=value) for value in each("true", 1)),
    *(web(image=value) for value in each(5, True, [], {"a": "b"})),
    *(web(args=value) for value in each({"a": "b"}, "a", "", {}, [5])),
    *(web(**{key: "x"}) for key in ("imagee", "Image", "more")),
    web(imagee=None),
    web(env=[{"name": "A", "value": 1}]),
    web(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
    web(env=[{"name": "A", "valu": "1"}]),
    web(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]),
    web(volumeMounts=[{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/a"}]),
    *(web(resources={"requests": {"cpu": value}}) for value in each("1 core", True, [1], "", {})),
    pods(securityContext="a"),
    pods(nodeSelector={"a": True}),
    pods(volumes=[None]),
    *(marked(labels=value) for value in each(["a"], "a", {"a": 1}, {"a": True})),
    marked(annotations={"a": 1}),
    marked(finalizers=["judged.test/a", "judged.test/a"]),
    marked(finalizers="a/b"),
    marked(more="x"),
    marked(creationTimestamp="yesterday"),
    marked(generation="5"),
    *(obj("v1", "ConfigMap", data={"a": value}) for value in each(1, {"b": 1}, ["a"])),
    obj("v1", "ConfigMap", more=1),
    obj("v1", "ConfigMap", binaryData={"a": "###"}),
    *(obj("v1", "Secret", data={"a": value}) for value in each("x y", "YQ", 1)),
    ports({"port": "80"}),
    *(ports({"port": 80, "targetPort": value}) for value in each(80.5, True, 2**40, [])),
    ports({"port": 80, "name": "a"}, {"port": 80, "name": "b"}),
    {**pods(), "status": {"replicas": "x"}},
    {**pods(), "status": {"more": "x"}},
    thing(more=1),
    *(thing(size=value) for value in each("1", 1.5, 0, 10, True, {})),
    *(thing(text=value) for value in each(1, "b", "aaaa", [])),
    thing(mode="three"),
    *(thing(either=value) for value in each(1.5, True, [])),
    *(thing(named=value) for value in each({}, [{"name": "a"}, {"name": "a"}], [{"name": 1}])),
    *(thing(set=value) for value in each(["a", "a"], [], [1])),
    thing(strict={}),
    thing(strict={"needed": "a", "more": 1}),
    *(thing(choice=value) for value in each({}, {"a": 1, "b": 1}, {"a": 7})),
    {**thing(), "more": 1},
]

_AN_INTEGER = {"type": "integer"}
_A_TEXT = {"type": "string"}
PROPERTIES: dict[str, Any] = {
    "size": {"type": "integer", "minimum": 1, "maximum": 9},
    "text": {"type": "string", "pattern": "^a+$", "maxLength": 3, "nullable": True},
    "mode": {"type": "string", "enum": ["one", "two"]},
    "either": {"x-kubernetes-int-or-string": True},
    "either2": {"x-kubernetes-int-or-string": True, "anyOf": [_AN_INTEGER, _A_TEXT]},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "any": {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"known": {"type": "object", "properties": {"a": _A_TEXT}}},
    },
    "named": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": _A_TEXT}},
    },
    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": _A_TEXT, "minItems": 1},
    "strict": {
        "type": "object",
        "required": ["needed", "defaulted"],
        "properties": {"needed": _A_TEXT, "defaulted": {"type": "string", "default": "x"}},
    },
    "choice": {
        "type": "object",
        "properties": {"a": _AN_INTEGER, "b": _AN_INTEGER},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        "not": {"properties": {"a": {"enum": [7]}}, "required": ["a"]},
    },
    "template": {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "properties": {"spec": {"type": "object", "properties": {"a": _A_TEXT}}},
    },
}
DEFINITION: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.judged.test"},
    "spec": {
        "group": "judged.test",
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": PROPERTIES}},
                    }
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[ClusterApi]:
    """The server, which knows the definition."""
    cluster.apply(DEFINITION)
    done = cluster.run("wait", "--for=condition=Established", "crd/things.judged.test", "--timeout=60s")
    assert done.returncode == 0, done.stderr
    with connected(Access(kubeconfig=cluster.plane.kubeconfig.read_text(), context=None)) as connection:
        yield connection


@pytest.mark.usefixtures("api")
def test_the_table_is_what_the_pinned_server_serves_of_itself(cluster: Cluster) -> None:
    kubeconfig = cluster.plane.kubeconfig.read_text()
    until(lambda: "apis/judged.test/v1" in cluster.run("get", "--raw", "/openapi/v3").stdout, "Thing is described")
    served = openapi.text(openapi.table(openapi.documents(kubeconfig), openapi.version(kubeconfig)))
    assert FILE.read_text() == served, "run .venv/bin/python -m localcloud.plane.openapi"


def refusal(api: ClusterApi, manifest: Manifest) -> str:
    """What the server says against an object, as the program sends it."""
    try:
        api.dry_run(manifest)
    except UserError as error:
        return str(error)
    return ""


def said(manifest: Manifest) -> list[str]:
    objects = [DEFINITION, manifest]
    return [one.sentence for one in check(objects, build(objects)) if one.severity == "refused"]


def test_what_the_server_takes_is_taken(api: ClusterApi) -> None:
    assert [told for one in GOOD if (told := refusal(api, one) or said(one))] == []


def test_what_the_server_refuses_is_said_before(api: ClusterApi) -> None:
    silent = [one for one in BAD if not said(one)]
    taken = [one for one in BAD if not refusal(api, one)]
    assert (silent, taken) == ([], [])


def test_a_cluster_says_what_it_has(cluster: Cluster) -> None:
    has = present(cluster.plane.kubeconfig.read_text(), None)
    assert has(Absent("v1", "Namespace", "", "kube-system")) is True
    assert has(Absent("v1", "Namespace", "", "nowhere")) is False
    assert has(Absent("judged.test/v1", "Thing")) is True
    assert has(Absent("judged.test/v1", "Other")) is False
    assert has(Absent("nowhere.test/v1", "Thing")) is False
    assert has(Absent("v1", "ConfigMap", "kube-system", "extension-apiserver-authentication")) is True
    assert has(Absent("v1", "ConfigMap", "default", "nothing")) is False


def test_a_cluster_that_does_not_answer_is_not_known(cluster: Cluster) -> None:
    gone = cluster.plane.kubeconfig.read_text().replace(cluster.plane.server, "https://127.0.0.1:1")
    assert present(gone, None)(Absent("v1", "Namespace", "", "default")) is None
