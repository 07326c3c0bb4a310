"""What each rule finds, and what it leaves alone."""

from typing import Any

from bench.synthetic import (
    account,
    binding,
    cert_manager,
    certificate,
    config_map,
    definition,
    issuer,
    manifest,
    namespace,
    role,
    secret,
    service,
    volume,
    workload,
)
from ordering.graph import Graph, build
from ordering.manifests.objects import Manifest

A = namespace("a")


def edges(graph: Graph, *rules: str) -> set[tuple[str, str]]:
    """Sources and targets, by their titles, of all edges that the rules found."""
    return {(e.source.title, e.target.title) for e in graph.edges if e.rule in rules}


def needed(objects: list[Manifest], title: str) -> set[str]:
    """What one object needs, before reduction."""
    return {target for source, target in edges_of(build(objects)) if source == title}


def edges_of(graph: Graph) -> set[tuple[str, str]]:
    return {(e.source.title, e.target.title) for e in graph.edges}


def test_namespaces_of_the_cluster_itself_need_not_be_rendered() -> None:
    graph = build([config_map("x", "kube-system"), config_map("y", "")])
    assert graph.edges == ()
    assert graph.unresolved == ()


def test_cluster_scoped_objects_with_a_namespace_need_none() -> None:
    stray = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "role", "a")
    graph = build([stray])
    assert (graph.edges, graph.unresolved) == ((), ())
    assert str(graph.nodes[0].id) == "rbac.authorization.k8s.io/v1/ClusterRole/a/role"


def test_bindings_find_roles_whatever_namespace_they_were_rendered_with() -> None:
    runner = account("runner", "a")
    stray = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "role", "a")
    grant = binding("grant", {"kind": "ClusterRole", "metadata": {"name": "role"}}, runner)
    assert needed([A, stray, runner, grant], "ClusterRoleBinding grant") == {
        "ClusterRole a/role",
        "ServiceAccount a/runner",
    }


def test_roles_that_the_api_server_makes_are_not_missed() -> None:
    runner = account("runner", "a")
    built_in = {"kind": "ClusterRole", "metadata": {"name": "system:auth-delegator"}}
    graph = build(
        [A, runner, binding("x", built_in, runner), binding("y", {**built_in, "metadata": {"name": "view"}}, runner)]
    )
    assert graph.unresolved == ()


def test_groups_and_users_that_stand_for_accounts() -> None:
    def subject(kind: str, name: str) -> Manifest:
        reference = {"kind": "ClusterRole", "name": "view"}
        subjects = [{"kind": kind, "name": name}]
        return manifest(
            "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", kind.lower(), roleRef=reference, subjects=subjects
        )

    objects = [
        A,
        namespace("b"),
        account("runner", "a"),
        workload("own", "a", account="runner"),
        workload("other", "a"),
        workload("far", "b"),
        subject("User", "system:serviceaccount:a:runner"),
        subject("Group", "system:serviceaccounts:a"),
    ]
    graph = build(objects)
    assert edges(graph, "workload_needs_permissions") == {
        ("Deployment a/own", "ClusterRoleBinding user"),
        ("Deployment a/own", "ClusterRoleBinding group"),
        ("Deployment a/other", "ClusterRoleBinding group"),
    }


