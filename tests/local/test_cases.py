"""Small cases of objects that change beside the program, or that cannot change: the program's provider, a real server.

They come from the stand-in that once served `kubernetes` here; what is read is what the cluster and the engine say.
"""

from typing import Any

import pytest
from pulumi import automation

from tests.local.cluster import Cluster, deployment, namespace, service
from tests.local.kubernetes_stack import Engine, Manifest, changes, platform, program

PLACE = "cases"
PROVISIONER = "none.example.com"


def obj(api: str, kind: str, name: str, *, cluster: bool = False, **content: Any) -> Manifest:
    metadata = {"name": name} if cluster else {"name": name, "namespace": PLACE}
    return {"apiVersion": api, "kind": kind, "metadata": metadata} | content


def role(name: str, verb: str = "get") -> Manifest:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}]
    return obj("rbac.authorization.k8s.io/v1", "Role", name, rules=rules)


def binding(to: str) -> Manifest:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": to}
    subjects = [{"kind": "User", "name": "ada", "apiGroup": "rbac.authorization.k8s.io"}]
    return obj("rbac.authorization.k8s.io/v1", "RoleBinding", "binding", roleRef=reference, subjects=subjects)


def web() -> Manifest:
    made = deployment(PLACE, "web", replicas=0)
    main = made["spec"]["template"]["spec"]["containers"][0]
    main["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    return made


class Stack:
    """One stack in one namespace, and what others do beside it."""

    def __init__(self, engine: Engine, cluster: Cluster, name: str) -> None:
        self.cluster, self.kubeconfig = cluster, cluster.plane.kubeconfig.read_text()
        self.stack = engine.stack(name, platform(namespace(PLACE)), self.kubeconfig)

    def holds(self, *manifests: Manifest) -> automation.Stack:
        """The stack, of which the program says this from now on."""
        self.stack.workspace.program = program(platform(namespace(PLACE), *manifests), self.kubeconfig)
        return self.stack

    def patch(self, what: str, patch: str, kind: str = "strategic") -> None:
        arguments = ("patch", "-n", PLACE, what, "--field-manager=theirs", f"--type={kind}", "-p", patch)
        done = self.cluster.run(*arguments)
        assert done.returncode == 0, done.stderr

    def at(self, *what: str) -> Manifest:
        return self.cluster.at(*what, "-n", PLACE)


@pytest.fixture
def made(engine: Engine, cluster: Cluster, request: pytest.FixtureRequest) -> Stack:
    return Stack(engine, cluster, request.node.name.removeprefix("test_").replace("_", "-")[:40])


def test_what_others_add_is_no_drift(made: Stack) -> None:
    """Values of others beside ours: in maps, in lists with names, and where nothing of ours is."""
    settings, account = obj("v1", "ConfigMap", "settings", data={"a": "1"}), obj("v1", "ServiceAccount", "runner")
    aggregated = obj(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "cases-all",
        cluster=True,
        aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"cases": "all"}}]},
        rules=[],
    )
    part = obj("rbac.authorization.k8s.io/v1", "ClusterRole", "cases-part", cluster=True, rules=role("x")["rules"])
    part["metadata"]["labels"] = {"cases": "all"}
    stack = made.holds(settings, account, web(), service(PLACE, "web"), aggregated, part)
    stack.up()
    made.patch("configmap/settings", '{"data":{"b":"theirs"},"metadata":{"labels":{"b":"1"},"annotations":{"b":"1"}}}')
    made.patch("configmap/settings", '{"metadata":{"finalizers":["cases.example.com/theirs"]}}', "merge")
    made.patch("serviceaccount/runner", '{"imagePullSecrets":[{"name":"theirs"}]}')
    made.patch("deployment/web", '{"spec":{"template":{"metadata":{"annotations":{"restarted":"now"}}}}}')
    made.patch("service/web", '{"spec":{"sessionAffinity":"ClientIP"}}')
    assert changes(stack.refresh()) == {}
    assert changes(stack.preview()) == {}
    live = made.at("configmap", "settings")
    assert live["data"] == {"a": "1", "b": "theirs"}
    assert made.cluster.at("clusterrole", "cases-all")["rules"] == part["rules"], "the controller has gathered them"
    made.patch("configmap/settings", '{"metadata":{"finalizers":null}}', "merge")
    stack.destroy()


