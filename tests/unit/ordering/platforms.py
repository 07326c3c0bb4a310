"""Generated platforms for property tests: small, with any mixture of dependencies, webhooks in circles included."""

from typing import Any

from hypothesis import strategies as st

from bench.synthetic import (
    account,
    binding,
    cert_manager,
    certificate,
    config_map,
    configuration,
    definition,
    issuer,
    manifest,
    namespace,
    role,
    rule,
    secret,
    service,
    volume,
    webhook,
    workload,
)
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import CERTIFIES

LABELS = st.dictionaries(st.sampled_from(["inject", "tier"]), st.sampled_from(["on", "off"]), max_size=2)
EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["inject", "tier", "kubernetes.io/metadata.name"]),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(st.sampled_from(["on", "off", "a"]), min_size=1, max_size=2),
        }
    ),
    st.fixed_dictionaries(
        {"key": st.sampled_from(["inject", "tier"]), "operator": st.sampled_from(["Exists", "DoesNotExist"])}
    ),
)
SELECTORS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(EXPRESSIONS, max_size=2)}
)
Resources = st.SearchStrategy[tuple[str, str]]
RESOURCES: Resources = st.sampled_from(
    [("", "pods"), ("", "configmaps"), ("", "*"), ("example.com", "things"), ("apps", "*")]
)


# A backend that is ready only once its own webhook exists cannot pass that webhook.
NOT_WORKLOADS = st.sampled_from([("", "configmaps"), ("example.com", "things"), ("", "namespaces")])


@st.composite
def webhooks(draw: st.DrawFn, place: str, backend: str, resources: Resources = RESOURCES) -> dict[str, Any]:
    """A webhook behind the Service `backend`, with any selectors."""
    rules = [rule(*resource) for resource in draw(st.lists(resources, min_size=1, max_size=2, unique=True))]
    fields: dict[str, Any] = {"failurePolicy": draw(st.sampled_from(["Fail", "Fail", "Ignore"]))}
    if draw(st.booleans()):
        fields["namespaceSelector"] = draw(SELECTORS)
    if draw(st.booleans()):
        fields["objectSelector"] = draw(SELECTORS)
    return webhook(f"hook.{backend}", (place, backend), rules, **fields)


@st.composite
def operators(draw: st.DrawFn, place: str, name: str, *, certified: bool) -> list[Manifest]:
    """A webhook's backend with its Service and configuration, with cert-manager's certificate or one of its own."""
    labels = draw(LABELS)
    kind = draw(st.sampled_from(["Mutating", "Validating"]))
    hook = draw(webhooks(place, name))
    if certified:
        return [
            certificate(name, place, "self-signed"),
            workload(name, place, labels=labels, volumes=[volume("Secret", name)]),
            service(name, place),
            configuration(name, hook, kind=kind, injected=f"{place}/{name}"),
        ]
    if not draw(st.booleans()):
        return [workload(name, place, labels=labels), service(name, place), configuration(name, hook, kind=kind)]
    name = f"{name}{CERTIFIES}"
    mounted = draw(st.lists(st.just(volume("ConfigMap", "config-0")), max_size=1))
    return [
        workload(name, place, labels=labels, volumes=mounted, args=[f"--webhook-configuration={name}"]),
        service(name, place),
        configuration(name, draw(webhooks(place, name, NOT_WORKLOADS)), kind=kind),
    ]


@st.composite
def teams(draw: st.DrawFn, place: str, *, certified: bool) -> list[Manifest]:
    """A namespace with accounts, roles, configuration, applications, and perhaps operators."""
    maker = account("runner", place)
    own, shared = role("runner", place), role(f"{place}-runner")
    found = [
        namespace(place, **draw(LABELS)),
        maker,
        own,
        shared,
        binding("runner", own, maker, place),
        binding(f"{place}-runner", shared, maker),
        *(config_map(f"config-{i}", place, labels=draw(LABELS)) for i in range(2)),
        secret("secret", place, labels=draw(LABELS)),
    ]
    if certified:
        found += [issuer("self-signed", place), certificate("served", place, "self-signed")]
    mounts = st.sampled_from(
        [
            volume("ConfigMap", "config-0"),
            volume("ConfigMap", "config-1", optional=True),
            volume("ConfigMap", "nowhere", optional=True),
            volume("Secret", "secret"),
            *([volume("Secret", "served")] if certified else []),
        ]
    )
    for i in range(draw(st.integers(0, 3))):
        found += [
            workload(
                f"app-{i}",
                place,
                kind=draw(st.sampled_from(["Deployment", "DaemonSet", "StatefulSet"])),
                account=draw(st.sampled_from(["", "runner"])),
                labels=draw(LABELS),
                volumes=draw(st.lists(mounts, max_size=3, unique_by=str)),
            ),
            service(f"app-{i}", place),
        ]
    for i in range(draw(st.integers(0, 2))):
        found += draw(operators(place, f"{place}-operator-{i}", certified=certified))
    found += [
        manifest("example.com/v1", "Thing", f"thing-{i}", place, labels=draw(LABELS))
        for i in range(draw(st.integers(0, 2)))
    ]
    return found


@st.composite
def platforms(draw: st.DrawFn) -> list[Manifest]:
    """One to three teams, with or without cert-manager."""
    certified = draw(st.booleans())
    found = [definition("example.com", "Thing"), *(cert_manager() if certified else [])]
    for place in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        found += draw(teams(place, certified=certified))
    return found