def test_kinds_that_a_role_lets_a_workload_watch() -> None:
    def ruled(name: str, group: str, resource: str, *verbs: str) -> list[Manifest]:
        found = role(name)
        found["rules"] = [{"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}]
        return [found, binding(name, found, runner)]

    runner = account("runner", "a")
    objects = [
        A,
        runner,
        workload("app", "a", account="runner"),
        *(definition(group, kind) for group in ("one.example", "two.example") for kind in ("Thing", "Other")),
        *ruled("named", "one.example", "things", "list"),
        *ruled("written", "one.example", "others", "create"),
        *ruled("whole", "two.example", "*", "*"),
        *ruled("everything", "*", "*", "*"),
    ]
    graph = build(objects)
    assert edges(graph, "workload_needs_watched_kinds") == {
        ("Deployment a/app", "CustomResourceDefinition things.one.example"),
        ("Deployment a/app", "CustomResourceDefinition things.two.example"),
        ("Deployment a/app", "CustomResourceDefinition others.two.example"),
    }


def test_the_default_account_counts_where_it_is_named() -> None:
    default = account("default", "a")
    objects = [A, default, role("r"), binding("grant", role("r"), default), workload("app", "a")]
    assert {"ServiceAccount a/default", "ClusterRoleBinding grant"} <= needed(objects, "Deployment a/app")


def test_everything_that_a_pod_can_name() -> None:
    pod: dict[str, Any] = {
        "priorityClassName": "urgent",
        "runtimeClassName": "plain",
        "imagePullSecrets": [{"name": "pull"}],
        "initContainers": [{"name": "init", "envFrom": [{"secretRef": {"name": "init-env"}}]}],
        "containers": [
            {
                "name": "main",
                "envFrom": [{"configMapRef": {"name": "env-from"}}],
                "env": [
                    {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "env-map", "key": "k"}}},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}},
                    {"name": "C", "value": "plain"},
                ],
            }
        ],
        "volumes": [
            volume("ConfigMap", "mounted"),
            volume("Secret", "mounted-secret"),
            volume("PersistentVolumeClaim", "data"),
            {
                "name": "all",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "part"}},
                        {"secret": {"name": "part-secret"}},
                        {"serviceAccountToken": {"path": "token"}},
                    ]
                },
            },
            {"name": "csi", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "publish"}}},
            {"name": "empty", "emptyDir": {}},
        ],
    }
    maps = [config_map(name, "a") for name in ("env-from", "env-map", "mounted", "part", "unused")]
    secrets = [secret(n, "a") for n in ("pull", "init-env", "env-secret", "mounted-secret", "part-secret", "publish")]
    classes = [
        manifest("scheduling.k8s.io/v1", "PriorityClass", "urgent"),
        manifest("node.k8s.io/v1", "RuntimeClass", "plain"),
        manifest("v1", "PersistentVolumeClaim", "data", "a", spec={}),
    ]
    graph = build([A, workload("app", "a", pod=pod), *maps, *secrets, *classes])
    targets = {target for _, target in edges(graph, "workload_needs_references")}
    assert targets == {
        *(f"ConfigMap a/{name}" for name in ("env-from", "env-map", "mounted", "part")),
        *(f"Secret a/{n}" for n in ("pull", "init-env", "env-secret", "mounted-secret", "part-secret", "publish")),
        "PriorityClass urgent",
        "RuntimeClass plain",
        "PersistentVolumeClaim a/data",
    }
    assert graph.unresolved == ()


def test_an_optional_reference_is_soft_and_never_missed() -> None:
    mounts = [volume("ConfigMap", "there", optional=True), volume("ConfigMap", "nowhere", optional=True)]
    graph = build([A, config_map("there", "a"), workload("app", "a", volumes=mounts)])
    (edge,) = [e for e in graph.edges if e.rule == "workload_needs_references"]
    assert (edge.target.name, edge.hard) == ("there", False)
    assert graph.unresolved == ()


def test_a_required_use_beside_an_optional_one_stays_required() -> None:
    mounts = [volume("ConfigMap", "x", optional=True), {**volume("ConfigMap", "x"), "name": "again"}]
    graph = build([A, config_map("x", "a"), workload("app", "a", volumes=mounts)])
    assert [e.hard for e in graph.edges if e.rule == "workload_needs_references"] == [True]


def test_what_the_cluster_writes_itself_is_not_missed() -> None:
    pod = {"priorityClassName": "system-node-critical"}
    graph = build([A, workload("app", "a", volumes=[volume("ConfigMap", "kube-root-ca.crt")], pod=pod)])
    assert graph.unresolved == ()


def test_the_mesh_root_is_written_by_istiod() -> None:
    mesh = [namespace("istio-system"), workload("istiod", "istio-system")]
    app = workload("app", "a", volumes=[volume("ConfigMap", "istio-ca-root-cert")])
    assert "Deployment istio-system/istiod" in needed([A, *mesh, app], "Deployment a/app")
    assert [u.wanted for u in build([A, app]).unresolved] == ["ConfigMap a/istio-ca-root-cert"]


