"""What comes to be only while a platform starts: one up with slow pods.

Nothing is played here but what makes a kind: permissions, webhooks, conversions and Jobs are the API server's, the
controller manager's and the laptop's own (localcloud/controllers/play).
"""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi import automation

from localcloud import plane
from tests.local.cluster import Cluster, bundles, crd, deployment, namespace, service, until, writers
from tests.local.kubernetes_stack import Engine, Manifest, changes, platform

RBAC = "rbac.authorization.k8s.io/v1"
REGISTRATION = "admissionregistration.k8s.io"
KINDS = ("Mutating", "Validating")
# The pods of this seed take 10 to 14 s, at half of what they would.
SEED = 8747


def obj(api: str, kind: str, name: str, place: str = "", **content: Any) -> Manifest:
    metadata = {"name": name, "namespace": place} if place else {"name": name}
    return {"apiVersion": api, "kind": kind, "metadata": metadata} | content


def acting(place: str, name: str, *rules: Manifest, **pod: Any) -> list[Manifest]:
    """A namespace with a Deployment behind a Service, and what its account may do."""
    made = deployment(place, name)
    made["spec"]["template"]["spec"] |= {"serviceAccountName": name, **pod}
    return [namespace(place), service(place, name), made, *account(place, name, *rules)]


def account(place: str, name: str, *rules: Manifest) -> list[Manifest]:
    subject = {"kind": "ServiceAccount", "name": name, "namespace": place}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{place}-{name}"}
    return [
        obj("v1", "ServiceAccount", name, place),
        obj(RBAC, "ClusterRole", role["name"], rules=list(rules)),
        obj(RBAC, "ClusterRoleBinding", role["name"], roleRef=role, subjects=[subject]),
    ]


def may(group: str, *resources: str, verbs: tuple[str, ...] = ("*",)) -> Manifest:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def judging(kind: str, place: str, name: str, resource: str) -> Manifest:
    """A configuration without a CA that judges the creation of a custom resource."""
    rules = [{"apiGroups": [f"{place}.test"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resource]}]
    hook = {
        "name": f"{kind.lower()}.{place}.test",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": {"namespace": place, "name": name}},
        "rules": rules,
    }
    return obj(f"{REGISTRATION}/v1", f"{kind}WebhookConfiguration", f"{place}-{kind.lower()}", webhooks=[hook])


def job(place: str, name: str, *args: str, **spec: Any) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "certgen", "args": list(args)}]}
    return obj("batch/v1", "Job", name, place, spec={"template": {"spec": pod | {"serviceAccountName": name}}, **spec})


