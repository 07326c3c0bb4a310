"""The policy pack as Pulumi's analyzer runs it: in its own environment, asked over its own protocol."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from ordering import cache
from policy import RULES

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of the pack's environment, which is made once for its requirements."""
    requirements = ROOT / "policy" / "requirements.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache.home() / "policy" / key
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(requirements),
        ]
        subprocess.run(pip, check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def pack(python: Path) -> Iterator[Any]:
    """The pack's server."""
    with subprocess.Popen([python, "-u", "policy"], cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            server.terminate()


def analyze(pack: Any, kind: str, inputs: dict[str, Any], *, stack: str = "dev", protect: bool = False) -> set[str]:
    properties = struct_pb2.Struct()
    properties.update(inputs)
    answer = pack.Analyze(
        analyzer_pb2.AnalyzeRequest(
            type=kind,
            properties=properties,
            urn=f"urn:pulumi:{stack}::kubeflow::{kind}::it",
            name="it",
            options=analyzer_pb2.AnalyzerResourceOptions(protect=protect),
        )
    )
    return {diagnostic.policyName for diagnostic in answer.diagnostics}


def test_the_pack_has_every_rule(pack: Any) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "kubeflow"
    levels = {policy.name: policy.enforcementLevel for policy in info.policies}
    assert set(levels) == {rule.name for rule in RULES}
    assert levels["encryption"] == analyzer_pb2.MANDATORY
    assert levels["public-endpoints-elsewhere"] == analyzer_pb2.ADVISORY


def test_the_pack_refuses_what_the_rules_refuse(pack: Any) -> None:
    disks = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100}}]
    options = {"httpTokens": "required", "httpPutResponseHopLimit": 2}
    template = {"blockDeviceMappings": disks, "metadataOptions": options, "tags": {"pulumi:stack": "dev"}}
    assert analyze(pack, "aws:ec2/launchTemplate:LaunchTemplate", template) == {"encryption", "imds-v2", "tags"}


def test_a_value_that_is_not_known_yet_hides_no_other(pack: Any) -> None:
    tags = {"pulumi:project": UNKNOWN_TEXT, "pulumi:stack": "other"}
    assert analyze(pack, "aws:s3/bucket:Bucket", {"acl": UNKNOWN_TEXT, "tags": tags}) == {"tags"}
    assert analyze(pack, "aws:s3/bucket:Bucket", {"tags": UNKNOWN_TEXT}) == set()


def test_the_pack_sees_protection_and_the_stack(pack: Any) -> None:
    tags = {"tags": {"pulumi:project": "kubeflow", "pulumi:stack": "prod"}}
    assert analyze(pack, "aws:s3/bucket:Bucket", tags, stack="prod") == {"protected-data"}
    assert analyze(pack, "aws:s3/bucket:Bucket", tags, stack="prod", protect=True) == set()
