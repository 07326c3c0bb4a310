"""What a person gives to steps: CPU, memory, GPUs, nodes, volumes, secrets, retries, caching.

It is written into the compiled pipeline, so that it works for any of them. What Kubernetes is asked for is written by
kfp's own extension (kfp-kubernetes), which keeps it in a task's `platform_config`.
"""

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kfp import kubernetes

from infra.settings import groups
from ordering.errors import UserError
from pipelines.defaults import ACCELERATOR
from pipelines.package import Package, Spec, steps, tasks

# EKS labels the nodes of its node groups so (Amazon EKS user guide, "Managed node groups").
POOL_LABEL, CAPACITY_LABEL = "eks.amazonaws.com/nodegroup", "eks.amazonaws.com/capacityType"
# A pool of the stack's own is known by its name alone.
OWN_LABEL = groups.POOL_LABEL
# AWS may take a spot node at any time, so a step on one is tried again unless a person says how often.
SPOT_RETRIES = 3
SECRETS = "/secrets"

_CPU = re.compile(r"\d+(\.\d+)?|\d+m")
_MEMORY = re.compile(r"\d+(\.\d+)?([EPTGMK]i?)?")
# The driver names a volume after its claim or secret (backend/src/v2/driver/k8s.go of 2.16.0), so no dots, 63 at most.
_NAME = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_CLAIM = re.compile(rf"{_NAME}:/\S+")
_SECRET = re.compile(rf"{_NAME}(?::[-._A-Za-z0-9]+)?")
_POOL = re.compile(r"(?:[-./_A-Za-z0-9]+:)?[-._A-Za-z0-9]+")
_STEP = re.compile(r"(?P<step>[a-z0-9][a-z0-9-]*)=(?P<value>.*)", re.DOTALL)


@dataclass
class Asked:
    """What the extension's functions take for a task: they read and write its `platform_config`, and no more."""

    platform_config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A task in a compiled pipeline, its container there, what Kubernetes is asked for beside it; the stack's pools."""

    task: Spec
    container: Spec
    asked: Asked
    pools: Mapping[str, Any]


def _quantity(kind: str) -> Callable[[Place, str], None]:
    def write(place: Place, value: str) -> None:
        resources = place.container.setdefault("resources", {})
        for bound in ("Request", "Limit"):
            resources.pop(f"{kind.lower()}{bound}", None)  # the deprecated number, of which this is the text
            resources[f"resource{kind}{bound}"] = value

    return write


def _gpus(place: Place, value: str) -> None:
    resources = place.container.setdefault("resources", {})
    resources.pop("accelerator", None)
    if int(value):
        resources["accelerator"] = {"resourceType": ACCELERATOR, "resourceCount": value}
        kubernetes.add_toleration(place.asked, key=ACCELERATOR, operator="Exists", effect="NoSchedule")


def _pool(place: Place, value: str) -> None:
    label, _, name = value.rpartition(":")
    known = place.pools.get(name) if not label else None
    kubernetes.add_node_selector(place.asked, label or (OWN_LABEL if known else POOL_LABEL), name)
    for taint in known["taints"] if known else ():
        kubernetes.add_toleration(
            place.asked, key=taint["key"], operator="Equal", value=taint["value"], effect=taint["effect"]
        )


def _spot(place: Place, value: str) -> None:
    kubernetes.add_node_selector(place.asked, CAPACITY_LABEL, "SPOT")
    if "retryPolicy" not in place.task:
        _retries(place, str(SPOT_RETRIES))


def _volumes(place: Place) -> dict[str, str]:
    """The paths of what is mounted, by the name that the driver gives the volume."""
    asked = place.asked.platform_config.get("kubernetes", {})
    found = {mount.get("constant", ""): mount["mountPath"] for mount in asked.get("pvcMount", [])}
    return found | {one.get("secretName", ""): one["mountPath"] for one in asked.get("secretAsVolume", [])}


def _volume(place: Place, value: str) -> None:
    claim, _, path = value.partition(":")
    mounted = _volumes(place)
    if path in mounted.values():
        raise UserError(f"--volume mounts two claims at {path}; name another path for one.")
    if claim in mounted:
        raise UserError(f"--volume mounts {claim} twice in one step; mount it once, and use folders below {path}.")
    kubernetes.mount_pvc(place.asked, pvc_name=claim, mount_path=path)


