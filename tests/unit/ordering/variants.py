"""Variants of the cases from the field, one strategy a kind; `test_variants.py` says what is right for each."""

from typing import Any

from hypothesis import strategies as st

from bench.synthetic import (
    account,
    config_map,
    configuration,
    definition,
    manifest,
    namespace,
    policy,
    policy_binding,
    rule,
    service,
    webhook,
    workload,
)
from ordering.manifests.objects import Manifest

RBAC = "rbac.authorization.k8s.io"
PLACES = ("a", "b")
WORKLOADS = st.sampled_from(["Deployment", "StatefulSet", "DaemonSet"])


def role(name: str, place: str, rules: list[dict[str, Any]], **fields: Any) -> Manifest:
    return manifest(f"{RBAC}/v1", "Role" if place else "ClusterRole", name, place, rules=rules, **fields)


def granted(name: str, place: str, to: str, *subjects: dict[str, Any], role_kind: str = "ClusterRole") -> Manifest:
    reference = {"apiGroup": RBAC, "kind": role_kind, "name": to}
    kind = "RoleBinding" if place else "ClusterRoleBinding"
    return manifest(f"{RBAC}/v1", kind, name, place, roleRef=reference, subjects=list(subjects))


# Operators


@st.composite
def operators(draw: st.DrawFn) -> tuple[list[Manifest], dict[tuple[str, str], str]]:
    """Operators with resources of their own, each shown by one sign; with who finishes each kind."""
    found = [namespace(place) for place in PLACES]
    finishes = {}
    for number in range(draw(st.integers(1, 3))):
        group, name, place = f"g{number}.example.org", f"operator-{number}", draw(st.sampled_from(PLACES))
        crd = definition(group, "Thing", scope=draw(st.sampled_from(["Namespaced", "Cluster"])))
        finishes[group, "Thing"] = name
        found += [crd, *_shown(draw, group, name, place, crd), *_noise(draw, number, group)]
        where = draw(st.sampled_from(PLACES)) if crd["spec"]["scope"] == "Namespaced" else ""
        things = range(draw(st.integers(1, 2)))
        found += [manifest(f"{group}/v1", "Thing", f"thing-{number}-{i}", where, spec={}) for i in things]
    return found, finishes


def _shown(draw: st.DrawFn, group: str, name: str, place: str, crd: Manifest) -> list[Manifest]:
    """An operator, and the sign that shows what it finishes."""
    made = workload(name, place, kind=draw(WORKLOADS), account=name)
    runner = account(name, place)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": place}
    part = draw(st.sampled_from(["things/finalizers", "things/status"]))
    writes = [
        {"apiGroups": [group], "resources": ["things", part], "verbs": draw(st.sampled_from([["*"], ["update"]]))}
    ]
    match draw(st.sampled_from(["role", "user", "aggregate", "admits", "converts", "labels", "folder"])):
        case "role":
            return [runner, role(name, "", writes), granted(name, "", name, subject), made]
        case "user":
            user = {"kind": "User", "name": f"system:serviceaccount:{place}:{name}"}
            return [runner, role(name, "", writes), granted(name, "", name, user), made]
        case "aggregate":
            selector = {"clusterRoleSelectors": [{"matchLabels": {"part-of": name}}]}
            sum_ = role(name, "", [], aggregationRule=selector)
            return [
                runner,
                sum_,
                role(f"{name}-part", "", writes, labels={"part-of": name}),
                granted(name, "", name, subject),
                made,
            ]
        case "admits":
            hook = webhook(f"{name}.example.org", (place, name), [rule(group, "things")], failurePolicy="Ignore")
            return [runner, made, service(name, place), configuration(name, hook)]
        case "converts":
            client = {"service": {"name": name, "namespace": place}, "caBundle": "QQ=="}
            crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"clientConfig": client}}
            return [runner, made, service(name, place)]
        case "labels":
            for one in (crd, made):
                one["metadata"]["labels"] = {"app.kubernetes.io/name": name}
            return [runner, made]
    for one in (crd, made):
        one["metadata"]["annotations"] = {"config.kubernetes.io/origin": f"path: {name}/{one['kind']}.yaml\n"}
    return [runner, made]


def _noise(draw: st.DrawFn, number: int, group: str) -> list[Manifest]:
    """A dashboard that may do everything, or one that reads: neither finishes anything."""
    if not draw(st.booleans()):
        return []
    name = f"dashboard-{number}"
    rules = draw(
        st.sampled_from([("*", "*", "*"), (group, "*", "*"), (group, "things", "get"), (group, "*/status", "*")])
    )
    may = [{"apiGroups": [rules[0]], "resources": [rules[1]], "verbs": [rules[2]]}]
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "a"}
    made = workload(name, "a", account=name)
    return [account(name, "a"), role(name, "", may), granted(name, "", name, subject), made]


# Policies

SELECTED = {"kubernetes.io/metadata.name": "a"}


