"""A destroy with people and operators in it.

Objects have finalizers, which a controller takes off as long as it lives; policies judge what is changed while it goes;
and webhooks that an operator made at run time stay when it goes.
"""

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.local.cluster import Cluster, Manifest, crd, deployment, namespace, service
from tests.local.stack import Checkout, checked_out, objects

GROUP, RULES = "jobs.example.com", "rules.example.com"
SYSTEM, SHOP = "operators", "shop"
FINALIZER = f"{GROUP}/clean-up"
RBAC = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io/v1"


def of_cluster(api_version: str, kind: str, name: str, **content: object) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}


def operator() -> list[Manifest]:
    """An operator of which only its role says what it finishes."""
    made = deployment(SYSTEM, "operator")
    made["spec"]["template"]["spec"]["serviceAccountName"] = "operator"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator", "namespace": SYSTEM}}
    rules = [{"apiGroups": [GROUP], "resources": ["runs", "runs/finalizers"], "verbs": ["*"]}]
    role = of_cluster(f"{RBAC}/v1", "ClusterRole", "operator", rules=rules)
    subjects = [{"kind": "ServiceAccount", "name": "operator", "namespace": SYSTEM}]
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "operator"}
    binding = of_cluster(f"{RBAC}/v1", "ClusterRoleBinding", "operator", roleRef=reference, subjects=subjects)
    return [made, account, role, binding, service(SYSTEM, "operator")]


def policy() -> list[Manifest]:
    """At most so many replicas.

    The limit is of a kind of its own: of a ConfigMap an API server would keep what it read first, over a destroy and
    the next `up` (kubernetes/kubernetes 130887).
    """
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    spec = {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": f"{RULES}/v1", "kind": "Limit"},
        "matchConstraints": {
            "resourceRules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SHOP}},
        },
        "validations": [{"expression": "object.spec.replicas <= params.most"}],
    }
    reference = {"name": "limit", "parameterNotFoundAction": "Deny"}
    bound = {"policyName": "replicas", "validationActions": ["Deny"], "paramRef": reference}
    return [
        of_cluster(ADMISSION, "ValidatingAdmissionPolicy", "replicas", spec=spec),
        of_cluster(ADMISSION, "ValidatingAdmissionPolicyBinding", "replicas", spec=bound),
        crd(RULES, "Limit", scope="Cluster"),
        of_cluster(f"{RULES}/v1", "Limit", "limit", most=2),
        namespace(SHOP),
        deployment(SHOP, "web", replicas=2),
    ]


