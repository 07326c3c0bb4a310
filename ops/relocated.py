"""A local API server that came back on another port, because a program had taken its own: the state follows it.

What is deleted or read goes to where the state says that the cluster is, and the plugin would ask there for minutes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

Deployment = Mapping[str, Any]


def at_its_address(stack: automation.Stack, kubeconfig: Path | None) -> automation.Deployment:
    """A stack's state, which says where the cluster of a kubeconfig is now."""
    exported = stack.export_stack()
    moved = None if kubeconfig is None else relocated(exported.deployment or {}, kubeconfig.read_text(encoding="utf-8"))
    if moved is None:
        return exported
    stack.import_stack(automation.Deployment(version=exported.version, deployment=moved))
    return stack.export_stack()


def relocated(deployment: Deployment, kubeconfig: str) -> Deployment | None:
    """The deployment with the address of the cluster that a kubeconfig is of; None where it has that, or of no other.

    Whose certificates one authority signs is one cluster.
    """
    authority, address = _cluster(kubeconfig)
    before = {
        known
        for known_authority, known in map(_cluster, _kubeconfigs(deployment))
        if known_authority == authority and known != address
    }
    if not before:
        return None
    text = json.dumps(deployment)
    for known in before:
        text = text.replace(known, address)
    moved: Deployment = json.loads(text)
    return moved


def _kubeconfigs(deployment: Deployment) -> Iterator[str]:
    for one in deployment.get("resources") or ():
        if one.get("type") == "pulumi:providers:kubernetes":
            value = (one.get("inputs") or {}).get("kubeconfig")
            text = json.loads(value["plaintext"]) if isinstance(value, Mapping) and "plaintext" in value else value
            if isinstance(text, str):
                yield text


def _cluster(kubeconfig: str) -> tuple[str, str]:
    """The authority and the address of a kubeconfig's first cluster; empty where it has none."""
    try:
        about = yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]
        return str(about["certificate-authority-data"]), str(about["server"])
    except (yaml.YAMLError, LookupError, TypeError):
        return "", ""
