"""What a run starts from, for tests: checked settings, a caller, a small release, no extensions."""

from pathlib import Path
from typing import Any

from infra.aws.kept import Kept
from infra.extensions import Extensions
from infra.inputs import Inputs
from infra.kubeflow.load import LoadedRelease
from infra.kubeflow.release import Release
from infra.preflight import Caller
from ordering.graph import build
from ordering.manifests.objects import Manifest
from tests.unit.mocks import ACCOUNT, KUBECONFIG
from tests.unit.settings_source import settings


def _object(kind: str, name: str, *, version: str = "v1", namespaced: bool = True, **content: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": "kubeflow"} if namespaced else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


# What the stack fills in when artifacts go to its bucket, and one object that stays as it is.
OBJECTS: list[Manifest] = [
    _object("Namespace", "kubeflow", namespaced=False),
    _object("ConfigMap", "pipeline-install-config", data={"appVersion": "2.16.0"}),
    _object("ServiceAccount", "ml-pipeline"),
    _object("ConfigMap", "untouched", data={"a": "b"}),
]


def inputs(
    stack: str = "dev", *, extensions: Extensions | None = None, kept: Kept | None = None, **changes: Any
) -> Inputs:
    """The inputs of a stack that sets just `changes`; a cluster of its own kubeconfig when it exists already."""
    found = settings(stack, **changes)
    source = Release(name="26.03", path=Path("release"), digest="0", origin="folder", note="a small release")
    return Inputs(
        settings=found,
        caller=Caller(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ada") if found.cloud == "aws" else None,
        kept=kept or Kept(),
        kubeconfig=KUBECONFIG if found.cluster.kubeconfig else None,
        release=LoadedRelease(source=source, objects=OBJECTS, graph=build(OBJECTS)),
        extensions=extensions or Extensions(Path("extensions.py")),
    )