# An operator that writes its CA into its own two configurations, and ends where one is not there.
DATABASES = [
    *acting(
        "db",
        "manager",
        may(REGISTRATION, *(f"{kind.lower()}webhookconfigurations" for kind in KINDS), verbs=("get", "patch")),
    ),
    crd("db.test", "Db"),
    *(judging(kind, "db", "manager", "dbs") for kind in KINDS),
    obj("db.test/v1", "Db", "first", "db"),
]
# One that signs the conversion of its own definition.
PEERS = [
    *acting("net", "speaker", volumes=[{"name": "cert", "secret": {"secretName": "speaker-cert"}}]),
    obj("v1", "Secret", "speaker-cert", "net"),
    crd(
        "net.test",
        "Peer",
        versions=("v2", "v1"),
        conversion={
            "strategy": "Webhook",
            "webhook": {
                "conversionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "net", "name": "speaker", "path": "/convert"}},
            },
        },
    ),
    obj("net.test/v1", "Peer", "first", "net"),
]
# One whose Secret a Job makes, and whose CA another Job writes into the configuration.
DOORS = [
    *acting("door", "keeper", volumes=[{"name": "cert", "secret": {"secretName": "keeper-cert"}}]),
    *account("door", "make", may("", "secrets", verbs=("get", "create"))),
    *account("door", "patch", may(REGISTRATION, "validatingwebhookconfigurations", verbs=("get", "update"))),
    job("door", "make", "create", "--secret-name=keeper-cert"),
    job("door", "patch", "patch", "--webhook-name=door-validating", "--secret-name=keeper-cert"),
    crd("door.test", "Door"),
    judging("Validating", "door", "keeper", "doors"),
    obj("door.test/v1", "Door", "first", "door"),
]
# A policy engine that makes a kind of each template, after the half minute in which the plugin gives up.
POLICIES = [
    *acting(
        "policy",
        "engine",
        may("apiextensions.k8s.io", "customresourcedefinitions"),
        may("constraints.gatekeeper.sh", "*"),
    ),
    crd("templates.gatekeeper.sh", "ConstraintTemplate", scope="Cluster"),
    obj(
        "templates.gatekeeper.sh/v1",
        "ConstraintTemplate",
        "mustlabel",
        spec={"crd": {"spec": {"names": {"kind": "MustLabel"}}}},
    ),
    obj("constraints.gatekeeper.sh/v1beta1", "MustLabel", "teams"),
]
# One whose running pods make a Secret that another's mount, and one whose init container makes its own.
MESH = [
    *acting(
        "mesh",
        "controller",
        may("", "secrets", verbs=("create",)),
        containers=[{"name": "main", "image": "mesh", "env": [{"name": "SECRET", "value": "members"}]}],
    ),
    *acting("mesh", "speaker", volumes=[{"name": "members", "secret": {"secretName": "members"}}])[1:],
    *acting(
        "mesh",
        "cache",
        may("", "secrets", verbs=("create",)),
        may("", "secrets", verbs=("get",)) | {"resourceNames": ["login"]},
        initContainers=[{"name": "init", "image": "mesh"}],
        containers=[
            {
                "name": "main",
                "image": "mesh",
                "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "login", "key": "auth"}}}],
            }
        ],
    )[1:],
]
# What may wait for ever, and nothing needs.
NEEDLESS = [
    namespace("idle"),
    service("idle", "web") | {"spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}},
    obj(
        "networking.k8s.io/v1",
        "Ingress",
        "web",
        "idle",
        spec={
            "ingressClassName": "alb",
            "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}},
        },
    ),
    obj("v1", "ServiceAccount", "later", "idle"),
    job("idle", "later", suspend=True),
    obj(
        "v1",
        "PersistentVolumeClaim",
        "data",
        "idle",
        spec={
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    ),
]


ALL = [*DATABASES, *PEERS, *DOORS, *POLICIES, *MESH, *NEEDLESS]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("late")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(plane.PACE, "0.5")
        yield Cluster(plane.start(root, pods="realistic", seed=SEED))
        plane.stop(root, wipe=True)


@pytest.fixture(scope="module")
def stack(engine: Engine, cluster: Cluster) -> automation.Stack:
    """A stack that came up, beside somebody who makes the engine's kind half a minute late."""
    made = engine.stack("late", platform(*ALL), cluster.plane.kubeconfig.read_text())

    def make_kind() -> None:
        template = ("get", "constrainttemplates.templates.gatekeeper.sh", "mustlabel")
        until(lambda: cluster.run(*template).returncode == 0, "the template", 120)
        engine = ("-n", "policy", "deployment/engine")
        until(lambda: cluster.run("get", *engine).returncode == 0, "the engine", 120)
        cluster.run("wait", "--for=condition=Available", "--timeout=120s", *engine)
        threading.Event().wait(33)
        cluster.apply(crd("constraints.gatekeeper.sh", "MustLabel", scope="Cluster", versions=("v1beta1",)))

    playing = threading.Thread(target=make_kind)
    playing.start()
    try:
        made.up()
    finally:
        playing.join()
    return made


def test_everything_is_sent_once_and_nothing_is_refused(stack: automation.Stack, cluster: Cluster) -> None:
    refused = [
        call for name in ("db/manager", "door/keeper") for call in cluster.calls(name) if not call.get("allowed")
    ]
    assert refused == []
    for kind, name in (("db", "first"), ("peer", "first"), ("door", "first"), ("mustlabel", "teams")):
        place = {"db": "db", "peer": "net", "door": "door", "mustlabel": "default"}[kind]
        assert cluster.get(kind, name, "-n", place), f"{kind} {name}"
    assert changes(stack.preview()) == {}


def test_each_ca_is_written_by_who_may(stack: automation.Stack, cluster: Cluster) -> None:
    for kind, name, writer in (
        ("mutatingwebhookconfiguration", "db-mutating", "manager"),
        ("validatingwebhookconfiguration", "db-validating", "manager"),
        ("validatingwebhookconfiguration", "door-validating", "patch"),
    ):
        live = cluster.at(kind, name, "--show-managed-fields")
        assert (len(bundles(live)), writers(live, "caBundle")) == (1, {writer})
    assert writers(cluster.at("crd", "peers.net.test", "--show-managed-fields"), "caBundle") == {"speaker"}
    assert set(cluster.at("secret", "keeper-cert", "-n", "door")["data"]) == {"cert", "key", "ca"}


def test_each_secret_that_no_manifest_holds_is_made_by_who_may(cluster: Cluster) -> None:
    assert set(cluster.at("secret", "login", "-n", "mesh")["data"]) == {"auth"}
    made = cluster.at("secret", "members", "-n", "mesh", "--show-managed-fields")
    assert writers(made, "data") == {"controller"}


def test_a_backend_before_its_configurations_never_becomes_ready(cluster: Cluster) -> None:
    """What the plan spares a platform: the laptop's operator waits for what it looks for."""
    left_out = ("Db", *(f"{kind}WebhookConfiguration" for kind in KINDS))
    alone = json.loads(json.dumps([one for one in DATABASES if one["kind"] not in left_out]).replace("db", "early"))
    cluster.apply(*sorted(alone, key=lambda one: bool(one["kind"] == "Deployment")))
    failed = ("events", "-n", "early", "--field-selector=reason=FailedMount")
    (event,) = until(lambda: (cluster.get(*failed) or {}).get("items"), "it says what it waits for")
    assert event["message"] == (
        "waits for one of its mutatingwebhookconfigurations, one of its validatingwebhookconfigurations"
    )
    cluster.delete("namespace", "early", wait=False)


def test_who_may_write_everything_waits_for_no_configuration(cluster: Cluster) -> None:
    """As Argo CD's server, which may patch all kinds and registers none."""
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["delete", "get", "patch"]}
    cluster.apply(*acting("free", "server", everything))
    started = "localcloud.kubeflow/mounts-ready"

    def begun() -> bool:
        pods = (cluster.get("pods", "-n", "free") or {"items": []})["items"]
        return any(started in (one["metadata"].get("annotations") or {}) for one in pods)

    until(begun, "its pod starts")
    cluster.delete("namespace", "free", wait=False)