def _secret(place: Place, value: str) -> None:
    name, colon, key = value.partition(":")
    if colon:
        variable = re.sub(r"\W", "_", key)
        kubernetes.use_secret_as_env(place.asked, secret_name=name, secret_key_to_env={key: variable})
    elif name in _volumes(place):
        raise UserError(f"--secret {name}: the step has a volume of this name; give one key of it as {name}:KEY.")
    else:
        kubernetes.use_secret_as_volume(place.asked, secret_name=name, mount_path=f"{SECRETS}/{name}")


def _cache(place: Place, value: str) -> None:
    place.task["cachingOptions"] = {"enableCache": True} if value == "on" else {}


def _retries(place: Place, value: str) -> None:
    place.task.pop("retryPolicy", None)
    if int(value):
        place.task["retryPolicy"] = {
            "maxRetryCount": int(value),
            "backoffDuration": "10s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "60s",
        }


# Option -> what a value must look like, in words, and what it writes. Retries come before spot, which adds its own.
WRITERS: Mapping[str, tuple[re.Pattern[str], str, Callable[[Place, str], None]]] = {
    "cpu": (_CPU, "a number of CPUs such as 2, 0.5 or 500m", _quantity("Cpu")),
    "memory": (_MEMORY, "an amount such as 4Gi or 512Mi", _quantity("Memory")),
    "gpus": (re.compile(r"\d+"), "a whole number", _gpus),
    "node-pool": (_POOL, "a node group's name, or LABEL:VALUE of nodes", _pool),
    "volume": (_CLAIM, "CLAIM:PATH with an absolute path", _volume),
    "secret": (_SECRET, "NAME for files, or NAME:KEY for an environment variable", _secret),
    "cache": (re.compile("on|off"), "on or off", _cache),
    "retries": (re.compile(r"\d"), "a whole number from 0 to 9", _retries),
    "spot": (re.compile("on|off"), "on or off", _spot),
}

PLACING = ("gpus", "node-pool", "spot")
"""The options that say on which nodes a step runs."""

Given = Mapping[str, Iterable[str]]
"""Texts by option, each a value for all steps or `STEP=VALUE`."""


def apply(
    package: Package, given: Given, accelerated: tuple[str, ...] = (), pools: Mapping[str, Any] | None = None
) -> Package:
    """The pipeline with what is given to its steps; GPUs for all go to the accelerated ones where there are any.

    `pools` are the groups of nodes where it is to run, as a stack's output `node_pools` describes them.
    Raises UserError for a value that an option does not take, a step that does not exist, and one that no pool takes.
    """
    wanted = list(_wanted(package, given, accelerated))
    if not wanted:
        return package
    if pools is not None:
        _check_pools(wanted, pools)
    pipeline = copy.deepcopy(package.pipeline)
    platform = copy.deepcopy(package.platform or {})
    asked = platform.setdefault("platforms", {}).setdefault("kubernetes", {}).setdefault("deploymentSpec", {})
    asked = asked.setdefault("executors", {})
    placed: dict[str, tuple[str, Place]] = {}
    for option, step, value in wanted:
        for name, task in list(tasks(pipeline)):
            if step is not None and name != step:
                continue
            label = _own_executor(pipeline, asked, name, task)
            container = pipeline["deploymentSpec"]["executors"].get(label, {}).get("container") if label else None
            if container is None or label is None:
                continue  # an importer, or a group of tasks
            place = Place(
                task=task, container=container, asked=Asked({"kubernetes": asked.get(label, {})}), pools=pools or {}
            )
            WRITERS[option][2](place, value)
            if option in PLACING:
                placed[label] = (name, place)
            if place.asked.platform_config["kubernetes"]:
                asked[label] = place.asked.platform_config["kubernetes"]
    if pools is not None:
        for name, place in placed.values():
            _check_place(name, place)
    return Package(pipeline=pipeline, platform=platform if asked else None)


def claims(package: Package) -> set[str]:
    """The names of the claims that steps mount, where they are known before the run."""
    executors = ((package.platform or {}).get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})).get(
        "executors", {}
    )
    return {mount["constant"] for one in executors.values() for mount in one.get("pvcMount", []) if "constant" in mount}


