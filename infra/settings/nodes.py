"""The settings of nodes: the base group, which the platform itself runs on, and the pools beside it."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, cast

from infra.aws import cidr, instances
from infra.settings import groups
from infra.settings.model import ClusterSettings, NetworkSettings, NodeSettings, Pool, Taint
from infra.settings.raw import RawSettings

INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")

_KEY, _MOST, _MOST_TYPES = "nodePools", 30, 20
_FIELDS = ("name", "instanceTypes", "capacity", "min", "desired", "max", "zones", "diskGiB", "labels", "taints")
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")

# Of a label and a taint (Kubernetes, "Labels and Selectors"); EKS takes 63 characters of each key, prefix and all.
_PART = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL = re.compile(rf"(?=.{{1,63}}$)([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?{_PART}")
_VALUE = re.compile(rf"({_PART})?")
_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^=:]*))?:(?P<effect>\w+)")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# A kubelet gives itself no label of these (Kubernetes, NodeRestriction), nor EKS one of its own.
_RESERVED = re.compile(r"(.*\.)?(kubernetes\.io|k8s\.io|eks\.amazonaws\.com)/.*")


def read_nodes(raw: RawSettings, instance_type: str) -> NodeSettings:
    """The base group, with nodes of a type that was read."""
    nodes = NodeSettings(
        instance_type=instance_type,
        min=raw.integer("nodesMin", 1, 450),
        desired=raw.integer("nodesDesired", 1, 450),
        max=raw.integer("nodesMax", 1, 450),
        disk_gib=raw.integer("nodesDiskGiB", 20, 16384),
        gpu_shares=raw.integer("nodesGpuShares", 1, 64),
        autoscaling=_autoscaling(raw),
    )
    if raw.sound("nodesInstanceType") and instances.is_arm(nodes.instance_type):
        raw.problem(
            "nodesInstanceType",
            f"{nodes.instance_type} has ARM processors, and several of Kubeflow's images are for x86 alone; choose "
            "another, such as m5.xlarge.",
        )
    if raw.sound("nodesMin", "nodesDesired", "nodesMax") and not nodes.min <= nodes.desired <= nodes.max:
        raw.problem(
            "nodesDesired",
            f"{nodes.desired} is not between nodesMin {nodes.min} and nodesMax {nodes.max}; "
            "set them so that min <= desired <= max.",
        )
    return nodes


def _autoscaling(raw: RawSettings) -> Literal["none", "cluster-autoscaler"]:
    value = raw.text("nodesAutoscaling")
    if value == "auto-mode":
        raw.problem(
            "nodesAutoscaling",
            "'auto-mode' makes nodes of its own and never changes a managed node group, so no pool; set it to "
            "cluster-autoscaler.",
        )
    elif raw.sound("nodesAutoscaling") and value not in ("none", "cluster-autoscaler"):
        raw.problem("nodesAutoscaling", f"{value!r} is not one of none, cluster-autoscaler.")
    return cast("Literal['none', 'cluster-autoscaler']", value)


def read_pools(
    raw: RawSettings, cluster: ClusterSettings, network: NetworkSettings, nodes: NodeSettings
) -> tuple[Pool, ...]:
    """The pools beside the base group; none where one of them is wrong."""
    given = raw.items(_KEY)
    if nodes.autoscaling != "none" and cluster.mode == "existing":
        raw.problem("nodesAutoscaling", "is only for a cluster to create; set it to none.")
    if given and cluster.mode == "existing":
        raw.problem(_KEY, "is only for a cluster to create; remove it, or set clusterMode to create.")
        return ()
    if len(given) > _MOST - 1:
        raw.problem(_KEY, f"has {len(given)} pools, and EKS takes {_MOST} node groups with the base; leave some out.")
    found = [pool for one in given if (pool := _Reader(raw, one, network, nodes).pool()) is not None]
    for name in sorted(name for name, count in Counter(pool.name for pool in found).items() if count > 1):
        raw.problem(_KEY, f"has two pools named {name!r}; rename one.")
    if not raw.sound(_KEY):
        return ()
    made = [group for pool in found for group in groups.groups(pool)]
    for name in sorted(name for name, count in Counter(group.name for group in made).items() if count > 1):
        raw.problem(_KEY, f"makes two node groups named {name!r}, of a pool and of a zone of another; rename one.")
    if len(made) > _MOST - 1:
        raw.problem(
            _KEY,
            f"makes {len(made)} node groups (one a zone where min is less than its zones), and EKS takes {_MOST} with "
            "the base; name fewer zones in some.",
        )
    if found and raw.sound("networkCidr", "networkZones", "nodesMax"):
        most = nodes.max + sum(group.max for group in made)
        has, needs = cidr.pod_addresses(network.cidr, network.zones), most * cidr.ADDRESSES_PER_NODE
        if has < needs:
            raw.problem(
                _KEY,
                f"and nodesMax allow {most} nodes, which take up to {needs} addresses, and the private subnets of "
                f"{network.cidr} hold {has}; choose a larger networkCidr or a smaller max.",
            )
    return tuple(found)


class _Reader:
    """Reads one pool; what is wrong is said with the pool's name."""

    def __init__(self, raw: RawSettings, given: Any, network: NetworkSettings, nodes: NodeSettings) -> None:
        self._raw, self._network, self._nodes = raw, network, nodes
        self._given: Mapping[str, Any] = given if isinstance(given, dict) else {}
        name = self._given.get("name")
        self._name = name if isinstance(name, str) else ""
        self._wrong = not isinstance(given, dict)
        if self._wrong:
            raw.problem(_KEY, f"{given!r} is not a pool; write fields such as name, instanceTypes and max.")

    def pool(self) -> Pool | None:
        """The pool, or None where anything is wrong with it."""
        if self._wrong:
            return None
        for field in self._given.keys() - set(_FIELDS):
            self._fault(f"has the field {field!r}, which no pool has; known are {', '.join(_FIELDS)}")
        types = self._types()
        lowest = self._integer("min", 0, 0, 450)
        desired = self._integer("desired", lowest, 0, 450)
        most = self._integer("max", None, 1, 450)
        if not self._wrong and not lowest <= desired <= most:
            self._fault(f"has min {lowest}, desired {desired} and max {most}; set them so that min <= desired <= max")
        made = Pool(
            name=self._checked_name(),
            instance_types=types,
            capacity=cast("Literal['on-demand', 'spot']", self._capacity()),
            min=lowest,
            desired=desired,
            max=most,
            zones=self._zones(),
            disk_gib=self._integer("diskGiB", self._nodes.disk_gib, 20, 16384),
            labels=self._labels(),
            taints=self._taints(),
        )
        return None if self._wrong else made

    def _fault(self, sentence: str) -> None:
        self._wrong = True
        self._raw.problem(_KEY, f"{self._name!r} {sentence}.")

    def _checked_name(self) -> str:
        if self._name == groups.BASE:
            self._fault(
                "is the name of the group that the platform itself runs on, which is on demand and without taints; set "
                "nodesInstanceType and nodesDesired for that, and choose another name"
            )
        elif not _NAME.fullmatch(self._name):
            self._fault(
                "is no name for a pool, which AWS gets in tags and in names of groups; use up to 20 lower-case "
                "letters, digits and dashes, with a letter first"
            )
        return self._name

    def _integer(self, field: str, default: int | None, low: int, high: int) -> int:
        value = self._given.get(field, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self._fault(f"has {value!r} as its {field}; write a whole number from {low} to {high}")
            return low
        if not low <= value <= high:
            self._fault(f"has {field} {value}; choose a number from {low} to {high}")
        return value

    def _texts(self, field: str) -> tuple[str, ...]:
        value = self._given.get(field, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self._fault(f"has {value!r} as its {field}; write a list of texts")
            return ()
        for one in sorted(one for one, count in Counter(value).items() if count > 1):
            self._fault(f"names {one!r} twice in its {field}; keep one")
        return tuple(value)

    def _types(self) -> tuple[str, ...]:
        types = self._texts("instanceTypes")
        if not self._wrong and not 1 <= len(types) <= _MOST_TYPES:
            self._fault(f"has {len(types)} instanceTypes; name 1 to {_MOST_TYPES}")
        for one in types:
            if not INSTANCE_TYPE.fullmatch(one):
                self._fault(f"has {one!r} among its instanceTypes, which is no EC2 instance type")
        images = {instances.image(one): one for one in types}
        if len(images) > 1:
            first, second = list(images.values())[:2]
            self._fault(
                f"mixes {first} and {second}, which need different images ({instances.image(first)} and "
                f"{instances.image(second)}); make a pool of each"
            )
        return types

    def _capacity(self) -> str:
        value = self._given.get("capacity", "on-demand")
        if value not in ("on-demand", "spot"):
            self._fault(f"has {value!r} as its capacity, which is not one of on-demand, spot")
        return str(value)

    def _zones(self) -> tuple[str, ...]:
        zones = self._texts("zones") or self._network.zones
        for zone in zones:
            if self._raw.sound("networkZones") and zone not in self._network.zones:
                self._fault(f"has the zone {zone!r}, which is not in networkZones; choose of those")
        return zones

    def _labels(self) -> dict[str, str]:
        labels = self._given.get("labels", {})
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            self._fault(f"has {labels!r} as its labels; write a map of texts")
            return {}
        for key, value in labels.items():
            if not _LABEL.fullmatch(key) or not _VALUE.fullmatch(value):
                self._fault(f"has the label {key}={value}, which Kubernetes refuses; use letters, digits and -_.")
            elif _RESERVED.fullmatch(key) or key in groups.OWN_LABELS:
                self._fault(f"has the label {key}, which nodes get from elsewhere; choose a prefix of your own")
        return dict(labels)

    def _taints(self) -> tuple[Taint, ...]:
        found = []
        for text in self._texts("taints"):
            match = _TAINT.fullmatch(text)
            value = (match["value"] or "") if match else ""
            if not match or not _LABEL.fullmatch(match["key"]) or not _VALUE.fullmatch(value):
                self._fault(f"has {text!r} among its taints; write KEY=VALUE:NoSchedule or KEY:NoSchedule")
            elif match["effect"] not in _EFFECTS:
                self._fault(f"has the effect of {text!r} wrong, which is not one of {', '.join(_EFFECTS)}")
            else:
                found.append(Taint(key=match["key"], value=value, effect=match["effect"]))
        return tuple(found)
