"""What the fake nodes run: five nodes like m5.xlarge, and kwok's stages for their pods. Pure: no I/O.

A pod goes from Pending to Running and Ready, and pods of Jobs on to Succeeded, as a kubelet would report it. In mode
`instant` it does so at once. In mode `realistic` its start begins when the annotation MOUNTS_READY is "true" (the
Secrets and ConfigMaps that it must have exist) and takes as long as START_DELAY says (such as "37s"); both are set by
the controllers process, because a stage can look at the pod only.
"""

import math
from collections.abc import Mapping
from typing import Any

from localcloud.plane.layout import Pods
from ordering.errors import UserError

Manifest = dict[str, Any]

MOUNTS_READY = "localcloud.kubeflow/mounts-ready"
START_DELAY = "localcloud.kubeflow/start-delay"

REGION = "us-west-2"
ZONES = ("a", "b", "c", "d", "a")
INSTANCE_TYPE = "m5.xlarge"
# The allocatable is what EKS's AL2023 leaves on this type: of 4 CPUs it reserves 80m, of the memory 255 MiB plus 11 MiB
# for each of the 58 pods, and the kubelet keeps 100 MiB as eviction threshold.
_CAPACITY_KIB = 15_944_904
_RESERVED_MIB = 255 + 11 * 58 + 100
CAPACITY = {"cpu": "4", "memory": f"{_CAPACITY_KIB}Ki", "pods": "58", "ephemeral-storage": "52416492Ki"}
ALLOCATABLE = {
    "cpu": "3920m",
    "memory": f"{_CAPACITY_KIB - _RESERVED_MIB * 1024}Ki",
    "pods": "58",
    "ephemeral-storage": "47233297124",
}
PACE = "LOCALCLOUD_POD_PACE"
"""How many times 20 to 60 s realistic pods take to start, as text: 1 where it is not set."""
_SLOWEST = 60.0
_JOB_SECONDS = 5  # how long the containers of a Job run in mode `realistic`


def pace(env: Mapping[str, str]) -> float:
    """What PACE says in an environment; UserError where that is no such number."""
    text = env.get(PACE) or "1"
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= _SLOWEST:
        raise UserError(
            f"{PACE} is {text!r}; set it to how many times 20 to 60 s pods take to start, 0 to {_SLOWEST:.0f}"
        )
    return found


def nodes(kubernetes_version: str) -> list[Manifest]:
    """The Node objects, spread over four zones."""
    return [_node(index, zone, kubernetes_version) for index, zone in enumerate(ZONES)]


def _node(index: int, zone: str, version: str) -> Manifest:
    address = f"10.0.{index * 16}.10"
    name = f"ip-{address.replace('.', '-')}.{REGION}.compute.internal"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": INSTANCE_TYPE,
                "topology.kubernetes.io/region": REGION,
                "topology.kubernetes.io/zone": f"{REGION}{zone}",
                "eks.amazonaws.com/capacityType": "ON_DEMAND",
            },
        },
        "spec": {
            "podCIDR": f"10.0.{index * 16 + 1}.0/24",
            "podCIDRs": [f"10.0.{index * 16 + 1}.0/24"],
            "providerID": f"aws:///{REGION}{zone}/i-{index:017x}",
        },
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
                {"type": "InternalDNS", "address": name},
            ],
            "capacity": CAPACITY,
            "allocatable": ALLOCATABLE,
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "osImage": "Amazon Linux 2023",
                "kubeletVersion": f"v{version}",
                "kubeProxyVersion": "",
                "containerRuntimeVersion": "kwok://",
                "kernelVersion": "6.12",
                "machineID": f"{index:032x}",
                "systemUUID": f"{index:032x}",
                "bootID": f"{index:032x}",
            },
        },
    }


