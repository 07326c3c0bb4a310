"""Every rule earns its place: without it something is refused, waits, gets stuck or is lost; with it nothing is.

Each rule has a platform of its own, no larger than its case; where a real platform has edges of the rule, it is taken
away there as well.
"""

from collections.abc import Iterator

import pytest

from bench.synthetic import (
    account,
    binding,
    cert_manager,
    certificate,
    config_map,
    configuration,
    definition,
    issuer,
    manifest,
    namespace,
    policy_binding,
    role,
    rule,
    secret,
    service,
    volume,
    webhook,
    workload,
)
from bench.synthetic import policy as admission_policy
from ordering.graph import RULES, Graph, Rule, build
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import CERTIFIES, Run, first, last, objects_of, orders, real_platforms
from tests.unit.ordering.simulated_api import Event

A = namespace("a")
RUNNER = account("runner", "a")
ROLE = role("runner", "a")
BINDING = binding("runner", ROLE, RUNNER, "a")
PULLING = account("runner", "a", imagePullSecrets=[{"name": "pull"}])
TOKEN = secret(
    "token",
    "a",
    type="kubernetes.io/service-account-token",
    annotations={"kubernetes.io/service-account.name": "runner"},
)
DEFAULT_CLASS = manifest(
    "storage.k8s.io/v1",
    "StorageClass",
    "disk",
    annotations={"storageclass.kubernetes.io/is-default-class": "true"},
    provisioner="disk.example",
)
EDGE = manifest(
    "networking.k8s.io/v1",
    "IngressClass",
    "edge",
    annotations={"ingressclass.kubernetes.io/is-default-class": "true"},
)
USUAL = manifest("scheduling.k8s.io/v1", "PriorityClass", "usual", globalDefault=True, value=7)
SNAPS = [
    definition("snapshot.storage.k8s.io", "VolumeSnapshot"),
    definition("snapshot.storage.k8s.io", "VolumeSnapshotClass", scope="Cluster"),
    manifest(
        "snapshot.storage.k8s.io/v1",
        "VolumeSnapshotClass",
        "snaps",
        annotations={"snapshot.storage.kubernetes.io/is-default-class": "true"},
    ),
    manifest("snapshot.storage.k8s.io/v1", "VolumeSnapshot", "monday", "a", spec={"source": {}}),
]
CLAIM = manifest("v1", "PersistentVolumeClaim", "data", "a", spec={"accessModes": ["ReadWriteOnce"]})
ISSUED = [*cert_manager(), A, issuer("own", "a"), certificate("served", "a", "own")]
SIGNED = [*cert_manager(), A, secret("root", "a"), issuer("own", "a", ca={"secretName": "root"})]
SERVED = workload("app", "a", volumes=[volume("Secret", "served")])
THING = definition("example.com", "Thing")
WATCHES = manifest(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    "watches",
    rules=[{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get", "watch"]}],
)
WATCHING = binding("watching", WATCHES, RUNNER)
A_THING = manifest("example.com/v1", "Thing", "thing", "a")
HOOK = webhook("hook", ("a", "operator"), [rule("example.com", "things")])
OPERATOR = [workload("operator", "a"), service("operator", "a")]
INJECTED = configuration("operator", HOOK, injected="a/served")
ISTIO = [
    namespace("istio-system"),
    namespace("b", inject="on"),
    workload("istiod", "istio-system"),
    service("istiod", "istio-system"),
    configuration(
        "istio-sidecar-injector",
        webhook(
            "pods.istio.io",
            ("istio-system", "istiod"),
            [rule("", "pods")],
            namespaceSelector={"matchLabels": {"inject": "on"}},
        ),
    ),
    workload("istio-cni-node", "istio-system", kind="DaemonSet"),
    workload("app", "b"),
]
LATE_RULES = configuration(
    "late", webhook("late", ("a", "operator"), [], objectSelector={"matchLabels": {"guarded": "yes"}})
)
CERTIFYING = f"operator{CERTIFIES}"
OWN_AUTHORITY = [
    workload(CERTIFYING, "a", args=[f"--webhook-configuration={CERTIFYING}"]),
    service(CERTIFYING, "a"),
    configuration(CERTIFYING, webhook("hook", ("a", CERTIFYING), [rule("example.com", "things")])),
]
CONVERTED = definition("example.com", "Thing", versions=("v2", "v1"))
CONVERTED["spec"]["conversion"] = {
    "strategy": "Webhook",
    "webhook": {"clientConfig": {"service": {"name": "operator", "namespace": "a"}}},
}
AGGREGATED = manifest(
    "apiregistration.k8s.io/v1",
    "APIService",
    "v1.example.com",
    spec={"group": "example.com", "version": "v1", "service": {"name": "operator", "namespace": "a"}},
)
PROFILES = [
    namespace("kubeflow"),
    definition("kubeflow.org", "Profile", scope="Cluster"),
    workload("profiles-deployment", "kubeflow"),
    manifest("kubeflow.org/v1", "Profile", "person"),
]
AGGREGATE = manifest(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    "sum",
    aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]},
)
PATCHES = manifest(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    "patches",
    rules=[
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations"],
            "verbs": ["patch"],
        }
    ],
)
PATCHED_BY_A_JOB = [
    A,
    THING,
    A_THING,
    *OPERATOR,
    configuration("operator", HOOK),
    RUNNER,
    PATCHES,
    binding("patches", PATCHES, RUNNER),
    {
        **workload("patch", "a", kind="Job", account="runner", args=["patch", "--webhook-name=operator"]),
        "apiVersion": "batch/v1",
    },
]
TEMPLATE = manifest(
    "templates.gatekeeper.sh/v1",
    "ConstraintTemplate",
    "labelled",
    spec={"crd": {"spec": {"names": {"kind": "Labelled"}}}},
)
MAKES_KINDS = manifest(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    "makes-kinds",
    rules=[
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["create"]},
        {"apiGroups": ["constraints.gatekeeper.sh"], "resources": ["*"], "verbs": ["get"]},
    ],
)
GATEKEEPER = [
    A,
    RUNNER,
    MAKES_KINDS,
    binding("makes-kinds", MAKES_KINDS, RUNNER),
    workload("gatekeeper", "a", account="runner"),
    definition("templates.gatekeeper.sh", "ConstraintTemplate", scope="Cluster"),
    TEMPLATE,
    manifest("constraints.gatekeeper.sh/v1beta1", "Labelled", "teams"),
]
DECLARED = {"config.kubernetes.io/depends-on": "apps/namespaces/a/Deployment/operator"}