@st.composite
def policies(draw: st.DrawFn) -> list[Manifest]:
    """A policy with or without parameters, its binding, and objects of which it judges some."""
    found = [namespace(place) for place in PLACES]
    of = draw(st.sampled_from(["", "rules.example.org/v1 Limit", "v1 ConfigMap"]))
    scope = draw(st.sampled_from(["Namespaced", "Cluster"])) if "Limit" in of else "Namespaced"
    labels = {"rank": "few"}
    if "Limit" in of:
        found.append(definition("rules.example.org", "Limit", scope=scope))
        place = "b" if scope == "Namespaced" else ""
        found.append(manifest("rules.example.org/v1", "Limit", "few", place, labels=labels))
    elif of:
        found.append(config_map("few", "b", labels=labels))
    resources = st.sampled_from([("apps", "deployments"), ("", "pods"), ("", "secrets"), ("apps", "*")])
    rules = [rule(*one, ("CREATE", "UPDATE")) for one in draw(st.lists(resources, min_size=1, max_size=2, unique=True))]
    selector = st.sampled_from([{}, {"namespaceSelector": {"matchLabels": SELECTED}}])
    judging = policy("judge", rules, of, draw(st.sampled_from(["Validating", "Mutating"])), **draw(selector))
    reference: dict[str, Any] = {"parameterNotFoundAction": "Deny"}
    reference |= draw(st.sampled_from([{"name": "few"}, {"selector": {"matchLabels": labels}}]))
    if of and scope == "Namespaced":
        reference["namespace"] = "b"
    narrow = draw(selector)
    bound = policy_binding("bound", judging)
    bound["spec"] |= {"paramRef": reference} if of else {}
    bound["spec"] |= {"matchResources": narrow} if narrow else {}
    found += [judging, bound]
    for place in PLACES:
        for i in range(draw(st.integers(0, 2))):
            found.append(workload(f"app-{i}", place, kind=draw(WORKLOADS)))
        found.append(manifest("v1", "Secret", "secret", place))
    return found


# Grants

PROFILE = [
    namespace("kubeflow"),
    definition("kubeflow.org", "Profile", scope="Cluster"),
    account("profiles", "kubeflow"),
    workload("profiles-deployment", "kubeflow", account="profiles"),
    account("other", "kubeflow"),
    workload("other", "kubeflow", account="other"),
    manifest("kubeflow.org/v1", "Profile", "person"),
]
SUBJECTS: list[dict[str, Any]] = [
    {"kind": "Group", "name": "system:serviceaccounts:kubeflow"},
    {"kind": "ServiceAccount", "name": "profiles", "namespace": "kubeflow"},
    {"kind": "ServiceAccount", "name": "other", "namespace": "kubeflow"},
    {"kind": "User", "name": "system:serviceaccount:kubeflow:profiles"},
    {"kind": "ServiceAccount", "name": "default-editor", "namespace": "person"},
    {"kind": "Group", "name": "system:serviceaccounts:person"},
]


@st.composite
def grants(draw: st.DrawFn) -> list[Manifest]:
    """A Profile, and grants in its namespace, elsewhere, and in the whole cluster to all sorts of subjects.

    One account of the Profile alone, for all of the cluster, closes no circle; with the controller's it would.
    """
    found = list(PROFILE)
    for i in range(draw(st.integers(1, 3))):
        subjects = draw(st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=4, unique_by=str))
        found.append(granted(f"grant-{i}", draw(st.sampled_from(["", "person", "kubeflow"])), "view", *subjects))
    return found


# Defaults


@st.composite
def defaults(draw: st.DrawFn) -> list[Manifest]:
    """Some default classes, and what relies on them or names one."""
    marked = {
        "IngressClass": ("networking.k8s.io/v1", "ingressclass.kubernetes.io/is-default-class"),
        "StorageClass": ("storage.k8s.io/v1", "storageclass.kubernetes.io/is-default-class"),
    }
    found = [namespace("a")]
    for kind, (version, mark) in marked.items():
        if draw(st.booleans()):
            found.append(manifest(version, kind, "usual", annotations={mark: "true"}))
        found.append(manifest(version, kind, "named"))
    found.append(manifest("scheduling.k8s.io/v1", "PriorityClass", "usual", globalDefault=draw(st.booleans())))
    found.append(manifest("scheduling.k8s.io/v1", "PriorityClass", "named"))

    def naming(field: str) -> dict[str, Any]:
        return draw(st.sampled_from([{}, {field: "named"}]))

    for i in range(draw(st.integers(1, 3))):
        found.append(manifest("networking.k8s.io/v1", "Ingress", f"web-{i}", "a", spec=naming("ingressClassName")))
        found.append(manifest("v1", "PersistentVolumeClaim", f"data-{i}", "a", spec=naming("storageClassName")))
        scratch = {"name": "s", "ephemeral": {"volumeClaimTemplate": {"spec": naming("storageClassName")}}}
        volumes = draw(st.lists(st.just(scratch), max_size=1))
        found.append(workload(f"app-{i}", "a", kind=draw(WORKLOADS), pod=naming("priorityClassName"), volumes=volumes))
    return found


# Circles


@st.composite
def circles(draw: st.DrawFn) -> list[Manifest]:
    """Objects that are declared to need each other, in one circle or more."""
    names = [f"part-{i}" for i in range(draw(st.integers(2, 6)))]
    chords = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=4))
    needs: dict[str, set[str]] = {name: {names[i - 1]} for i, name in enumerate(names)}
    for one, other in chords:
        needs[one] |= {other} - {one}

    def declared(name: str) -> dict[str, str]:
        return {
            "config.kubernetes.io/depends-on": ",".join(
                f"/namespaces/a/ConfigMap/{need}" for need in sorted(needs[name])
            )
        }

    return [namespace("a"), *(config_map(name, "a", annotations=declared(name)) for name in names)]
