"""Command lines, configuration files, nodes and stages: nothing but loopback, and restarts only where needed."""

import re
from pathlib import Path

import pytest
import yaml

from localcloud.plane import certificates
from localcloud.plane.components import (
    API_AUDIENCE,
    COMPONENTS,
    Component,
    audit_policy,
    components,
    egress_selector,
    kubeconfig,
)
from localcloud.plane.layout import Layout, Pods
from localcloud.plane.stages import ALLOCATABLE, MOUNTS_READY, PACE, START_DELAY, nodes, pace, stages
from ordering.errors import UserError

PORTS = {"etcd": 4001, "etcd-peer": 4002, "kube-apiserver": 4003}
PROGRAMS = {name: Path(f"/tools/{name}") for name in COMPONENTS}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("root"))
    certificates.ensure(layout.certificates)
    return layout


def made(
    layout: Layout,
    pods: Pods = "instant",
    seed: int = 0,
    ports: dict[str, int] = PORTS,
    programs: dict[str, Path] = PROGRAMS,
) -> dict[str, Component]:
    return {part.name: part for part in components(layout, programs, ports, pods=pods, seed=seed)}


def differing(one: dict[str, Component], other: dict[str, Component]) -> set[str]:
    return {name for name in one if one[name].digest != other[name].digest}


def test_the_order_of_start(layout: Layout) -> None:
    assert list(made(layout)) == list(COMPONENTS)


def test_everything_is_on_loopback(layout: Layout) -> None:
    for part in made(layout).values():
        text = " ".join(part.command) + "".join(content for _, content in part.files)
        addresses = set(re.findall(r"https?://[^\s,:\"']+", text)) - {API_AUDIENCE, layout.issuer}
        assert addresses <= {"https://127.0.0.1"}, part.name
        assert not re.search(r"--(bind-address|listen-\S+)=(?!\S*127\.0\.0\.1)", text), part.name


def test_servers_that_nobody_asks_do_not_listen(layout: Layout) -> None:
    parts = made(layout)
    assert "--secure-port=0" in parts["kube-controller-manager"].command
    assert "--secure-port=0" in parts["kube-scheduler"].command
    options = next(yaml.safe_load_all(parts["kwok"].files[-1][1]))
    assert options["options"]["nodePort"] == 0


def test_the_same_settings_start_nothing_again(layout: Layout) -> None:
    assert differing(made(layout), made(layout)) == set()


def test_another_mode_concerns_two_components(layout: Layout) -> None:
    assert differing(made(layout), made(layout, pods="realistic")) == {"controllers", "kwok"}


def test_another_seed_concerns_the_controllers(layout: Layout) -> None:
    assert differing(made(layout), made(layout, seed=1)) == {"controllers"}


def test_all_clients_follow_the_api_server_to_another_port(layout: Layout) -> None:
    moved = made(layout, ports=PORTS | {"kube-apiserver": 5003})
    assert differing(made(layout), moved) == set(COMPONENTS) - {"etcd"}


def test_a_new_program_is_started(layout: Layout) -> None:
    other = made(layout, programs=PROGRAMS | {"controllers": Path("/tools/newer/controllers")})
    assert differing(made(layout), other) == {"controllers"}


def test_the_controllers_are_told_all_they_need(layout: Layout) -> None:
    command = made(layout, pods="realistic", seed=5)["controllers"].command
    flags = dict(argument.removeprefix("--").split("=", 1) for argument in command[1:])
    told = {"kubeconfig", "egress-socket", "ca-cert", "ca-key", "pods", "seed", "calls", "log", "python", "hook"}
    assert set(flags) == told
    assert Path(flags["python"]).is_file()
    assert Path(flags["hook"]).read_text().count("def answer(") == 1
    assert (flags["pods"], flags["seed"]) == ("realistic", "5")
    assert Path(flags["ca-key"]).read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_the_api_server_hands_its_calls_to_the_controllers_socket(layout: Layout) -> None:
    socket = layout.egress_socket
    [selection] = yaml.safe_load(egress_selector(socket))["egressSelections"]
    assert selection["name"] == "cluster"
    assert selection["connection"] == {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(socket)}}}
    assert f"--egress-socket={socket}" in made(layout)["controllers"].command


def test_the_audit_log_has_no_bodies() -> None:
    levels = [rule["level"] for rule in yaml.safe_load(audit_policy())["rules"]]
    assert levels[-1] == "Metadata"
    assert set(levels) == {"None", "Metadata"}


def test_the_kubeconfig_stands_alone(layout: Layout) -> None:
    text = kubeconfig(layout.certificates, "admin", 4003, embed=True)
    assert str(layout.root) not in text
    config = yaml.safe_load(text)
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:4003"
    assert set(config["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_five_nodes_of_m5_xlarge_over_four_zones() -> None:
    listed = nodes("1.35.4")
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in listed]
    assert zones == ["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d", "us-west-2a"]
    for node in listed:
        assert node["status"]["allocatable"] == ALLOCATABLE
        assert node["spec"]["providerID"].startswith(
            f"aws:///{node['metadata']['labels']['topology.kubernetes.io/zone']}/i-"
        )
    for unique in ("name", "podCIDR", "providerID"):
        assert len({node["metadata"].get(unique) or node["spec"].get(unique) for node in listed}) == 5
    assert (ALLOCATABLE["cpu"], ALLOCATABLE["pods"]) == ("3920m", "58")
    assert 14.0 < int(ALLOCATABLE["memory"].removesuffix("Ki")) / 1024**2 < 14.6


@pytest.mark.parametrize("pods", ["instant", "realistic"])
def test_stages_cover_a_pods_life_and_their_templates_are_whole(pods: Pods) -> None:
    parts = list(yaml.safe_load_all(yaml.safe_dump_all(stages(pods))))
    names = {part["metadata"]["name"] for part in parts if part["kind"] == "Stage"}
    assert names >= {"node-ready", "pod-run", "pod-complete", "pod-ready-again", "pod-delete"}
    assert ("pod-start" in names) == (pods == "realistic")
    for part in parts[1:]:
        for patch in part["spec"]["next"].get("patches", []):
            opened = len(re.findall(r"{{ (?:if|range|with)\b", patch["template"]))
            assert opened == len(re.findall(r"{{ end }}", patch["template"])), part["metadata"]["name"]


def test_only_realistic_pods_wait() -> None:
    assert MOUNTS_READY not in yaml.safe_dump(stages("instant"), width=10_000)
    assert not any("delay" in part.get("spec", {}) for part in stages("instant"))
    realistic = {part["metadata"]["name"]: part for part in stages("realistic")}
    assert MOUNTS_READY in str(realistic["pod-start"]["spec"]["selector"])
    assert START_DELAY in str(realistic["pod-run"]["spec"]["delay"])


def test_a_pace_shortens_what_realistic_pods_take_and_nothing_else() -> None:
    differ = [one for one, other in zip(stages("realistic"), stages("realistic", 0.25), strict=True) if one != other]
    assert [part["metadata"]["name"] for part in differ] == ["pod-run"]
    assert "tonumber * 0.25" in str(stages("realistic", 0.25))
    assert stages("instant") == stages("instant", 0.25)


@pytest.mark.parametrize("text", ["fast", "-1", "61", "nan", "inf"])
def test_a_pace_that_is_none_is_refused_in_a_sentence(text: str) -> None:
    assert (pace({}), pace({PACE: ""}), pace({PACE: "0.3"})) == (1.0, 1.0, 0.3)
    with pytest.raises(UserError, match=f"LOCALCLOUD_POD_PACE is '{text}'; set it to how many times 20 to 60 s"):
        pace({PACE: text})