def test_what_somebody_changed_is_drift_and_comes_back(made: Stack) -> None:
    settings = obj("v1", "ConfigMap", "settings", data={"a": "1", "gone": "1"})
    lost, one = obj("v1", "ConfigMap", "lost", data={"a": "1"}), service(PLACE, "web")
    stack = made.holds(settings, lost, web(), one, role("reader"))
    stack.up()
    made.patch("configmap/settings", '{"data":{"a":"2","gone":null}}')
    made.patch("deployment/web", '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"other"}]}}}}')
    made.patch("role/reader", '[{"op":"replace","path":"/rules/0/verbs","value":["delete"]}]', "json")
    made.cluster.delete("configmap", "lost", "-n", PLACE)
    assert changes(stack.refresh()) == {"update": 3, "delete": 1}
    assert changes(stack.preview()) == {"update": 3, "create": 1}
    assert changes(stack.up()) == {"update": 3, "create": 1}
    assert made.at("configmap", "settings")["data"] == {"a": "1", "gone": "1"}
    assert made.at("role", "reader")["rules"][0]["verbs"] == ["get"]
    assert made.at("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "none"
    assert made.at("configmap", "lost")["data"] == {"a": "1"}
    assert changes(stack.preview()) == {}
    stack.destroy()


def storage(provisioner: str) -> Manifest:
    return obj("storage.k8s.io/v1", "StorageClass", "cases", cluster=True, provisioner=provisioner)


def job(image: str) -> Manifest:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}
    made = obj("batch/v1", "Job", "once", spec={"suspend": True, "template": pod})
    made["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    return made


def claim(size: str, name: str = "cases") -> Manifest:
    requests = {"requests": {"storage": size}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": name, "resources": requests}
    made = obj("v1", "PersistentVolumeClaim", "data", spec=spec)
    made["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    return made


FIXED = {
    "the class of a claim": (claim("1Gi"), claim("1Gi", "other")),
    "the provisioner of a class": (storage(PROVISIONER), storage("other.example.com")),
    "the pods of a job": (job("one"), job("two")),
    "the type of a secret": (
        obj("v1", "Secret", "typed", type="example.com/one"),
        obj("v1", "Secret", "typed", type="example.com/two"),
    ),
    "the role of a binding": (binding("reader"), binding("writer")),
}


def test_what_cannot_change_is_replaced(made: Stack) -> None:
    roles = role("reader"), role("writer")
    stack = made.holds(*roles, *(before for before, _ in FIXED.values()))
    stack.up()
    made.holds(*roles, *(after for _, after in FIXED.values()))
    assert changes(stack.up()) == {"replace": len(FIXED)}
    assert made.at("rolebinding", "binding")["roleRef"]["name"] == "writer"
    assert made.cluster.at("storageclass", "cases")["provisioner"] == "other.example.com"
    assert made.at("secret", "typed")["type"] == "example.com/two"
    assert changes(stack.preview()) == {}
    stack.destroy()


def test_what_nobody_serves_is_named_and_nothing_else_is_lost(made: Stack) -> None:
    settings = obj("v1", "ConfigMap", "settings", data={"a": "1"})
    stack = made.holds(settings, obj("nobody.example.com/v1", "Thing", "one", spec={}))
    with pytest.raises(automation.CommandError) as error:
        stack.up()
    assert "nobody.example.com/v1" in str(error.value)
    assert "Thing" in str(error.value)
    made.holds(settings)
    stack.up()
    assert made.at("configmap", "settings")["data"] == {"a": "1"}
    assert changes(stack.preview()) == {}
    stack.destroy()
    assert made.cluster.get("namespace", PLACE) is None
