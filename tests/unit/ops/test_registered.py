"""What operators registered at run time, on a cluster that keeps objects and makes some of them again."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops import registered
from ops.existing import Place
from ops.registered import Going, Registered, going, remove
from ordering.manifests.objects import Manifest

OURS = ("policy-engine", "policy-svc")
THEIRS = ("other", "svc")
GOING = Going(objects={Place("", "Service", *OURS), Place("", "Namespace", "", "shop")})


def configuration(name: str, *services: tuple[str, str] | None, kind: str = "Validating") -> Manifest:
    webhooks = [
        {
            "name": f"w{number}",
            "clientConfig": {"service": {"namespace": one[0], "name": one[1]}} if one else {"url": "https://x"},
        }
        for number, one in enumerate(services)
    ]
    metadata = {"name": name, "uid": name, "resourceVersion": "1"}
    version = "admissionregistration.k8s.io/v1"
    return {"apiVersion": version, "kind": f"{kind}WebhookConfiguration", "metadata": metadata, "webhooks": webhooks}


def registration(name: str, service: tuple[str, str] | None) -> Manifest:
    spec: dict[str, Any] = {"group": name.partition(".")[2]}
    if service:
        spec["service"] = {"namespace": service[0], "name": service[1]}
    metadata = {"name": name, "uid": name, "resourceVersion": "1"}
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec}


class Cluster:
    """Keeps objects; those in `again` come back as often as that."""

    def __init__(self, *objects: Manifest, again: int = 0, services: Sequence[tuple[str, str]] = ()) -> None:
        self.objects = {(one["kind"], one["metadata"]["name"]): one for one in objects}
        self.deleted: list[str] = []
        self.again, self.services, self.reads = again, set(services), 0
        self.changed = threading.Condition()

    def metadata(self, api_version: str, kind: str) -> list[Manifest]:
        return [{"metadata": one["metadata"]} for one in self.list(api_version, kind)]

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for (of, _), one in list(self.objects.items()) if of == kind]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        self.reads += 1
        if kind == "Service":
            return {"kind": "Service"} if (namespace, name) in self.services else None
        return self.objects.get((kind, name))

    def delete(self, manifest: Manifest) -> None:
        with self.changed:
            self.deleted.append(manifest["metadata"]["name"])
            if len(self.deleted) > self.again:
                del self.objects[manifest["kind"], manifest["metadata"]["name"]]
            self.changed.notify_all()

    def set_webhooks(self, manifest: Manifest, webhooks: Sequence[Any]) -> None:
        manifest["webhooks"] = list(webhooks)
        manifest["metadata"]["resourceVersion"] += "1"


def test_a_configuration_whose_backend_goes_is_removed_and_named() -> None:
    cluster = Cluster(configuration("policy", OURS), configuration("in-shop", ("shop", "late"), kind="Mutating"))
    assert remove(cluster, GOING, set()) == [
        "MutatingWebhookConfiguration in-shop, made at run time: Service shop/late behind it goes",
        "ValidatingWebhookConfiguration policy, made at run time: Service policy-engine/policy-svc behind it goes",
    ]
    assert not cluster.objects


def test_what_is_somebody_elses_or_the_engines_stays() -> None:
    held = configuration("held", OURS)
    cluster = Cluster(held, configuration("theirs", THEIRS), configuration("url", None), registration("v1.apps", None))
    ours = Going(objects={*GOING.objects, Place("admissionregistration.k8s.io", held["kind"], "", "held")})
    others: set[str] = set()
    assert remove(cluster, ours, others) == []
    reads = cluster.reads
    assert remove(cluster, ours, others) == []
    assert (len(cluster.objects), cluster.reads) == (4, reads), "what was looked at is not read again"


def test_a_configuration_with_other_backends_keeps_theirs() -> None:
    cluster = Cluster(configuration("both", OURS, THEIRS))
    assert remove(cluster, GOING, set()) == [
        "what ValidatingWebhookConfiguration both asks there: Service policy-engine/policy-svc behind it goes"
    ]
    (left,) = cluster.objects.values()
    assert [webhook["name"] for webhook in left["webhooks"]] == ["w1"]
    assert remove(cluster, GOING, set()) == []


BACKENDS: list[tuple[str, str] | None] = [OURS, ("shop", "any"), THEIRS, None]
DRAWN = st.lists(
    st.tuples(st.sampled_from(["Mutating", "Validating"]), st.lists(st.sampled_from(BACKENDS), min_size=1, max_size=3)),
    max_size=5,
)


@given(DRAWN)
@settings(max_examples=20, deadline=None)
def test_whatever_is_registered_nothing_asks_what_goes_and_the_rest_is_as_it_was(
    drawn: list[tuple[str, list[tuple[str, str] | None]]],
) -> None:
    made = [configuration(f"c{i}", *backends, kind=kind) for i, (kind, backends) in enumerate(drawn)]
    cluster, others = Cluster(*made), set[str]()
    said = remove(cluster, GOING, others)
    for i, (kind, backends) in enumerate(drawn):
        theirs = [one for one in backends if one in (THEIRS, None)]
        left = cluster.objects.get((f"{kind}WebhookConfiguration", f"c{i}"), {"webhooks": []})["webhooks"]
        services = [webhook["clientConfig"].get("service") for webhook in left]
        assert [(one["namespace"], one["name"]) if one else None for one in services] == theirs
        assert any(f"Configuration c{i}" in line for line in said) == (theirs != backends), "what changes is named"
    assert remove(cluster, GOING, others) == []


def test_an_api_service_serves_the_stacks_own_objects_until_its_backend_is_gone() -> None:
    cluster = Cluster(registration("v1.ours.example", OURS), registration("v1.free.example", OURS), services=[OURS])
    ours = Going(objects={*GOING.objects, Place("ours.example", "Thing", "shop", "one")})
    assert remove(cluster, ours, set()) == [
        "APIService v1.free.example, made at run time: Service policy-engine/policy-svc behind it goes"
    ]
    cluster.services.clear()
    assert remove(cluster, ours, set()) == [
        "APIService v1.ours.example, made at run time: Service policy-engine/policy-svc behind it goes"
    ]


def test_a_policy_whose_parameters_are_of_a_kind_that_goes_is_removed_with_its_bindings() -> None:
    def one(kind: str, name: str, **spec: Any) -> Manifest:
        return {"kind": kind, "metadata": {"name": name}, "spec": spec}

    policy, bound = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
    limits = {"paramKind": {"apiVersion": "rules.example.org/v1", "kind": "Limit"}}
    cluster = Cluster(
        one(policy, "late", **limits), one(bound, "of-late", policyName="late"),
        one(policy, "held", **limits), one(bound, "of-held", policyName="held"),
        one(policy, "theirs", paramKind={"apiVersion": "v1", "kind": "ConfigMap"}),
    )  # fmt: skip
    known = {Place("admissionregistration.k8s.io", policy, "", "held")}
    ours = Going(objects=known, kinds={("rules.example.org", "Limit")})
    assert remove(cluster, ours, set()) == [
        "ValidatingAdmissionPolicy late and its bindings, made beside the stack: Limit, the kind of its parameters, "
        "goes"
    ]
    assert cluster.deleted == ["of-late", "late"]


def test_what_a_living_operator_makes_again_is_removed_until_it_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "POLL_S", 0.01)
    cluster, said = Cluster(configuration("policy", OURS), again=3), list[str]()

    @contextmanager
    def connect() -> Iterator[Cluster]:
        yield cluster

    watch = Registered(said.append)
    with watch.watched():
        watch.begin(cluster, GOING, connect, whole=False)
        with cluster.changed:
            assert cluster.changed.wait_for(lambda: not cluster.objects, timeout=10)
    assert len(cluster.deleted) == 4
    assert len(said) == 1, "each is named once"


def test_what_comes_at_the_very_end_does_not_stay_and_a_cluster_that_is_gone_is_no_fault() -> None:
    cluster = Cluster()

    @contextmanager
    def connect() -> Iterator[Cluster]:
        yield cluster

    @contextmanager
    def refused() -> Iterator[Cluster]:
        raise OSError("connection refused")
        yield

    watch = Registered(lambda _: None)
    with watch.watched():
        watch.begin(cluster, GOING, connect, whole=False)
        cluster.objects["ValidatingWebhookConfiguration", "late"] = configuration("late", OURS)
    assert cluster.deleted == ["late"]
    watch = Registered(lambda _: None)
    with watch.watched():
        watch.begin(cluster, GOING, refused, whole=False)
    with Registered(lambda _: None).watched():
        pass  # a destroy that was refused before it looked


def test_a_cluster_that_goes_as_a_whole_is_asked_until_it_stops_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "POLL_S", 0.01)
    asked = threading.Semaphore(0)

    @contextmanager
    def gone() -> Iterator[Cluster]:
        asked.release()
        raise OSError("no such host")
        yield

    watch = Registered(lambda _: None)
    with watch.watched():
        watch.begin(Cluster(), GOING, gone, whole=True)
        assert asked.acquire(timeout=10)
        assert not asked.acquire(timeout=0.1), "once is enough"
    assert not asked.acquire(blocking=False)


def test_what_goes_with_a_stack_is_what_its_state_made() -> None:
    def one(kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        inputs = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}
        return {"type": f"kubernetes:core/v1:{kind}", "inputs": inputs}

    patched = {**one("Namespace", "patched"), "type": "kubernetes:core/v1:NamespacePatch"}
    found = going([one("Service", "policy-svc", "policy-engine"), one("Namespace", "shop"), patched])
    services = [OURS, ("shop", "any"), ("patched", "any"), ("policy-engine", "other")]
    assert [found.has(service) for service in services] == [True, True, False, False]
