"""The login follows the address: what Dex, oauth2-proxy and the gateway say once people come by https://host."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.kubeflow import address
from infra.kubeflow.address import at_address, external_url, issuer, with_dex, with_proxy
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from tests.unit.settings_source import settings

ROOT = Path(__file__).resolve().parents[3]
URL = "https://kubeflow.example.com"
INSIDE = "http://dex.auth.svc.cluster.local:5556/dex"

DEX = f"""
issuer: {INSIDE}
enablePasswordDB: true
staticClients:
- idEnv: OIDC_CLIENT_ID
  redirectURIs: ["/oauth2/callback"]
"""
PROXY = f"""provider = "oidc"
oidc_issuer_url = "{INSIDE}"
api_routes = [
  # of Pipelines
  "/api/",
  "/apis/",
]
# where people sign in
login_url = "/dex/auth"
redeem_url = "{INSIDE}/token"
redirect_url = "/oauth2/callback"
relative_redirect_url = true"""


def one(kind: str, namespace: str, name: str, **content: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}


RULE = {"issuer": INSIDE, "fromHeaders": [{"name": "Authorization"}]}
OTHER = {"issuer": "https://elsewhere.example.com"}
OBJECTS = [
    one("Service", "istio-system", "istio-ingressgateway", spec={}),
    one("ConfigMap", "auth", "dex", data={"config.yaml": DEX}),
    one("ConfigMap", "oauth2-proxy", "oauth2-proxy-hk55gm96k4", data={"oauth2_proxy.cfg": PROXY}),
    one("ConfigMap", "oauth2-proxy", "oauth2-proxy-parameters-74659b6648", data={"FORCE_HTTPS": "false", "A": "b"}),
    one("RequestAuthentication", "istio-system", "dex-jwt", spec={"jwtRules": [RULE, OTHER], "selector": {"a": "b"}}),
]


def found(objects: list[Manifest], index: int) -> Any:
    content = objects[index].get("data") or objects[index]["spec"]
    return next(iter(content.values()))


def test_dex_is_known_by_the_address_and_sends_people_back_to_it() -> None:
    config = yaml.safe_load(found(at_address(OBJECTS, URL), 1))
    assert config["issuer"] == f"{URL}/dex"
    assert config["staticClients"] == [{"idEnv": "OIDC_CLIENT_ID", "redirectURIs": [f"{URL}/oauth2/callback"]}]
    assert config["enablePasswordDB"] is True


def test_the_proxy_sends_people_to_the_address_and_talks_to_dex_inside() -> None:
    text = found(at_address(OBJECTS, URL), 2)
    lines = text.splitlines()
    assert {
        f'oidc_issuer_url = "{URL}/dex"',
        f'login_url = "{URL}/dex/auth"',
        f'redeem_url = "{INSIDE}/token"',
        f'oidc_jwks_url = "{INSIDE}/keys"',
        f'redirect_url = "{URL}/oauth2/callback"',
        "relative_redirect_url = false",
        "skip_oidc_discovery = true",
        '  "/apis/",',
        "# where people sign in",
    } <= set(lines)
    assert len([line for line in lines if "redirect_url" in line]) == 2, "nothing is said twice"


def test_its_cookies_are_for_https_alone() -> None:
    assert at_address(OBJECTS, URL)[3]["data"] == {"FORCE_HTTPS": "true", "A": "b"}


def test_the_gateway_believes_dex_s_tokens_and_fetches_its_keys_inside() -> None:
    [rule, other] = found(at_address(OBJECTS, URL), 4)
    assert rule == {**RULE, "issuer": f"{URL}/dex", "jwksUri": f"{INSIDE}/keys"}
    assert other == OTHER


def test_the_given_objects_stay_and_so_do_all_names() -> None:
    before = [dict(each) for each in OBJECTS]
    once = at_address(OBJECTS, URL)
    assert before == OBJECTS
    assert [each["metadata"] for each in once] == [each["metadata"] for each in OBJECTS]


@pytest.mark.parametrize(
    ("index", "missing"),
    [
        (0, "Service istio-system/istio-ingressgateway"),
        (1, "ConfigMap auth/dex"),
        (2, "ConfigMap oauth2-proxy/oauth2-proxy"),
        (3, "ConfigMap oauth2-proxy/oauth2-proxy-parameters"),
    ],
)
def test_a_platform_that_asks_nobody_to_sign_in_gets_no_address(index: int, missing: str) -> None:
    objects = [each for number, each in enumerate(OBJECTS) if number != index]
    with pytest.raises(UserError, match=f"addressHost is set, and the manifests have no {missing}, so nobody would be"):
        at_address(objects, URL)


def test_an_issuer_that_is_not_there_is_named() -> None:
    assert issuer(OBJECTS) == INSIDE
    with pytest.raises(UserError, match="auth/dex names no issuer"):
        issuer(with_dex(OBJECTS, lambda config: {**config, "issuer": ""}))


def test_a_setting_of_the_proxy_is_replaced_where_it_stands_or_added() -> None:
    text = found(with_proxy(OBJECTS, {"api_routes": ["/x/"], "provider": "dex", "email_domains": ["*"], "n": 3}), 2)
    assert text.startswith('provider = "dex"\n')
    assert 'api_routes = ["/x/"]\n# where people sign in' in text
    assert text.endswith('email_domains = ["*"]\nn = 3\n')
    assert "/apis/" not in text


def test_the_ports_are_those_of_the_component() -> None:
    ports = yaml.safe_load((ROOT / address.COMPONENT / "service.yaml").read_text())["spec"]["ports"]
    by_port = {port["port"]: port["nodePort"] for port in ports}
    assert (by_port[80], by_port[15021]) == (address.PORT, address.HEALTH_PORT)
    # What the API server hands out to nobody by itself: the first 86 of 30000 to 32767.
    assert all(30000 <= port <= 30085 for port in by_port.values())


def test_the_url_is_the_settings() -> None:
    assert external_url(settings()) is None
    given: dict[str, Any] = {
        "addressHost": "kubeflow.example.com",
        "addressZone": "Z0123456789ABC",
        "addressCidrs": ["0.0.0.0/0"],
    }
    assert external_url(settings(**given)) == URL
