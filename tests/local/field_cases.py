"""Objects of every kind before and after a change of each field that cannot change, and of some that can."""

from typing import Any

from tests.local.kubernetes_stack import Manifest

PLACE = "changes"
POD: Manifest = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "none"}]}}
CHOSEN: Manifest = {"matchLabels": {"app": "a"}}
JOB: Manifest = {"template": {"spec": {**POD["spec"], "restartPolicy": "Never"}}}
CLAIM: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
INDEXED: Manifest = {**JOB, "completionMode": "Indexed", "completions": 2}
IN_ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
VOLUME: Manifest = {
    "accessModes": ["ReadWriteOnce"],
    "capacity": {"storage": "1Gi"},
    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [IN_ZONE]}]}},
}
SOURCES: Manifest = {
    "csi": ({"driver": "a", "volumeHandle": "a"}, {"driver": "a", "volumeHandle": "b"}),
    "fc": ({"wwids": ["a"]}, {"wwids": ["b"]}),
    "hostPath": ({"path": "/a"}, {"path": "/b"}),
    "iscsi": (
        {"targetPortal": "a", "iqn": "iqn.2001-04.com.example:a", "lun": 0},
        {"targetPortal": "b", "iqn": "iqn.2001-04.com.example:a", "lun": 0},
    ),
    "local": ({"path": "/a"}, {"path": "/b"}),
    "nfs": ({"server": "a", "path": "/a"}, {"server": "a", "path": "/b"}),
}


def made(kind: str, name: str = "a", **content: Any) -> Manifest:
    """An object of a kind as the table names it; of `versions` the one that the plane serves."""
    group, _, of = kind.partition("/")
    version = "v1" if group == "core" else f"{group}/v1"
    return {"apiVersion": version, "kind": of, "metadata": {"name": name, "namespace": PLACE}, **content}


def definition(scope: str = "Namespaced", kind: str = "Thing", group: str = "changes.test") -> Manifest:
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]
    names = {"plural": "things", "singular": "thing", "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": group, "scope": scope, "names": names, "versions": versions}
    return made("apiextensions.k8s.io/CustomResourceDefinition", f"things.{group}", spec=spec)


def workload(kind: str, **spec: Any) -> Manifest:
    return made(f"apps/{kind}", spec={"selector": CHOSEN, "template": POD, **spec})


def stateful(**spec: Any) -> Manifest:
    return workload("StatefulSet", serviceName="a", **spec)


def job(name: str, base: Manifest, **spec: Any) -> Manifest:
    return made("batch/Job", name, spec={**base, "suspend": True, **spec})


def claim(name: str = "a", **spec: Any) -> Manifest:
    return made("core/PersistentVolumeClaim", name, spec={**CLAIM, **spec})


def volume(source: str, value: Any, **spec: Any) -> Manifest:
    given = {key: one for key, one in VOLUME.items() if key != "nodeAffinity" or source == "local"}
    return made("core/PersistentVolume", source.lower(), spec={**given, source: value, **spec})


def claim_template(size: str) -> Manifest:
    return {"metadata": {"name": "data"}, "spec": {**CLAIM, "resources": {"requests": {"storage": size}}}}


def service(name: str, **spec: Any) -> Manifest:
    return made("core/Service", name, spec={"ports": [{"port": 80}], **spec})


def quota(*scopes: str) -> Manifest:
    return made("core/ResourceQuota", spec={"hard": {"pods": "9"}, "scopes": list(scopes)})


def binding(kind: str, role: str) -> Manifest:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return made(f"rbac.authorization.k8s.io/{kind}", roleRef=reference, subjects=[])


def ranked(**content: Any) -> Manifest:
    return made("scheduling.k8s.io/PriorityClass", **{"value": 5, **content})


def classed(**content: Any) -> Manifest:
    return made("storage.k8s.io/StorageClass", **{"provisioner": "a.test", **content})


def driver(**spec: Any) -> Manifest:
    return made("storage.k8s.io/CSIDriver", "a.test", spec={"podInfoOnMount": True, **spec})


