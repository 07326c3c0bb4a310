"""The state follows a local cluster to another port, and no other cluster."""

import json
from typing import Any

import pytest
import yaml

from ops.relocated import relocated

OLD, NEW = "https://127.0.0.1:40001", "https://127.0.0.1:40002"


def kubeconfig(server: str, authority: str = "T1VSUw==") -> dict[str, Any]:
    return {"clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": authority}}]}


def secret(value: Any) -> dict[str, str]:
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def deployment(provider: Any, server: str = OLD) -> dict[str, Any]:
    return {
        "resources": [
            {"type": "eks:index:Cluster", "outputs": {"kubeconfig": secret(kubeconfig(server))}},
            {"type": "pulumi:providers:kubernetes", "inputs": {"kubeconfig": provider}},
        ]
    }


@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump])
def test_every_mention_of_the_old_address_is_the_new_one(write: Any) -> None:
    moved = relocated(deployment(secret(write(kubeconfig(OLD)))), yaml.safe_dump(kubeconfig(NEW)))
    assert moved == deployment(secret(write(kubeconfig(NEW))), NEW)


@pytest.mark.parametrize(
    "provider",
    [
        secret(json.dumps(kubeconfig(NEW))),
        json.dumps(kubeconfig("https://elsewhere.example.com", "VEhFSVJT")),
        "not: [a kubeconfig",
        "[]",
        None,
    ],
)
def test_what_is_there_or_elsewhere_stays(provider: Any) -> None:
    assert relocated(deployment(provider), yaml.safe_dump(kubeconfig(NEW))) is None


def test_a_stack_that_has_nothing_yet_stays() -> None:
    assert relocated({}, yaml.safe_dump(kubeconfig(NEW))) is None