LIMITED = admission_policy("limit", [rule("", "configmaps", ("CREATE", "UPDATE"))], "example.com/v1 Thing")
BOUND = policy_binding("limit", LIMITED, "thing")
LENIENT = policy_binding("limit", LIMITED, paramRef={"name": "thing", "parameterNotFoundAction": "Allow"})
JUDGED = [A, THING, A_THING, LIMITED, BOUND, config_map("settings", "a")]


def policy(name: str, **labels: str) -> Manifest:
    """A NetworkPolicy for the pods of A with these labels, or for all of them."""
    spec = {"podSelector": {"matchLabels": labels} if labels else {}, "policyTypes": ["Ingress"]}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", name, "a", spec=spec)


def part(name: str) -> Manifest:
    """A role that the aggregated one sums up."""
    return manifest("rbac.authorization.k8s.io/v1", "ClusterRole", name, labels={"part": "yes"}, rules=[])


# For each rule: what goes wrong without it, and on which objects.
CASES: dict[str, tuple[str, list[Manifest]]] = {
    "object_needs_namespace": ("refused", [A, config_map("settings", "a")]),
    "custom_resource_needs_definition": ("refused", [A, THING, A_THING]),
    "binding_needs_role": ("waited", [A, RUNNER, ROLE, BINDING, workload("app", "a", account="runner")]),
    "aggregate_needs_parts": ("remade", [AGGREGATE, *(part(f"part-{i}") for i in range(4))]),
    "binding_needs_account": ("dangling", [A, RUNNER, ROLE, BINDING]),
    "workload_needs_account": ("refused", [A, RUNNER, workload("app", "a", account="runner")]),
    "workload_needs_permissions": ("waited", [A, RUNNER, ROLE, BINDING, workload("app", "a", account="runner")]),
    "workload_needs_watched_kinds": (
        "waited",
        [A, THING, RUNNER, WATCHES, WATCHING, workload("x", "a", account="runner")],
    ),
    "account_needs_secrets": ("waited", [A, PULLING, secret("pull", "a"), workload("app", "a", account="runner")]),
    "token_needs_account": ("lost", [A, RUNNER, TOKEN]),
    "workload_needs_references": (
        "waited",
        [A, config_map("settings", "a"), workload("app", "a", volumes=[volume("ConfigMap", "settings")])],
    ),
    "stateful_set_needs_service": (
        "waited",
        [A, service("store", "a"), workload("store", "a", kind="StatefulSet", serviceName="store")],
    ),
    "claim_needs_storage": ("waited", [A, DEFAULT_CLASS, CLAIM]),
    "ingress_needs_class": ("waited", [A, EDGE, manifest("networking.k8s.io/v1", "Ingress", "web", "a", spec={})]),
    "workload_needs_priority": ("waited", [A, USUAL, workload("app", "a")]),
    "snapshot_needs_class": ("waited", [A, *SNAPS]),
    "workload_needs_network_policies": (
        "refused",
        [
            A,
            THING,
            A_THING,
            *OPERATOR,
            configuration("operator", HOOK),
            policy("deny"),
            policy("allow", app="operator"),
        ],
    ),
    "workload_needs_limits": ("refused", [A, manifest("v1", "LimitRange", "limits", "a"), workload("app", "a")]),
    "workload_needs_certificate": ("waited", [*ISSUED, SERVED]),
    "certificate_needs_issuer": ("stuck", [*ISSUED, SERVED]),
    "issuer_needs_secret": ("stuck", [*SIGNED, certificate("served", "a", "own"), SERVED]),
    "issuer_needs_cert_manager": ("refused", [*ISSUED, SERVED]),
    "webhook_needs_backend": ("stuck", [A, THING, A_THING, *OPERATOR, configuration("operator", HOOK)]),
    "webhook_needs_certificate": ("stuck", [*ISSUED, *OPERATOR, INJECTED]),
    "injector_needs_network_plugin": ("waited", ISTIO),
    "object_needs_webhook": ("refused", [A, THING, A_THING, *OPERATOR, configuration("operator", HOOK)]),
    "backend_needs_configuration": (
        "waited",
        [A, *OPERATOR, LATE_RULES, config_map("guarded", "a", labels={"guarded": "yes"})],
    ),
    "backend_needs_own_webhook": ("stuck", [A, THING, A_THING, *OWN_AUTHORITY]),
    "job_needs_webhook": ("waited", PATCHED_BY_A_JOB),
    "binding_needs_policy": ("missed", JUDGED),
    "policy_needs_parameter_kind": ("refused", [A, THING, LIMITED, LENIENT, config_map("settings", "a")]),
    "binding_needs_parameters": ("refused", JUDGED),
    "object_needs_policy": ("missed", JUDGED),
    "custom_resource_needs_conversion": ("refused", [A, CONVERTED, A_THING, *OPERATOR]),
    "api_service_needs_backend": ("stuck", [A, *OPERATOR, AGGREGATED]),
    "object_needs_api_service": ("refused", [A, *OPERATOR, AGGREGATED, A_THING]),
    "custom_resource_needs_controller": ("stuck", PROFILES),
    "custom_resource_needs_maker": ("refused", GATEKEEPER),
    "object_needs_profile": ("refused", [*PROFILES, config_map("welcome", "person")]),
    "object_needs_declared": ("waited", [A, *OPERATOR, workload("app", "a", annotations=DECLARED)]),
}
# Finds no edges: it only says which Services select nothing.
NO_EDGES = {"service_selects_workloads", "cache_deployer_needs_signer"}
# An order that is Helm's alone: nothing that an API server or a controller does shows it (test_hooks.py does).
HELM = {"hooks_keep_their_order"}


