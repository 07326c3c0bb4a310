"""What node pools change in a release: the GPU plugin's configuration, and where notebooks may be put.

On EKS a pod that asks for a GPU tolerates a taint of that name by itself: its API servers run the admission plugin
ExtendedResourceToleration (Amazon EKS user guide, "Platform versions").
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from infra.aws import instances
from infra.settings import Pool, Settings
from infra.settings.groups import POOL_LABEL, has_gpus, taints
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

COMPONENT = Path("manifests", "gpus")

_PLUGIN = ("ConfigMap", "kube-system", "nvidia-device-plugin")
_RESOURCE = "nvidia.com/gpu"
# Kustomize adds a hash to its name.
_FORM, _FORM_FILE = "jupyter-web-app-config", "spawner_ui_config.yaml"


def needs_plugin(settings: Settings) -> bool:
    """Whether any nodes of a stack have NVIDIA's GPUs."""
    return instances.has_nvidia(settings.nodes.instance_type) or any(map(has_gpus, settings.pools))


def use_pools(objects: Iterable[Manifest], pools: Sequence[Pool], gpu_shares: int) -> list[Manifest]:
    """The objects with what pools change in them; the given ones are left as they are.

    UserError when the notebooks' form is not the YAML that it should be.
    """
    return [_filled(one, pools, gpu_shares) for one in objects]


def _filled(one: Manifest, pools: Sequence[Pool], gpu_shares: int) -> Manifest:
    metadata = one["metadata"]
    if (one["kind"], metadata.get("namespace"), metadata["name"]) == _PLUGIN:
        return {**one, "data": {"config.yaml": yaml.safe_dump(_plugin(gpu_shares), sort_keys=False)}}
    if pools and one["kind"] == "ConfigMap" and str(metadata["name"]).startswith(_FORM):
        data = one.get("data") or {}
        if _FORM_FILE in data:
            return {**one, "data": {**data, _FORM_FILE: _form(one, data[_FORM_FILE], pools)}}
    return one


def _plugin(gpu_shares: int) -> dict[str, Any]:
    """The plugin's own configuration (NVIDIA/k8s-device-plugin 0.19, README, "Shared Access to GPUs")."""
    config: dict[str, Any] = {"version": "v1"}
    if gpu_shares > 1:
        config["sharing"] = {"timeSlicing": {"resources": [{"name": _RESOURCE, "replicas": gpu_shares}]}}
    return config


def _form(one: Manifest, text: str, pools: Sequence[Pool]) -> str:
    """The form of new notebooks, with each pool as a place, and what lifts its taints as a group of tolerations."""
    try:
        form = yaml.safe_load(text)
        defaults = form["spawnerFormDefaults"]
    except (yaml.YAMLError, KeyError, TypeError):
        raise UserError(
            f"{title(one)} has no form of notebooks in {_FORM_FILE}: nodePools cannot be put there."
        ) from None
    _offer(defaults, "affinityConfig", [_place(pool) for pool in pools])
    _offer(defaults, "tolerationGroup", [_tolerations(pool) for pool in pools if taints(pool)])
    return yaml.safe_dump(form, sort_keys=False)


def _offer(defaults: dict[str, Any], section: str, options: list[dict[str, Any]]) -> None:
    given = defaults.get(section) or {}
    defaults[section] = {"value": "", "readOnly": False, **given, "options": [*(given.get("options") or []), *options]}


def _place(pool: Pool) -> dict[str, Any]:
    expression = {"key": POOL_LABEL, "operator": "In", "values": [pool.name]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {
        "configKey": f"pool-{pool.name}",
        "displayName": _shown(pool),
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
    }


def _tolerations(pool: Pool) -> dict[str, Any]:
    return {
        "groupKey": f"pool-{pool.name}",
        "displayName": _shown(pool),
        "tolerations": [
            {"key": one.key, "operator": "Equal", "value": one.value, "effect": one.effect} for one in taints(pool)
        ],
    }


def _shown(pool: Pool) -> str:
    return f"{pool.name} ({' or '.join(pool.instance_types)}{', spot' if pool.capacity == 'spot' else ''})"