def attributes(driver_name: str, speed: str) -> Manifest:
    return made("storage.k8s.io/VolumeAttributesClass", driverName=driver_name, parameters={"speed": speed})


def requested(kind: str, wanted: str) -> Manifest:
    request = {"name": "gpu", "exactly": {"deviceClassName": wanted}}
    spec: Manifest = {"devices": {"requests": [request]}}
    return made(f"resource.k8s.io/{kind}", spec={"spec": spec} if kind == "ResourceClaimTemplate" else spec)


def kept(kind: str, **content: Any) -> Manifest:
    return made(f"core/{kind}", "kept", **content)


DISRUPTED = {"type": "DisruptionTarget", "status": "True"}
FAILURES: Manifest = {"rules": [{"action": "Ignore", "onPodConditions": [DISRUPTED]}]}
ENDPOINT: Manifest = {"endpoints": [], "ports": []}

# For each field that the table says cannot change: an object, and the same with another value of that field alone.
CASES: list[tuple[str, Manifest, Manifest]] = [
    ("spec.scope", definition(), definition(scope="Cluster")),
    ("spec.names.kind", definition(), definition(kind="Other")),
    (
        "data",
        made("apps/ControllerRevision", revision=1, data={"a": 1}),
        made("apps/ControllerRevision", revision=1, data={"a": 2}),
    ),
    *(
        ("spec.selector", workload(kind), workload(kind, selector={"matchLabels": {"app": "a", "b": "b"}}))
        for kind in ("DaemonSet", "Deployment", "ReplicaSet")
    ),
    ("spec.selector", stateful(), stateful(selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})),
    ("spec.podManagementPolicy", stateful(), stateful(podManagementPolicy="Parallel")),
    ("spec.serviceName", stateful(), stateful() | {"spec": {**stateful()["spec"], "serviceName": "b"}}),
    ("spec.volumeClaimTemplates", stateful(), stateful(volumeClaimTemplates=[claim_template("1Gi")])),
    ("spec.backoffLimitPerIndex", job("i", INDEXED), job("i", INDEXED, backoffLimitPerIndex=2)),
    ("spec.completionMode", job("i", INDEXED), job("i", INDEXED, completionMode="NonIndexed")),
    ("spec.completions", job("j", JOB), job("j", JOB, completions=3)),
    ("spec.managedBy", job("j", JOB), job("j", JOB, managedBy="a.test/b")),
    ("spec.podFailurePolicy", job("j", JOB), job("j", JOB, podFailurePolicy=FAILURES)),
    ("spec.selector", job("j", JOB), job("j", JOB, manualSelector=True, selector=CHOSEN)),
    ("spec.successPolicy", job("i", INDEXED), job("i", INDEXED, successPolicy={"rules": [{"succeededCount": 1}]})),
    (
        "spec.template",
        job("j", JOB),
        job("j", {"template": {"spec": {**JOB["template"]["spec"], "hostNetwork": True}}}),
    ),
    ("immutable", kept("ConfigMap", immutable=True), kept("ConfigMap", immutable=False)),
    ("data", kept("ConfigMap", immutable=True), kept("ConfigMap", immutable=True, data={"a": "b"})),
    ("binaryData", kept("ConfigMap", immutable=True), kept("ConfigMap", immutable=True, binaryData={"a": "YQ=="})),
    ("immutable", kept("Secret", immutable=True), kept("Secret", immutable=False)),
    ("data", kept("Secret", immutable=True), kept("Secret", immutable=True, data={"a": "YQ=="})),
    ("type", kept("Secret", immutable=True), kept("Secret", immutable=True, type="a.test/b")),
    *((f"spec.{source}", volume(source, old), volume(source, new)) for source, (old, new) in SOURCES.items()),
    ("spec.volumeMode", volume("fc", SOURCES["fc"][0]), volume("fc", SOURCES["fc"][0], volumeMode="Block")),
    (
        "spec.nodeAffinity",
        volume("local", SOURCES["local"][0]),
        volume("local", SOURCES["local"][0], nodeAffinity={"required": {"nodeSelectorTerms": [{"matchFields": []}]}}),
    ),
    ("spec.accessModes", claim(), claim(accessModes=["ReadWriteMany"])),
    ("spec.dataSource", claim(), claim(dataSource={"kind": "PersistentVolumeClaim", "name": "b"})),
    ("spec.dataSourceRef", claim(), claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "b"})),
    ("spec.resources.requests.storage", claim(), claim(resources={"requests": {"storage": "1Gi"}})),
    ("spec.selector", claim(), claim(selector=CHOSEN)),
    ("spec.storageClassName", claim("b", storageClassName="a"), claim("b", storageClassName="b")),
    ("spec.volumeMode", claim(), claim(volumeMode="Block")),
    ("spec.volumeName", claim("c", volumeName="a"), claim("c", volumeName="b")),
    ("spec.scopes", quota("BestEffort"), quota("NotBestEffort")),
    ("spec.clusterIP", service("a"), service("a", clusterIP="None")),
    (
        "spec.loadBalancerClass",
        service("b", type="LoadBalancer", loadBalancerClass="a.test/a"),
        service("b", type="LoadBalancer", loadBalancerClass="a.test/b"),
    ),
    (
        "addressType",
        made("discovery.k8s.io/EndpointSlice", addressType="IPv4", **ENDPOINT),
        made("discovery.k8s.io/EndpointSlice", addressType="IPv6", **ENDPOINT),
    ),
    (
        "spec.controller",
        made("networking.k8s.io/IngressClass", spec={"controller": "a.test/a"}),
        made("networking.k8s.io/IngressClass", spec={"controller": "a.test/b"}),
    ),
    ("handler", made("node.k8s.io/RuntimeClass", handler="a"), made("node.k8s.io/RuntimeClass", handler="b")),
    *(("roleRef", binding(kind, "view"), binding(kind, "edit")) for kind in ("ClusterRoleBinding", "RoleBinding")),
    *(("spec", requested(kind, "a"), requested(kind, "b")) for kind in ("ResourceClaim", "ResourceClaimTemplate")),
    ("preemptionPolicy", ranked(), ranked(preemptionPolicy="Never")),
    ("value", ranked(), ranked(value=6)),
    ("spec.attachRequired", driver(), driver(attachRequired=False)),
    ("spec.volumeLifecycleModes", driver(), driver(volumeLifecycleModes=["Ephemeral"])),
    ("parameters", classed(), classed(parameters={"a": "b"})),
    ("provisioner", classed(), classed(provisioner="b.test")),
    ("reclaimPolicy", classed(), classed(reclaimPolicy="Retain")),
    ("volumeBindingMode", classed(), classed(volumeBindingMode="WaitForFirstConsumer")),
    ("driverName", attributes("a.test", "1"), attributes("b.test", "1")),
    ("parameters", attributes("a.test", "1"), attributes("a.test", "2")),
]

# What looks like one of these and is an update: the server fills in that value, or takes it once.
UPDATES = [
    (stateful(), stateful(podManagementPolicy="OrderedReady", replicas=2, revisionHistoryLimit=2)),
    (job("i", INDEXED), job("i", INDEXED, completions=3, parallelism=3)),
    (claim(), claim(volumeMode="Filesystem", storageClassName="a", volumeName="a")),
    (kept("Secret", immutable=True), kept("Secret", immutable=True, type="Opaque")),
    (service("a"), service("a", type="NodePort")),
    (service("b", type="LoadBalancer", loadBalancerClass="a.test/a"), service("b", type="ClusterIP")),
    (ranked(), ranked(preemptionPolicy="PreemptLowerPriority", description="a")),
    (driver(), driver(attachRequired=True, volumeLifecycleModes=["Persistent"])),
    (classed(), classed(reclaimPolicy="Delete", volumeBindingMode="Immediate", allowVolumeExpansion=True)),
    (volume("nfs", SOURCES["nfs"][0]), volume("nfs", SOURCES["nfs"][0], nodeAffinity=VOLUME["nodeAffinity"])),
]
