"""What a run's processes needed, by the part they play."""

import subprocess
import sys

import pytest

from bench.processes import part_of, watching


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("/usr/bin/python -m bench.command run up", "program"),
        ("/cache/pulumi-resource-kubernetes/1/pulumi-resource-kubernetes", "provider kubernetes"),
        ("/x/.local/engine/bin/pulumi --non-interactive up", "engine"),
        ("/x/python -m localcloud.providers aws", "other stand-ins"),
        ("/cache/kube-apiserver/1/kube-apiserver --etcd-servers=x", "kube-apiserver"),
        ("/cache/tools/controllers/1/controllers --kubeconfig=x", "controllers"),
        ("vim notes", None),
    ],
)
def test_parts(command: str, part: str | None) -> None:
    assert part_of(command) == part


def test_memory_and_cpu_of_a_child_are_seen() -> None:
    hungry = "import sys, time; x = bytearray(80_000_000); y = sum(range(9_000_000)); print(len(x)); time.sleep(1)"
    command = [sys.executable, "-c", hungry, "bench.command"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child, watching(lambda: {child.pid}) as usage:
        child.communicate()
    assert 80 < usage.peak_mb()["program"] < 300
    assert 0 < usage.cpu_s()["program"] < 60
