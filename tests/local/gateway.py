"""An address for a platform in local tests: a zone of the account's, and the gateway that the sample has no use for."""

from typing import Any

import yaml

from tests.local.cluster import Manifest, config_map, crd, deployment, namespace
from tests.local.stack import Checkout

HOST, FOLDER = "kubeflow.example.com", "gateway"

_PROXY = """provider = "oidc"
oidc_issuer_url = "http://dex.auth.svc.cluster.local:5556/dex"
redirect_url = "/oauth2/callback"
"""


def zone(checkout: Checkout) -> str:
    """The id of a new zone that owns the host, and the checkout's component with a gateway and its login."""
    folder = checkout.root / FOLDER
    folder.mkdir()
    (folder / "gateway.yaml").write_text(yaml.safe_dump_all(_objects()))
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": ["gateway.yaml"]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(component))
    made = checkout.aws("route53").create_hosted_zone(Name="example.com", CallerReference="test")
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


def settings(zone_id: str) -> dict[str, Any]:
    """What gives a stack the address."""
    return {
        "kubeflowComponents": [FOLDER],
        "addressHost": HOST,
        "addressZone": zone_id,
        "addressCidrs": ["203.0.113.0/24"],
    }


def _objects() -> list[Manifest]:
    ports = [{"name": f"p{port}", "port": port, "protocol": "TCP"} for port in (15021, 80, 443)]
    about = {"name": "istio-ingressgateway", "namespace": "istio-system"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": about}
    proxy = {"oauth2_proxy.cfg": _PROXY}
    return [
        namespace("istio-system"),
        # Of what a login brings; nothing here acts on them.
        *(crd("security.istio.io", kind) for kind in ("AuthorizationPolicy", "RequestAuthentication")),
        deployment("istio-system", "istio-ingressgateway"),
        {**service, "spec": {"selector": {"app": "istio-ingressgateway"}, "ports": ports}},
        config_map("oauth2-proxy", "oauth2-proxy", **proxy),
        config_map("oauth2-proxy", "oauth2-proxy-parameters", FORCE_HTTPS="false"),
    ]