def _wanted(package: Package, given: Given, accelerated: tuple[str, ...]) -> Iterator[tuple[str, str | None, str]]:
    """Option, step (None for all) and value, in the order in which they are written: for all first, then per step."""
    names = {name for name, _ in tasks(package.pipeline)}
    for option in WRITERS:
        pattern, words, _ = WRITERS[option]
        found: list[tuple[str | None, str]] = []
        for text in given.get(option, ()):
            named = _STEP.fullmatch(text)
            step, value = (named["step"], named["value"]) if named else (None, text)
            if step is not None and step not in names:
                have = ", ".join(steps(package.pipeline))
                raise UserError(f"--{option} {text}: pipeline {package.name!r} has no step {step!r}; it has {have}.")
            if not pattern.fullmatch(value):
                raise UserError(f"--{option} {text}: {value!r} must be {words}.")
            found.append((step, value))
        if option == "gpus" and accelerated:
            found = [(name, value) for step, value in found for name in ([step] if step else accelerated)]
        if option == "spot":
            found = [one for one in found if one[1] == "on"]
        for step, value in sorted(found, key=lambda one: one[0] is not None):
            yield option, step, value


def _check_pools(wanted: Iterable[tuple[str, str | None, str]], pools: Mapping[str, Any]) -> None:
    """UserError for a step that would wait for ever, because no nodes of the stack have what it asks for."""
    for option, step, value in wanted:
        text = f"--{option} {step}={value}" if step else f"--{option} {value}"
        if option == "gpus" and int(value) and not any(one["gpus"] for one in pools.values()):
            raise UserError(
                f"{text}: no nodes of the stack have GPUs; add a pool with such an instance type to nodePools, and run "
                "`make up`."
            )
        if option == "spot" and not any(one["spot"] for one in pools.values()):
            raise UserError(f"{text}: the stack has no spot nodes; add a pool with capacity spot to nodePools.")


def _check_place(step: str, place: Place) -> None:
    """UserError for a step that none of the stack's pools takes; nodes of other labels are not known here."""
    asked = place.asked.platform_config["kubernetes"]
    labels = asked.get("nodeSelector", {}).get("labels", {})
    if "nodeSelectorJson" in asked.get("nodeSelector", {}) or labels.keys() - {OWN_LABEL, CAPACITY_LABEL}:
        return
    accelerator = place.container.get("resources", {}).get("accelerator", {})
    resource = accelerator.get("resourceType") or accelerator.get("type")  # the deprecated name
    named, capacity = labels.get(OWN_LABEL), labels.get(CAPACITY_LABEL)
    fitting = {
        name: pool["taints"]
        for name, pool in place.pools.items()
        if named in (None, name)
        and (capacity is None or pool["spot"] == (capacity == "SPOT"))
        and (resource != ACCELERATOR or pool["gpus"])
    }
    if not fitting:
        wanted = [f"{label}={value}" for label, value in sorted(labels.items())] + ["GPUs"] * (resource == ACCELERATOR)
        raise UserError(
            f"Step {step!r} asks for nodes with {' and '.join(wanted)}, and no pool of the stack has all of that; "
            f"choose another: it has {', '.join(place.pools)}."
        )
    # EKS lifts the taint that is called as what a pod asks for (ExtendedResourceToleration).
    lifting = [*asked.get("tolerations", []), *([{"key": resource, "operator": "Exists"}] if resource else [])]
    if not any(all(_lifted(taint, lifting) for taint in taints) for taints in fitting.values()):
        raise UserError(
            f"Step {step!r} does not tolerate the taints of {' or of '.join(fitting)}, and no other pool of the stack "
            f"has what it asks for; --node-pool {step}={next(iter(fitting))} lifts them."
        )


def _lifted(taint: Mapping[str, str], tolerations: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a pod with the tolerations is scheduled on nodes with the taint; one that is a parameter may do it."""
    return taint["effect"] == "PreferNoSchedule" or any(
        "tolerationJson" in one
        or (
            one.get("key") in (None, "", taint["key"])
            and one.get("effect") in (None, "", taint["effect"])
            and (one.get("operator") == "Exists" or one.get("value", "") == taint["value"])
        )
        for one in tolerations
    )


def _own_executor(pipeline: Spec, asked: Spec, name: str, task: Spec) -> str | None:
    """The label of a task's executor, which no other task shares: kfp lets tasks of one component share theirs."""
    reference = task["componentRef"]["name"]
    component = pipeline["components"][reference]
    label = component.get("executorLabel")
    if label is None:
        return None
    sharing = [other for other, one in tasks(pipeline) if one["componentRef"]["name"] == reference]
    if len(sharing) == 1:
        return str(label)
    own = f"{reference}-of-{name}"
    own_label = f"{label}-of-{name}"
    executors = pipeline["deploymentSpec"]["executors"]
    pipeline["components"][own] = copy.deepcopy(component) | {"executorLabel": own_label}
    executors[own_label] = copy.deepcopy(executors[label])
    if label in asked:
        asked[own_label] = copy.deepcopy(asked[label])
    task["componentRef"]["name"] = own
    return own_label
