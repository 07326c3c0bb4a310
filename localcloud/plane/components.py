"""The components of the plane: their command lines and configuration files. Pure: no I/O."""

import base64
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcloud.plane.layout import Layout, Pods
from localcloud.plane.stages import stages

# The audience of a token that is asked for without one, as on EKS.
API_AUDIENCE = "https://kubernetes.default.svc"
# EKS's default range for Services.
SERVICE_RANGE = "172.20.0.0/16"
PORTS = ("etcd", "etcd-peer", "kube-apiserver")
# What answers metacontroller for a profile where artifacts are in S3: the one program of a pod that runs here.
_HOOK = Path(__file__).parents[2] / "manifests" / "s3" / "sync.py"
# In the order of start; they end the other way round.
COMPONENTS = ("etcd", "kube-apiserver", "controllers", "kube-controller-manager", "kube-scheduler", "kwok")


@dataclass(frozen=True)
class Component:
    """A program with its arguments and the configuration files that it reads, by path."""

    name: str
    command: tuple[str, ...]
    files: tuple[tuple[Path, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    """Defaults; the caller's environment goes before them."""

    @property
    def digest(self) -> str:
        """Changes with the program, its arguments or its configuration: then the component must be started again."""
        text = json.dumps([self.command, [(str(path), content) for path, content in self.files], self.environment])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def components(
    layout: Layout, programs: dict[str, Path], ports: dict[str, int], *, pods: Pods, seed: int, pace: float = 1.0
) -> list[Component]:
    """All components in the order of start, for the tools at `programs` and the ports of PORTS.

    Realistic pods take `pace` times 20 to 60 s.
    """

    def kubeconfig_of(name: str) -> Path:
        return layout.home / f"{name}.kubeconfig"

    def client(name: str, *arguments: str, files: Sequence[tuple[Path, str]] = ()) -> Component:
        # These must follow the API server when it moves to another port.
        text = kubeconfig(layout.certificates, name, ports["kube-apiserver"], embed=False)
        return Component(name, (str(programs[name]), *arguments), ((kubeconfig_of(name), text), *files))

    certificates = layout.certificates
    kwok_file = layout.home / "kwok.yaml"
    return [
        _etcd(layout, programs["etcd"], ports),
        _api_server(layout, programs["kube-apiserver"], ports),
        client(
            "controllers",
            f"--kubeconfig={kubeconfig_of('controllers')}",
            f"--egress-socket={layout.egress_socket}",
            f"--ca-cert={certificates / 'webhooks-ca.crt'}",
            f"--ca-key={certificates / 'webhooks-ca.key'}",
            f"--pods={pods}",
            f"--seed={seed}",
            f"--calls={layout.webhook_calls}",
            f"--log={layout.log('controllers')}",
            f"--python={sys.executable}",
            f"--hook={_HOOK}",
        ),
        client(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig_of('kube-controller-manager')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--allocate-node-cidrs=false",
            f"--service-account-private-key-file={certificates / 'service-accounts.key'}",
            f"--root-ca-file={certificates / 'ca.crt'}",
            # A busy API server makes heartbeats late, and nobody here marks the pods of a lost node ready again soon.
            "--node-monitor-grace-period=1h",
            "--kube-api-qps=1000",
            "--kube-api-burst=2000",
            "--concurrent-deployment-syncs=20",
            "--concurrent-replicaset-syncs=20",
            "--concurrent-statefulset-syncs=10",
            "--concurrent-namespace-syncs=20",
            "--concurrent-serviceaccount-token-syncs=10",
        ),
        client(
            "kube-scheduler",
            f"--kubeconfig={kubeconfig_of('kube-scheduler')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--kube-api-qps=1000",
            "--kube-api-burst=2000",
        ),
        client(
            "kwok",
            f"--kubeconfig={kubeconfig_of('kwok')}",
            f"--config={kwok_file}",
            files=[(kwok_file, yaml.safe_dump_all(stages(pods, pace), sort_keys=False))],
        ),
    ]


def _etcd(layout: Layout, program: Path, ports: dict[str, int]) -> Component:
    certificates = layout.certificates
    client, peer = (f"https://127.0.0.1:{ports[name]}" for name in ("etcd", "etcd-peer"))
    return Component(
        "etcd",
        (
            str(program),
            "--name=local",
            f"--data-dir={layout.data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=local={peer}",
            # Nobody else is in this cluster, but etcd listens for other members all the same.
            *(
                f"--{side}{option}={certificates / file}"
                for side in ("", "peer-")
                for option, file in (
                    ("cert-file", "etcd.crt"),
                    ("key-file", "etcd.key"),
                    ("trusted-ca-file", "etcd-ca.crt"),
                )
            ),
            "--client-cert-auth",
            "--peer-client-cert-auth",
            # This data may be lost when the machine loses power; in return a write does not wait for the disk.
            "--unsafe-no-fsync",
            "--quota-backend-bytes=4294967296",
            "--log-level=warn",
        ),
    )


def _api_server(layout: Layout, program: Path, ports: dict[str, int]) -> Component:
    certificates = layout.certificates
    egress, audit = layout.home / "egress.yaml", layout.home / "audit-policy.yaml"
    return Component(
        "kube-apiserver",
        (
            str(program),
            f"--etcd-servers=https://127.0.0.1:{ports['etcd']}",
            f"--etcd-cafile={certificates / 'etcd-ca.crt'}",
            f"--etcd-certfile={certificates / 'etcd-client.crt'}",
            f"--etcd-keyfile={certificates / 'etcd-client.key'}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # A loopback address is not allowed as an endpoint, so the Service `kubernetes` has none.
            "--endpoint-reconciler-type=none",
            f"--secure-port={ports['kube-apiserver']}",
            f"--tls-cert-file={certificates / 'kube-apiserver.crt'}",
            f"--tls-private-key-file={certificates / 'kube-apiserver.key'}",
            f"--client-ca-file={certificates / 'ca.crt'}",
            "--authorization-mode=RBAC",
            # As EKS has it: a pod that asks for a GPU tolerates the taint of that name (EKS user guide, "Platform
            # versions").
            "--enable-admission-plugins=ExtendedResourceToleration",
            "--allow-privileged=true",
            f"--service-account-issuer={layout.issuer}",
            f"--api-audiences={API_AUDIENCE}",
            f"--service-account-key-file={certificates / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={certificates / 'service-accounts.key'}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--egress-selector-config-file={egress}",
            f"--audit-policy-file={audit}",
            f"--audit-log-path={layout.audit_log}",
            "--audit-log-maxsize=10000",  # MB; a run's log is read whole, so it is not cut
            # One user, who is never turned away for asking much at once.
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=3000",
            "--max-mutating-requests-inflight=1500",
            "--profiling=false",
        ),
        ((egress, egress_selector(layout.egress_socket)), (audit, audit_policy())),
        # Collecting garbage less often saves a third of the CPU time that a Kubeflow costs, for 1 GB of memory. Over
        # the limit it is collected as often as it takes: after an upgrade and back the server held 7 GB.
        (("GOGC", "400"), ("GOMEMLIMIT", "3GiB")),
    )


def egress_selector(socket: Path) -> str:
    """All calls to Services go by HTTP CONNECT over a Unix socket: from here the Services' addresses lead nowhere."""
    return yaml.safe_dump(
        {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [
                {
                    "name": "cluster",
                    "connection": {
                        "proxyProtocol": "HTTPConnect",
                        "transport": {"uds": {"udsName": str(socket)}},
                    },
                }
            ],
        }
    )


def audit_policy() -> str:
    """A line a request, without bodies; none for probes and node heartbeats."""
    return yaml.safe_dump(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [
                {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
                {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
                {"level": "Metadata"},
            ],
        }
    )


def kubeconfig(certificates: Path, client: str, port: int, *, embed: bool) -> str:
    """A kubeconfig for one of the clients that certificates.py knows; `embed` puts the keys themselves into it."""

    def credential(name: str, file: str) -> dict[str, str]:
        path = certificates / file
        return {f"{name}-data": base64.b64encode(path.read_bytes()).decode()} if embed else {name: str(path)}

    server = f"https://127.0.0.1:{port}"
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": {"server": server, **credential("certificate-authority", "ca.crt")}}],
        "users": [
            {
                "name": client,
                "user": {
                    **credential("client-certificate", f"{client}.crt"),
                    **credential("client-key", f"{client}.key"),
                },
            }
        ],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": client}}],
    }
    return yaml.safe_dump(config, sort_keys=False)