def defaults() -> list[Manifest]:
    """A class for whatever names none, and an Ingress and pods that do not."""
    mark = {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}
    edge = of_cluster("networking.k8s.io/v1", "IngressClass", "edge", spec={"controller": "example.com/edge"})
    edge["metadata"] |= mark
    usual = of_cluster("scheduling.k8s.io/v1", "PriorityClass", "usual", value=7, globalDefault=True)
    backend = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    about = {"name": "web", "namespace": SHOP, "annotations": {"pulumi.com/skipAwait": "true"}}
    return [edge, usual, {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": about, "spec": backend}]


def late_webhook() -> Manifest:
    """What an operator registers by itself, in front of most of what a destroy does."""
    rule = {
        "apiGroups": ["", "apps"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["pods", "deployments", "replicasets", "configmaps", "serviceaccounts"],
    }
    inside = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [SHOP]}
    webhook = {
        "name": "late.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"namespace": SYSTEM, "name": "operator", "path": "/validate"}},
        "namespaceSelector": {"matchExpressions": [inside]},
        "rules": [rule],
    }
    return of_cluster(ADMISSION, "ValidatingWebhookConfiguration", "late", webhooks=[webhook])


def job(name: str, space: str, **metadata: object) -> Manifest:
    about = {"name": name, "namespace": space, "finalizers": [FINALIZER], **metadata}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Run", "metadata": about}


class Operator(threading.Thread):
    """Takes the finalizer off what is being deleted, a second after, while a pod of the operator runs."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self.cluster, self.over, self.finished = cluster, threading.Event(), list[str]()

    def run(self) -> None:
        while not self.over.wait(1):
            done = self.cluster.run("get", f"runs.{GROUP}", "-A", "-o", "json")
            found = json.loads(done.stdout)["items"] if done.returncode == 0 else []  # else nobody serves the kind
            going = [one for one in found if one["metadata"].get("deletionTimestamp")]
            if going and (self.cluster.get("deployment", "operator", "-n", SYSTEM) or {}).get("status", {}).get(
                "availableReplicas"
            ):
                for one in going:
                    about = one["metadata"]
                    self.finished.append(about["name"])
                    self.cluster.run(
                        "patch", f"runs.{GROUP}", about["name"], "-n", about["namespace"],
                        "--type=merge", "-p", '{"metadata":{"finalizers":null}}',
                    )  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("people")
    ours = job("ours", SYSTEM)
    del ours["metadata"]["finalizers"]
    own = [crd(GROUP, "Run"), *operator(), ours]
    with checked_out(root, written(root / "platform", own)) as made:
        yield made


def written(folder: Path, own: list[Manifest]) -> Path:
    """The platform, with these objects of its operator."""
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    (folder / "all.yaml").write_text(yaml.safe_dump_all([namespace(SYSTEM), *own, *policy(), *defaults()]))
    return folder


@pytest.fixture
def peopled(checkout: Checkout) -> Cluster:
    """The platform, and in a namespace of their own what people made of its kind; one of them made another."""
    checkout.must("up")
    cluster = checkout.cluster()
    cluster.apply(namespace("team"), job("a", "team"), job("b", SYSTEM))
    owner = cluster.at(f"runs.{GROUP}", "a", "-n", "team")["metadata"]["uid"]
    reference = {"apiVersion": f"{GROUP}/v1", "kind": "Run", "name": "a", "uid": owner, "controller": True}
    cluster.apply(job("made-by-a", "team", ownerReferences=[reference]))
    return cluster


RUNS = f"CustomResourceDefinition/runs.{GROUP}"


def test_an_up_without_the_operator_takes_away_what_it_registered_and_what_it_must_finish(
    checkout: Checkout, peopled: Cluster, tmp_path: Path
) -> None:
    peopled.apply(late_webhook())
    late = "ValidatingWebhookConfiguration late, made at run time: Service operators/operator behind it goes"
    without = Checkout(checkout.root, written(tmp_path / "without", []))
    refused = without.ops("up")
    assert refused.returncode == 1, refused.stdout
    assert f"This would lose for good {RUNS} (3 Runs: 1 in operators, 2 in team)" in refused.stderr
    assert f"Deleted with what this deletes: {late}." in without.must("preview")
    running = Operator(peopled)
    running.start()
    try:
        output = without.must("up", f"--lose={RUNS}")
    finally:
        running.over.set()
        running.join()
    assert f"deleted {late}" in output
    assert set(running.finished) == {"a", "b", "made-by-a"}, "while their controller lived"
    assert not [one for one in objects(peopled) if GROUP in one or "WebhookConfiguration" in one]
    assert peopled.run("scale", "deployment", "web", "-n", SHOP, "--replicas=1").returncode == 0, "nobody refuses it"
    assert peopled.at("validatingadmissionpolicybinding", "replicas"), "what stays is as it was"


def test_they_go_while_their_controller_lives_and_are_told(checkout: Checkout, peopled: Cluster) -> None:
    """The stack's own object has a finalizer by now, its policy would refuse what there is, and a webhook came late."""
    bound, web = peopled.at("validatingadmissionpolicybinding", "replicas"), peopled.at("deployment", "web", "-n", SHOP)
    came = [datetime.fromisoformat(one["metadata"]["creationTimestamp"]) for one in (bound, web)]
    assert came[1] - came[0] >= timedelta(seconds=2), "a policy needs a second to judge"
    assert peopled.at("ingress", "web", "-n", SHOP)["spec"]["ingressClassName"] == "edge"
    assert {one["spec"]["priority"] for one in peopled.at("pods", "-n", SHOP)["items"]} == {7}
    assert json.loads(checkout.must("preview", "--format", "json"))["changes"] == []
    peopled.apply(late_webhook(), job("ours", SYSTEM))
    fewer = peopled.run("patch", f"limits.{RULES}", "limit", "--type=merge", "-p", '{"most":1}')
    assert fewer.returncode == 0, fewer.stderr
    running = Operator(peopled)
    running.start()
    try:
        output = checkout.must("destroy")
    finally:
        running.over.set()
        running.join()
    assert set(running.finished) == {"a", "b", "made-by-a", "ours"}
    assert "deleted 3 objects that people made of the platform's kinds" in output
    assert "deleted ValidatingAdmissionPolicyBinding replicas, which could refuse the deletion" in output
    assert (
        "deleted ValidatingWebhookConfiguration late, made at run time: Service operators/operator behind it goes"
        in output
    )
    assert not [one for one in objects(peopled) if one.startswith("admissionregistration.k8s.io")]
    assert not [one for one in objects(peopled) if GROUP in one]
    assert peopled.get("namespace", "team"), "a namespace of somebody else's stays"


def test_without_a_controller_they_are_named_and_given_up_only_when_told(
    checkout: Checkout, peopled: Cluster, tmp_path: Path
) -> None:
    started = checkout.start("destroy", "--force-finalizers")
    begun = time.monotonic()
    out, err = started.communicate(timeout=300)
    assert started.returncode == 0, f"{out}\n{err}"
    assert time.monotonic() - begun > 60, "a controller has a minute first"
    assert f"Run team/a (finalizers: {FINALIZER})" in out
    assert "gave up the finalizers of " in out
    assert not [one for one in objects(peopled) if GROUP in one]
