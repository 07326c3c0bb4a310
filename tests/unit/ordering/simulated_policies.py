"""How the simulated API server judges by admission policies: written from the Kubernetes documentation."""

from collections.abc import Iterator

from tests.unit.ordering.simulated_cluster import Cluster
from tests.unit.ordering.simulated_matching import Manifest, plural, pods, rule_matches, selected

POLICIES = ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy")


def missed(cluster: Cluster, manifest: Manifest) -> Iterator[str]:
    """The bindings that should judge what is created and do not act yet."""
    for binding, policy in _judging(cluster, manifest, "CREATE"):
        if cluster.key(binding) not in cluster.ready or cluster.key(policy) not in cluster.stored:
            yield f"{binding['metadata']['name']} does not judge yet"


def refused(cluster: Cluster, manifest: Manifest, operation: str) -> Iterator[str]:
    """Why a policy that is there refuses: its parameters, or their kind, are not."""
    for binding, policy in _judging(cluster, manifest, operation):
        if cluster.key(binding) not in cluster.stored or cluster.key(policy) not in cluster.stored:
            continue
        kind = policy["spec"].get("paramKind")
        if not kind:
            continue
        group = kind["apiVersion"].rpartition("/")[0]
        definitions = [m for m in cluster.universe.values() if m["kind"] == "CustomResourceDefinition"]
        of_kind = [m for m in definitions if (m["spec"]["group"], m["spec"]["names"]["kind"]) == (group, kind["kind"])]
        if any(cluster.key(m) not in cluster.stored for m in of_kind):
            yield f"{policy['metadata']['name']}: {kind['kind']} is not served"
        elif binding["spec"]["paramRef"]["parameterNotFoundAction"] == "Deny" and not _found(
            cluster, binding, group, kind
        ):
            yield f"{binding['metadata']['name']}: no parameter"


def _found(cluster: Cluster, binding: Manifest, group: str, kind: Manifest) -> bool:
    reference = binding["spec"]["paramRef"]
    for place, stored in cluster.stored.items():
        if place[:2] == (group, kind["kind"]) and reference.get("namespace", place[2]) == place[2]:
            if place[3] == reference.get("name"):
                return True
            if "selector" in reference and selected(reference["selector"], stored["metadata"].get("labels") or {}):
                return True
    return False


def _judging(cluster: Cluster, manifest: Manifest, operation: str) -> Iterator[tuple[Manifest, Manifest]]:
    for subject in (manifest, *pods(manifest)):
        group, kind, namespace, _ = cluster.key(subject)
        if group == "admissionregistration.k8s.io":
            continue
        resource, version = plural(kind, cluster.plural(group, kind)), subject["apiVersion"].rpartition("/")[2]
        for binding in [m for m in cluster.universe.values() if m["kind"] in [f"{one}Binding" for one in POLICIES]]:
            policies = [m for m in cluster.universe.values() if m["kind"] == binding["kind"].removesuffix("Binding")]
            for policy in [m for m in policies if m["metadata"]["name"] == binding["spec"]["policyName"]]:
                both = (policy["spec"]["matchConstraints"], binding["spec"].get("matchResources") or {})
                if all(
                    (
                        not given.get("resourceRules")
                        or any(
                            rule_matches(rule, group, {version}, resource, namespace, operation)
                            and subject["metadata"]["name"] in rule.get("resourceNames", [subject["metadata"]["name"]])
                            for rule in given["resourceRules"]
                        )
                    )
                    and selected(given.get("objectSelector"), subject["metadata"].get("labels") or {})
                    and cluster.in_namespaces(subject, given.get("namespaceSelector"))
                    for given in both
                ):
                    yield binding, policy
