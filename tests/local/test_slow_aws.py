"""Runs that are killed while EKS works: the same command waits for what it began, and brings it to its end."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import emulator
from tests.local.cluster import until
from tests.local.stack import Checkout, changes, checked_out, cloud
from tests.local.test_interrupted import children, left_running, not_in_state
from tests.local.test_kept import MANIFEST

CLUSTER = "kubeflow-local"
LOGS = f"log group /aws/eks/{CLUSTER}/cluster"
"""What EKS may make once more after a destroy's last look; the next `up` takes it over, and `leftovers` lists it."""
MINUTE = "1.5"
"""Seconds that a minute of AWS takes: a cluster takes 13 to come and 4 to go, its nodes 4 and 6; a run that goes on
meets it at that."""
SEED = 12

Status = Callable[[Any], str]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("slow")
    manifests = folder / "manifests"
    manifests.mkdir()
    (manifests / "kustomization.yaml").write_text("resources: [namespace.yaml]\n")
    (manifests / "namespace.yaml").write_text(MANIFEST)
    with checked_out(folder, manifests) as made:
        made.environment[emulator.MINUTE] = MINUTE
        yield made


@pytest.fixture(scope="module")
def empty(checkout: Checkout) -> set[str]:
    """What the account holds before a stack is made."""
    before = os.environ[emulator.MINUTE]
    os.environ[emulator.MINUTE] = MINUTE
    emulator.start(checkout.root)
    os.environ[emulator.MINUTE] = before
    return cloud(checkout)


def of_cluster(eks: Any) -> str:
    return str(eks.describe_cluster(name=CLUSTER)["cluster"]["status"])


def of_nodes(eks: Any) -> str:
    [name] = eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"]
    return str(eks.describe_nodegroup(clusterName=CLUSTER, nodegroupName=name)["nodegroup"]["status"])


def reached(checkout: Checkout, status: Status, wanted: str) -> bool:
    try:
        return status(checkout.aws("eks")) == wanted
    except (ClientError, ValueError):
        return False


def kill(checkout: Checkout, command: str, status: Status, wanted: str, delay: float, victim: str) -> None:
    """Kills a run, or its engine, `delay` seconds after EKS has said that it is at work."""
    run = checkout.start(command)
    until(lambda: run.poll() is not None or reached(checkout, status, wanted), f"EKS says {wanted}")
    assert run.poll() is None, run.communicate()
    time.sleep(delay)
    for pid in [run.pid] if victim == "program" else [p for p, line in children(run.pid).items() if "/pulumi " in line]:
        os.kill(pid, signal.SIGKILL)
    out, err = run.communicate(timeout=120)
    assert "Traceback" not in out + err
    until(lambda: not left_running(checkout), "nothing of it runs")


def test_an_up_that_is_killed_while_eks_makes_things_comes_up(checkout: Checkout, empty: set[str]) -> None:
    moments = random.Random(SEED)
    kill(checkout, "up", of_cluster, "CREATING", moments.uniform(0, 1), "program")
    kill(checkout, "up", of_nodes, "CREATING", moments.uniform(0, 1), "engine")
    said = checkout.must("up")
    assert "The last run was interrupted" in said
    assert not_in_state(checkout, empty) == set()
    [cluster] = [one for one in checkout.resources().values() if one["type"] == "aws:eks/cluster:Cluster"]
    assert cluster["outputs"]["endpoint"]
    assert changes(checkout.must("preview")).keys() == {"unchanged"}


def test_a_destroy_that_is_killed_while_eks_deletes_leaves_nothing(checkout: Checkout, empty: set[str]) -> None:
    if not checkout.state_file.exists() or not checkout.resources():
        checkout.must("up")
    moments = random.Random(SEED + 1)
    kill(checkout, "destroy", of_nodes, "DELETING", moments.uniform(0, 1), "program")
    kill(checkout, "destroy", of_cluster, "DELETING", moments.uniform(0, 1), "engine")
    checkout.must("destroy")
    assert checkout.resources() == {}
    assert cloud(checkout) ^ empty <= {LOGS}


def test_a_destroy_waits_for_the_cluster_that_a_killed_up_began(checkout: Checkout, empty: set[str]) -> None:
    if checkout.state_file.exists() and checkout.resources():
        checkout.must("destroy")
    kill(checkout, "up", of_cluster, "CREATING", 0, "program")
    checkout.must("destroy")
    assert checkout.resources() == {}
    assert cloud(checkout) ^ empty <= {LOGS}