def name_of(value: str | Rule) -> str:
    return value if isinstance(value, str) else value.__name__


def wrongs(graph: Graph, moved: set[str]) -> Iterator[Event]:
    """What goes wrong when the given objects come as early and as late as can be, and when all is taken away again."""
    for seed in range(3):
        order = list(orders(graph, seed))
        run = Run(graph)
        run.send(order)
        run.finish()
        yield from run.delete(order)
    for way in (first, last):
        for node in graph.nodes:
            if str(node.id) in moved:
                run = Run(graph)
                run.send(way(graph, node.id))
                yield from run.wait(node)


def without(rule: Rule) -> list[Rule]:
    return [other for other in RULES if other is not rule]


def test_every_rule_has_its_case() -> None:
    assert {rule.__name__ for rule in RULES} == CASES.keys() | NO_EDGES | HELM


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.__name__ in CASES], ids=name_of)
def test_something_goes_wrong_without_the_rule(rule: Rule) -> None:
    expected, objects = CASES[rule.__name__]
    whole, cut = build(objects), build(objects, rules=without(rule))
    everything = {str(node.id) for node in whole.nodes}
    assert list(wrongs(whole, everything)) == []
    assert expected in {event.kind for event in wrongs(cut, everything)}


def found_in(name: str) -> list[tuple[str, Rule]]:
    """The rules that find edges in a real platform."""
    used = {edge.rule for edge in build(objects_of(name)).edges}
    return [(name, rule) for rule in RULES if rule.__name__ in used]