def stages(pods: Pods, pace: float = 1.0) -> list[Manifest]:
    """kwok's configuration: its options and all stages of nodes and pods.

    Realistic pods take `pace` times as long as START_DELAY says.
    """
    options = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "metadata": {"name": "kwok"},
        "options": {
            "manageAllNodes": True,
            "nodeLeaseDurationSeconds": 40,
            # Otherwise kwok would serve a kubelet's API on all addresses.
            "nodePort": 0,
            "podPlayStageParallelism": 16,
        },
    }
    node_ready = _stage(
        "node-ready",
        "Node",
        ['.status.conditions // [] | any(.type == "Ready" and .status == "True") | not'],
        _NODE_READY,
    )
    started = [] if pods == "instant" else [".status.startTime != null"]
    run = _stage("pod-run", "Pod", [_LIVES, ".status.podIP == null", *started], _POD_RUN)
    complete = _stage("pod-complete", "Pod", [_LIVES, _IS_JOB, _IS_READY], _POD_COMPLETE)
    # The node controller marks the pods of a node that was away not ready. A kubelet marks them back.
    ready_again = _stage(
        "pod-ready-again", "Pod", [_LIVES, '.status.phase == "Running"', f"{_IS_READY} | not"], _POD_READY_AGAIN
    )
    # A grace period of 0 means that the pod's end was reported, and others' finalizers hold it; without any, the API
    # server was killed between that and the deletion.
    ended = ".metadata.deletionGracePeriodSeconds != 0 or (.metadata.finalizers // [] | length == 0)"
    delete = _resource("pod-delete", "Pod", [".metadata.deletionTimestamp != null", ended], {"delete": True})
    result = [options, node_ready, run, complete, ready_again, delete]
    if pods == "realistic":
        mounts = f'.metadata.annotations["{MOUNTS_READY}"] == "true"'
        result.append(_stage("pod-start", "Pod", [_LIVES, ".status.startTime == null", mounts], _POD_START))
        # A moment, not a span: a span would begin again whenever the pod changes.
        run["spec"]["delay"] = {
            "durationFrom": {
                "jq": {
                    "expression": (
                        "(.status.startTime | fromdateiso8601) + "
                        f'(.metadata.annotations["{START_DELAY}"] // "20s" | rtrimstr("s") | tonumber * {pace} | floor)'
                        " | todateiso8601"
                    )
                }
            }
        }
        complete["spec"]["delay"] = {"durationMilliseconds": _JOB_SECONDS * 1000}
    return result


_LIVES = ".metadata.deletionTimestamp == null"
_IS_JOB = '.metadata.ownerReferences // [] | any(.kind == "Job")'
_IS_READY = '.status.conditions // [] | any(.type == "Ready" and .status == "True")'


def _stage(name: str, kind: str, conditions: list[str], status: str) -> Manifest:
    patch = {"subresource": "status", "root": "status", "type": "strategic", "template": status}
    return _resource(name, kind, conditions, {"patches": [patch]})


def _resource(name: str, kind: str, conditions: list[str], following: Manifest) -> Manifest:
    """A stage for the objects of a kind for which every condition (jq) is true."""
    key = f"select({' and '.join(f'({condition})' for condition in conditions)}) | .metadata.name"
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": [{"jq": {"key": key, "operator": "Exists"}}]},
            "next": following,
        },
    }


_NODE_READY = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
"""

_POD_START = """
phase: Pending
startTime: {{ Now | Quote }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
"""

# Native sidecars (init containers that restart always) keep running beside the others.
_POD_RUN = """
{{ $now := Now }}
{{ $started := or .status.startTime $now }}
phase: Running
startTime: {{ $started | Quote }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" )
          ( or .metadata.namespace "" ) | Quote }}
conditions:
{{ range list "PodReadyToStartContainers" "Initialized" "ContainersReady" "Ready" }}
- type: {{ . }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
{{ range .spec.readinessGates }}
- type: {{ .conditionType | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
{{ if .spec.initContainers }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
{{ if eq ( or .restartPolicy "" ) "Always" }}
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ else }}
  started: false
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $started | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
{{ end }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
"""

_POD_COMPLETE = """
{{ $now := Now }}
phase: Succeeded
conditions:
{{ range list "ContainersReady" "Ready" }}
- type: {{ . }}
  status: "False"
  reason: PodCompleted
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .status.containerStatuses }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state:
    running: null
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ .state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
"""

_POD_READY_AGAIN = """
{{ $now := Now }}
conditions:
{{ range list "ContainersReady" "Ready" }}
- type: {{ . }}
  status: "True"
  reason: null
  message: null
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
"""