def test_claims_take_the_named_class_or_the_default_one() -> None:
    def storage(name: str, **annotations: str) -> Manifest:
        return manifest("storage.k8s.io/v1", "StorageClass", name, annotations=annotations)

    def claim(name: str, **spec: Any) -> Manifest:
        return manifest("v1", "PersistentVolumeClaim", name, "a", spec=spec)

    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    objects = [
        A,
        storage("fast"),
        storage("usual", **default),
        claim("named", storageClassName="fast"),
        claim("unnamed"),
        claim("static", storageClassName="", volumeName="disk"),
        manifest("v1", "PersistentVolume", "disk"),
        workload("db", "a", kind="StatefulSet", volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": {}}]),
    ]
    assert edges(build(objects), "claim_needs_storage") == {
        ("PersistentVolumeClaim a/named", "StorageClass fast"),
        ("PersistentVolumeClaim a/unnamed", "StorageClass usual"),
        ("PersistentVolumeClaim a/static", "PersistentVolume disk"),
        ("StatefulSet a/db", "StorageClass usual"),
    }


def test_kinds_of_the_same_name_in_other_groups_are_other_kinds() -> None:
    knative = manifest(
        "networking.internal.knative.dev/v1alpha1", "Certificate", "served", "a", spec={"secretName": "s"}
    )
    app = workload("app", "a", volumes=[volume("Secret", "s")])
    graph = build(
        [A, definition("networking.internal.knative.dev", "Certificate", versions=("v1alpha1",)), knative, app]
    )
    assert edges(graph, "workload_needs_certificate", "certificate_needs_issuer") == set()
    assert [u.wanted for u in graph.unresolved] == ["Secret a/s"]


def test_cert_manager_comes_before_what_it_issues() -> None:
    graph = build([*cert_manager(), A, issuer("own", "a"), certificate("served", "a", "own")])
    assert edges(graph, "issuer_needs_cert_manager") == {
        ("Issuer a/own", target)
        for target in (
            "Deployment cert-manager/cert-manager",
            "Deployment cert-manager/cert-manager-cainjector",
            "Deployment cert-manager/cert-manager-webhook",
            "MutatingWebhookConfiguration cert-manager-webhook",
            "ValidatingWebhookConfiguration cert-manager-webhook",
        )
    }
    assert graph.dropped == ()
    assert graph.unresolved == ()


def test_a_certificate_whose_issuer_is_elsewhere_needs_cert_manager_itself() -> None:
    graph = build([*cert_manager(), A, certificate("served", "a", "elsewhere")])
    assert len(edges(graph, "issuer_needs_cert_manager")) == 5
    assert [u.wanted for u in graph.unresolved] == ["Issuer a/elsewhere"]


def test_an_issuer_that_signs_needs_who_writes_its_secret() -> None:
    objects = [
        *cert_manager(),
        A,
        issuer("root", "a"),
        certificate("ca", "a", "root"),
        issuer("signer", "a", ca={"secretName": "ca"}),
    ]
    assert edges(build(objects), "issuer_needs_secret") == {("Issuer a/signer", "Certificate a/ca")}


def test_controllers_are_known_by_name_image_or_labels() -> None:
    def mirrored(name: str, image: str) -> Manifest:
        container = {"name": "main", "image": image}
        return workload(name, "a", pod={"containers": [container]})

    objects = [
        A,
        definition("metacontroller.k8s.io", "DecoratorController", scope="Cluster"),
        manifest("metacontroller.k8s.io/v1", "DecoratorController", "x"),
        mirrored("meta", "123.dkr.ecr.us-west-2.amazonaws.com/mirror/metacontroller:v4.11@sha256:0"),
        mirrored("not-meta", "registry.example/metacontroller-ui:v4.11"),
    ]
    assert edges(build(objects), "custom_resource_needs_controller") == {("DecoratorController x", "Deployment a/meta")}


def test_never_from_a_service_to_what_stands_behind_it() -> None:
    objects = [A, service("app", "a"), workload("app", "a", kind="StatefulSet", serviceName="app")]
    assert edges_of(build(objects)) == {
        ("Service a/app", "Namespace a"),
        ("StatefulSet a/app", "Namespace a"),
        ("StatefulSet a/app", "Service a/app"),
    }


def test_a_definition_never_needs_what_converts_it() -> None:
    converted = definition("example.com", "Thing", versions=("v2", "v1"))
    client = {"service": {"name": "operator", "namespace": "a"}}
    converted["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"clientConfig": client}}
    converted["metadata"]["annotations"] = {"cert-manager.io/inject-ca-from": "a/served"}
    stored = manifest("example.com/v2", "Thing", "stored", "a")
    other = manifest("example.com/v1", "Thing", "other", "a")
    operator = [workload("operator", "a"), service("operator", "a")]
    graph = build([A, converted, *operator])
    assert graph.node(graph.find("CustomResourceDefinition/things.example.com").id).needs == ()
    graph = build([A, converted, *operator, stored])
    assert ("Thing a/stored", "Deployment a/operator") in edges_of(graph)
    assert all(node.gate is None for node in graph.nodes)
    # One that is converted on its way waits for the caBundle as well, at a gate.
    graph = build(
        [A, converted, *operator, stored, other, *cert_manager(), issuer("own", "a"), certificate("served", "a", "own")]
    )
    (gate,) = [node for node in graph.nodes if node.gate]
    assert gate.id.title == "CustomResourceDefinitionPatch things.example.com"
    # The provider refuses a definition that does not say what it defines, a patch of one, too.
    assert gate.manifest["spec"] == {"group": "example.com", "names": {"kind": "Thing"}}
    assert ("Thing a/other", gate.id.title) in edges_of(graph)
    assert ("Thing a/stored", gate.id.title) not in edges_of(graph)
    assert graph.find("CustomResourceDefinition/things.example.com").level == 0
    # The backend may watch the kind that it converts: it needs the definition, and nobody waits for itself.
    runner, watching = account("operator", "a"), role("watching")
    watching["rules"] = [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["watch"]}]
    operator = [workload("operator", "a", account="operator"), service("operator", "a"), runner]
    graph = build([A, converted, *operator, watching, binding("watching", watching, runner), other])
    assert ("Deployment a/operator", "CustomResourceDefinition things.example.com") in edges_of(graph)
    assert graph.dropped == ()


def test_overrides_may_be_short_and_are_hard() -> None:
    objects = [A, config_map("x", "a"), config_map("y", "a")]
    graph = build(objects, overrides=[("configmap/a/x", "ConfigMap/y"), ("v1/ConfigMap/a/y", "v1/Namespace//a")])
    found = [(e.source.title, e.target.title, e.hard) for e in graph.edges if e.rule == "object_needs_declared"]
    assert found == [("ConfigMap a/x", "ConfigMap a/y", True), ("ConfigMap a/y", "Namespace a", True)]


def test_declared_needs_of_every_form() -> None:
    text = "/Namespace/a, /namespaces/a/ConfigMap/x,apps/namespaces/a/Deployment/app"
    objects = [
        A,
        config_map("x", "a"),
        workload("app", "a"),
        config_map("y", "a", annotations={"config.kubernetes.io/depends-on": text}),
    ]
    assert needed(objects, "ConfigMap a/y") == {"Namespace a", "ConfigMap a/x", "Deployment a/app"}


def test_accounts_that_come_with_a_profile() -> None:
    objects = [
        definition("kubeflow.org", "Profile", scope="Cluster"),
        manifest("kubeflow.org/v1", "Profile", "person"),
        workload("notebook", "person", account="default-editor"),
    ]
    graph = build(objects)
    assert ("Deployment person/notebook", "Profile person") in edges(graph, "workload_needs_account")
    assert graph.unresolved == ()


def test_a_namespace_that_is_rendered_is_not_left_to_the_profile() -> None:
    profile = manifest("kubeflow.org/v1", "Profile", "a")
    graph = build([A, definition("kubeflow.org", "Profile", scope="Cluster"), profile, config_map("x", "a")])
    assert edges(graph, "object_needs_profile") == set()
