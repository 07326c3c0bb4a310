"""The fields of Kubernetes' own kinds, as the local API server describes them, in the short form of `ordering.check`.

    python -m localcloud.plane.openapi

starts a plane of its own for the moment and writes `ordering/check/kubernetes.json`. To be run when the pinned
Kubernetes changes.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.api import client_of
from localcloud import plane
from ordering.check.table import FILE

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PREFIXES = ("io.k8s.api.", "io.k8s.apimachinery.pkg.", "io.k8s.apiextensions-apiserver.pkg.apis.", "io.k8s.")
# Types that are written as a plain value (k8s.io/apimachinery v0.35.4, their MarshalJSON).
_VALUES = {
    "api.resource.Quantity": "quantity",
    "util.intstr.IntOrString": "int-or-string",
    "apis.meta.v1.Time": "time",
    "apis.meta.v1.MicroTime": "time",
}
_PLAIN = {
    ("boolean", None): "boolean",
    ("integer", "int32"): "int32",
    ("integer", "int64"): "int64",
    ("number", "double"): "number",
    ("string", None): "string",
    ("string", "byte"): "bytes",
}


def documents(kubeconfig: str) -> Iterable[Mapping[str, Any]]:
    """The OpenAPI v3 documents of the groups that a cluster serves without a CustomResourceDefinition.

    Those that have one come and go: their documents are there some time after it.
    """
    client = client_of(kubeconfig, None)

    def get(path: str) -> Any:
        answer, *_ = client.call_api(path, "GET", auth_settings=["BearerToken"], _preload_content=False)
        return json.loads(answer.data)

    defined = {one["spec"]["group"] for one in get(_DEFINITIONS)["items"]}
    for place in get("/openapi/v3")["paths"]:
        if not defined.intersection(place.split("/")):
            yield get(f"/openapi/v3/{place}")


def table(described: Iterable[Mapping[str, Any]], number: str) -> dict[str, Any]:
    """The table of what documents describe; `number` is its version, `1.35`."""
    schemas: dict[str, Mapping[str, Any]] = {}
    served: set[tuple[str, str, str]] = set()
    for document in described:
        schemas |= document.get("components", {}).get("schemas", {})
        for path in document.get("paths", {}).values():
            kind = path.get("patch", {}).get("x-kubernetes-group-version-kind")
            if kind:
                served.add((kind["group"], kind["version"], kind["kind"]))
    kinds: dict[str, str] = {}
    for name, schema in schemas.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            if (kind["group"], kind["version"], kind["kind"]) in served:
                group = f"{kind['group']}/" if kind["group"] else ""
                kinds[f"{group}{kind['version']}/{kind['kind']}"] = _short(name)
    types: dict[str, dict[str, str]] = {}
    left = list(kinds.values())
    long = {_short(name): schema for name, schema in schemas.items()}
    while left:
        name = left.pop()
        if name in types:
            continue
        fields = {field: _type(value, long) for field, value in long[name].get("properties", {}).items()}
        types[name] = dict(sorted(fields.items()))
        left += [code.rpartition("@")[2] for code in fields.values() if "@" in code]
    return {"version": number, "kinds": dict(sorted(kinds.items())), "types": dict(sorted(types.items()))}


def text(found: Mapping[str, Any]) -> str:
    """The table as it stands in the file: a line for each kind and type, so that a new version reads as a change."""
    parts = [json.dumps({"version": found["version"]})[1:-1]]
    for name in ("kinds", "types"):
        lines = ",\n".join(f"{json.dumps(key)}: {_json(value)}" for key, value in found[name].items())
        parts.append(f"{json.dumps(name)}: {{\n{lines}\n}}")
    return "{" + ",\n".join(parts) + "}\n"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _short(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def _type(schema: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    """A field's type as text; see `ordering.check.table`."""
    reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf", ()) if "$ref" in one), None)
    if reference:
        name = _short(reference.rpartition("/")[2])
        if name in _VALUES:
            return _VALUES[name]
        return f"@{name}" if known[name].get("properties") else "any"
    if schema.get("type") == "array":
        items = schema["items"]
        keys = schema.get("x-kubernetes-list-map-keys", [])
        if schema.get("x-kubernetes-list-type") == "set":
            return f"[=]{_type(items, known)}"
        item = _type(items, known)
        fields = known[item[1:]]["properties"] if item.startswith("@") else {}
        named = ",".join(f"{key}={fields[key]['default']}" if fields[key].get("default") else key for key in keys)
        return f"[{named}]{item}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"{{}}{_type(schema['additionalProperties'], known)}"
    return _PLAIN.get((schema.get("type", ""), schema.get("format")), "any")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        started = plane.start(root)
        try:
            kubeconfig = started.kubeconfig.read_text()
            found = table(documents(kubeconfig), version(kubeconfig))
        finally:
            plane.stop(root, wipe=True)
    FILE.write_text(text(found))


def version(kubeconfig: str) -> str:
    """A cluster's version as the table has it, `1.35`."""
    from kubernetes import client  # type: ignore[import-untyped]

    told = client.VersionApi(client_of(kubeconfig, None)).get_code()
    return f"{told.major}.{told.minor}"


if __name__ == "__main__":
    main()
