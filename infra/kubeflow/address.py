"""What manifests/address leaves open, because only the stack knows it: the host that people open the platform at.

The component gives the gateway ports of the nodes, for the stack's load balancer. `at_address` puts the host into the
login's URLs: as a release ships it, Dex is known by its name inside of the cluster, and cookies go over plain HTTP.
`with_dex` and `with_proxy` change the two programs' configuration, for whatever else is to be changed in it.

Read off 26.03 and 1.10.2, with Dex 2.45 and oauth2-proxy 7.14.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.settings import Settings
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "address")

# Of the nodes, as the component says. The second is the gateway's own readiness, which its kubelet asks for, too.
PORT, HEALTH_PORT = 30080, 30021
HEALTH_PATH = "/healthz/ready"

CALLBACK = "/oauth2/callback"

_GATEWAY = ("Service", "istio-system", r"istio-ingressgateway")
_DEX = ("ConfigMap", "auth", r"dex")
_PROXY = ("ConfigMap", "oauth2-proxy", r"oauth2-proxy")
_PARAMETERS = ("ConfigMap", "oauth2-proxy", r"oauth2-proxy-parameters")
# kustomize appends a hash of the content to the names of what it generates.
_HASHED = r"(-[a-z0-9]{10})?"
_DEX_KEY, _PROXY_KEY = "config.yaml", "oauth2_proxy.cfg"

Place = tuple[str, str, str]


def external_url(settings: Settings) -> str | None:
    """Where people open the platform, without a slash at the end; None where a stack gives it no address."""
    return settings.address.url if settings.address else None


def at_address(objects: Iterable[Manifest], url: str) -> list[Manifest]:
    """The objects with the login at a URL (`https://host`); the given ones are left as they are.

    Dex's issuer, where oauth2-proxy sends people and where they come back to, cookies for HTTPS alone, and whose tokens
    the gateway believes. What these say to each other stays inside of the cluster. UserError where one is missing.
    """
    given = list(objects)
    for place in (_GATEWAY, _DEX, _PROXY, _PARAMETERS):
        if not any(_is(one, place) for one in given):
            kind, namespace, name = place
            raise UserError(
                f"addressHost is set, and the manifests have no {kind} {namespace}/{name}, so nobody would be asked to "
                f"sign in at {url}; remove addressHost, or add what is missing to the manifests."
            )
    inside = issuer(given)
    outside = f"{url}/dex"
    given = with_dex(given, lambda config: _dex_at(config, url, outside))
    given = with_proxy(
        given,
        {
            "oidc_issuer_url": outside,
            "skip_oidc_discovery": True,
            "login_url": f"{outside}/auth",
            "redeem_url": f"{inside}/token",
            "oidc_jwks_url": f"{inside}/keys",
            "redirect_url": f"{url}{CALLBACK}",
            "relative_redirect_url": False,
        },
    )
    return [_trusting(_over_https(one), inside, outside) for one in given]


def issuer(objects: Iterable[Manifest]) -> str:
    """The issuer that Dex is configured with; UserError where its configuration names none."""
    for one in objects:
        if _is(one, _DEX) and (found := _dex_config(one).get("issuer")):
            return str(found).rstrip("/")
    raise UserError("The manifests' ConfigMap auth/dex names no issuer; add `issuer` to its config.yaml.")


def with_dex(objects: Iterable[Manifest], change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Manifest]:
    """The objects with Dex's configuration changed; the given ones are left as they are."""
    return [
        _with_data(one, {_DEX_KEY: yaml.safe_dump(change(_dex_config(one)), sort_keys=False)})
        if _is(one, _DEX)
        else one
        for one in objects
    ]


def with_proxy(objects: Iterable[Manifest], values: Mapping[str, Any]) -> list[Manifest]:
    """The objects with these settings of oauth2-proxy: a text, a number, true, false, or a list of texts each.

    A setting that is there is replaced where it stands, others come last. The given objects are left as they are.
    """
    return [
        _with_data(one, {_PROXY_KEY: _with_settings(str(one["data"][_PROXY_KEY]), values)}) if _is(one, _PROXY) else one
        for one in objects
    ]


def _dex_config(manifest: Manifest) -> dict[str, Any]:
    config = yaml.safe_load(str((manifest.get("data") or {}).get(_DEX_KEY, "")))
    return config if isinstance(config, dict) else {}


def _dex_at(config: dict[str, Any], url: str, outside: str) -> dict[str, Any]:
    clients = [
        {**client, "redirectURIs": [f"{url}{uri}" if str(uri).startswith("/") else uri for uri in uris]}
        if (uris := client.get("redirectURIs"))
        else client
        for client in config.get("staticClients") or ()
    ]
    return {**config, "issuer": outside, **({"staticClients": clients} if clients else {})}


def _with_settings(text: str, values: Mapping[str, Any]) -> str:
    """TOML with top-level settings replaced; a list may go over several lines."""
    left = dict(values)
    for key, value in values.items():
        written = f"{key} = {json.dumps(value)}"
        pattern = re.compile(rf"^{re.escape(key)}[ \t]*=[ \t]*(\[[^\]]*\]|[^\n]*)", re.MULTILINE)
        text, count = pattern.subn(lambda _, written=written: written, text)  # type: ignore[misc]
        if count:
            left.pop(key)
    return "\n".join([text.rstrip("\n"), *(f"{key} = {json.dumps(value)}" for key, value in left.items())]) + "\n"


def _over_https(manifest: Manifest) -> Manifest:
    return _with_data(manifest, {"FORCE_HTTPS": "true"}) if _is(manifest, _PARAMETERS) else manifest


def _trusting(manifest: Manifest, inside: str, outside: str) -> Manifest:
    """A rule for Dex's tokens is for those of the new issuer, whose keys are still fetched inside of the cluster."""
    if manifest["kind"] != "RequestAuthentication":
        return manifest
    spec = manifest.get("spec") or {}
    rules = [
        {**rule, "issuer": outside, **({} if "jwks" in rule else {"jwksUri": f"{inside}/keys"})}
        if str(rule.get("issuer", "")).rstrip("/") == inside
        else rule
        for rule in spec.get("jwtRules") or ()
    ]
    return {**manifest, "spec": {**spec, "jwtRules": rules}} if rules else manifest


def _with_data(manifest: Manifest, data: Mapping[str, str]) -> Manifest:
    return {**manifest, "data": {**(manifest.get("data") or {}), **data}}


def _is(manifest: Manifest, place: Place) -> bool:
    kind, namespace, name = place
    metadata = manifest["metadata"]
    return bool(
        manifest["kind"] == kind
        and metadata.get("namespace") == namespace
        and re.fullmatch(name + _HASHED, str(metadata["name"]))
        and (place is not _PROXY or _PROXY_KEY in (manifest.get("data") or {}))
    )