# Where nothing shows: the sample's cert-manager has no webhook that sees its own requests, and no webhook's backend has
# more than one NetworkPolicy there or in Pipelines alone.
HARMLESS = {
    ("sample", "issuer_needs_cert_manager"),
    ("sample", "workload_needs_network_policies"),
    ("pipelines-2.16.0", "workload_needs_network_policies"),
}


@pytest.mark.parametrize(("name", "rule"), [case for name in real_platforms() for case in found_in(name)], ids=name_of)
def test_something_goes_wrong_in_a_real_platform_without_the_rule(name: str, rule: Rule) -> None:
    objects = objects_of(name)
    whole, cut = build(objects), build(objects, rules=without(rule))
    ends = {id_ for edge in whole.edges if edge.rule == rule.__name__ for id_ in (edge.target, edge.source)}
    # A grant that comes too late harms not the binding but the workload that acts through it.
    ends |= {edge.source for edge in whole.edges if edge.target in ends}
    harmed = next(wrongs(cut, set(map(str, ends))), None) is not None
    assert harmed == ((name, rule.__name__) not in HARMLESS)


def deployer(image: str) -> Manifest:
    made = workload("deployer", "a")
    made["spec"]["template"]["spec"]["containers"] = [{"name": "main", "image": image}]
    return made


LOOKS = {
    "service_selects_workloads": (
        [A, service("typo", "a", app="ap"), workload("app", "a")],
        "Service a/typo selects the pods of no workload in the manifests",
    ),
    "cache_deployer_needs_signer": (
        [A, deployer("mirror.example:5000/kubeflow/kfp-cache-deployer:2.16.0")],
        "Deployment a/deployer asks for a certificate that EKS does not sign: Secret webhook-server-tls does not come "
        "there, and cache-server waits for it; take a variant of Pipelines that has cert-manager",
    ),
}


@pytest.mark.parametrize("name", sorted(NO_EDGES))
def test_without_the_look_at_it_nobody_hears_of_what_looks_wrong(name: str) -> None:
    (looks,) = [rule for rule in RULES if rule.__name__ == name]
    objects, message = LOOKS[name]
    assert [warned.message for warned in build(objects).warnings] == [message]
    assert build(objects, rules=without(looks)).warnings == ()
