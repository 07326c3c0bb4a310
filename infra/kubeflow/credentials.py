"""The passwords and secrets that every copy of a release ships with, and their replacement.

Where they lie was read off the rendered releases 1.10.2 and 26.03. A value that is handed in may be text or whatever
stands for text that is not known yet, such as a `pulumi.Output`: it is put in its place and never looked at.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import bcrypt

from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

KNOWN_EMAIL = "user@example.com"


@dataclass(frozen=True)
class CredentialSpec:
    """A random text that `replace` wants: letters and digits only, for some of it passes through shells and URLs.

    `name` is the field of Credentials, `length` is in characters.
    """

    name: str
    length: int


# The cookie secret must be 16, 24 or 32 bytes, or base64 of as many (oauth2-proxy, "cookie_secret"): 32 is both.
# Key lengths of the object store are those of AWS.
GENERATED = (
    CredentialSpec("oidc_client_secret", 32),
    CredentialSpec("cookie_secret", 32),
    CredentialSpec("mysql_password", 32),
    CredentialSpec("katib_mysql_password", 32),
    CredentialSpec("object_store_access_key", 20),
    CredentialSpec("object_store_secret_key", 40),
)
# Those of a managed database: its administrator's, and of the users that the release has no Secret for.
DATABASE_GENERATED = (
    CredentialSpec("database_password", 32),
    CredentialSpec("cache_password", 32),
    CredentialSpec("metadata_password", 32),
)
# What `password_hash` takes as its seed: kept like the others, so that the hash stays the same between runs.
SALT_SEED = CredentialSpec("salt_seed", 32)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What takes the place of the known values.

    `email` is who may log in, as text, and `password_hash` the bcrypt hash of the password. The others are random texts
    as GENERATED describes them.
    """

    email: str
    password_hash: Any
    oidc_client_secret: Any
    cookie_secret: Any
    mysql_password: Any
    katib_mysql_password: Any
    object_store_access_key: Any
    object_store_secret_key: Any


@dataclass(frozen=True)
class KnownCredential:
    """A place whose value is public knowledge: the object, the field in it, and the field of Credentials for it."""

    object: str
    field: str
    credential: str


@dataclass(frozen=True)
class _Place:
    namespace: str
    secret: str
    key: str
    credential: str


_PLACES = (
    _Place("auth", "dex-passwords", "DEX_USER_PASSWORD", "password_hash"),
    # The two ends of one conversation: they must agree.
    _Place("auth", "dex-oidc-client", "OIDC_CLIENT_SECRET", "oidc_client_secret"),
    _Place("oauth2-proxy", "oauth2-proxy", "client-secret", "oidc_client_secret"),
    _Place("oauth2-proxy", "oauth2-proxy", "cookie-secret", "cookie_secret"),
    _Place("kubeflow", "mysql-secret", "password", "mysql_password"),
    _Place("kubeflow", "katib-mysql-secrets", "MYSQL_ROOT_PASSWORD", "katib_mysql_password"),
    _Place("kubeflow", "mlpipeline-minio-artifact", "accesskey", "object_store_access_key"),
    _Place("kubeflow", "mlpipeline-minio-artifact", "secretkey", "object_store_secret_key"),
)
# kustomize appends a hash of the content to the names of what it generates.
_HASHED = r"(-[a-z0-9]{10})?"

_EMPTY_PASSWORD = "MYSQL_ALLOW_EMPTY_PASSWORD"
_ROOT_PASSWORD = "MYSQL_ROOT_PASSWORD"
_MYSQL_SECRET = {"name": "mysql-secret", "key": "password"}

# SHA-256 of the known values, so that they stand nowhere in this project. These are refused wherever they turn up…
_KNOWN_ANYWHERE = {
    "c154376989fcff516b441dcc647bfe75780c80caf4f0d10012f98f93db0aa510": "the release's password hash",
    "462a0aa7e3ad7e72bcc06fd22a504044f4a4c79033231b9dc8900ad84fbe29b9": "the release's OIDC client secret",
    "80c8cb5e94a392a3d8fc7cf03d8a73bf68788e684466a02393405c717243c900": "the release's cookie secret",
    "179c076ac522159dbbd50d4f1d84faf05551fe5b59d7e5824a800d46559fb1d1": "the release's object store key",
    "1718c24b10aeb8099e3fc44960ab6949ab76a267352459f203ea1036bec382c2": "the release's password",
    "66326b8968cee35131815f8c8ae1185efabcb2486c386400549a9e3d4663a5c2": "the sample's password hash",
    "4f939525159ce0e4caf1a8f64733194c99b90b615439e49c9accb6195c51c806": "the sample's OIDC client secret",
    "e74745ea76ef98cf28d754349ac79b0d7ef88e71ce7f3199f8d22417ced33673": "the sample's cookie secret",
    "bbf0438a1e993d0eb5519382f6acd48b59c4b3ff9d939d12836442f9b3341817": "the sample's object store key",
    "600299d17679f53316bf32cba6f601c05a8e63ec06413a88fa2a333fb924ac53": "the sample's Katib password",
}
# … and these, which are common words or nothing at all, only where a secret belongs.
_KNOWN_IN_PLACE = {
    **_KNOWN_ANYWHERE,
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": "the release's Katib password",
    "5791b6226743c56f44f8274cc67b8beb9751b6403e697243ad00fd37af5635e3": "the release's object store user",
    "92420bac690a3ed2d60d5c92d8db7320b746e85ca54f6e77904a656315ef9874": "the sample's object store user",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": "no password",
}

_EMAIL = re.compile(r"(?<![\w.+@-])" + re.escape(KNOWN_EMAIL) + r"(?![\w.-])")
_PLAIN_EMAIL = re.compile(r"[A-Za-z0-9][\w.+-]*@[\w.-]+", re.ASCII)
_WORD = re.compile(r"[^\s\"'=,;:]{8,}")


def password_hash(password: str, seed: str) -> str:
    """The bcrypt hash of a password, the same for the same password and seed, so that a preview shows no change.

    The salt is drawn from `seed`, a random text that the state keeps and nobody sees. 12 rounds, as the release has.
    UserError for a password of more than 72 bytes, of which bcrypt would ignore the rest.
    """
    if len(password.encode()) > 72:
        raise UserError("dashboardPassword has more than 72 bytes, which bcrypt cannot hash: choose a shorter one.")
    salt = hashlib.sha256(f"salt\0{seed}".encode()).digest()[:16]
    return bcrypt.hashpw(password.encode(), b"$2b$12$" + _bcrypt_base64(salt)).decode()


def checksum(content: str, seed: str) -> str:
    """A text that changes with the content and gives nothing away: whoever guesses it lacks the seed, a random text."""
    return hmac.new(seed.encode(), content.encode(), hashlib.sha256).hexdigest()[:16]


def find_known(objects: Iterable[Manifest]) -> list[KnownCredential]:
    """The places whose value, as rendered, everybody knows; among them the e-mail address of the login."""
    found = []
    for manifest in objects:
        for place in _places(manifest):
            section, value = _value(manifest, place.key)
            if isinstance(value, str) and _digest(value) in _KNOWN_IN_PLACE:
                found.append(KnownCredential(title(manifest), f"{section}.{place.key}", place.credential))
        found += [KnownCredential(title(manifest), field, "email") for field in _email_fields(manifest)]
    return found


def replace(objects: Iterable[Manifest], credentials: Credentials) -> list[Manifest]:
    """The objects with every known credential replaced; the given ones are left as they are, and names stay.

    What lies in the places that releases use is replaced whether or not this version knows the value, so a release with
    new well-known secrets does not keep them. Values go to `stringData`. The e-mail address is replaced in ConfigMaps
    and in the owners of Profiles. MySQL, which the release starts with an empty root password, takes its password from
    the Secret that its clients read; a database that already exists keeps the password that it was made with.
    """
    return [_replace(manifest, credentials) for manifest in objects]


def assert_none_left(objects: Iterable[Manifest]) -> None:
    """UserError naming every object in which a value that everybody knows is left."""
    left = []
    for manifest in objects:
        if manifest["kind"] == "CustomResourceDefinition":
            continue
        for place in _places(manifest):
            _, value = _value(manifest, place.key)
            if isinstance(value, str) and (what := _KNOWN_IN_PLACE.get(_digest(value))):
                left.append(f"{title(manifest)} holds {what}")
        for text in _texts(manifest):
            for word in _WORD.findall(text):
                if what := _KNOWN_ANYWHERE.get(_digest(word)):
                    left.append(f"{title(manifest)} holds {what}")
        if _allows_empty_password(manifest):
            left.append(f"{title(manifest)} lets MySQL start without a password")
    if left:
        raise UserError(f"well-known credentials are left: {'; '.join(sorted(set(left)))}.")


def _places(manifest: Manifest) -> Iterator[_Place]:
    if manifest["kind"] != "Secret":
        return
    metadata = manifest["metadata"]
    for place in _PLACES:
        if metadata.get("namespace") == place.namespace and re.fullmatch(place.secret + _HASHED, metadata["name"]):
            yield place


def _value(secret: Manifest, key: str) -> tuple[Literal["data", "stringData"], Any]:
    """The section that counts for a key, and its value, decoded; the API server lets stringData win."""
    plain = secret.get("stringData") or {}
    if key in plain:
        return "stringData", plain[key]
    encoded = (secret.get("data") or {}).get(key)
    return "data", _decoded(encoded) if isinstance(encoded, str) else None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def _replace(manifest: Manifest, credentials: Credentials) -> Manifest:
    if manifest["kind"] == "Secret":
        return _replace_in_secret(manifest, credentials)
    if manifest["kind"] == "ConfigMap" and (fields := _email_fields(manifest)):
        keys = {field.removeprefix("data.") for field in fields}
        data = {k: _with_email(v, credentials.email) if k in keys else v for k, v in manifest["data"].items()}
        return {**manifest, "data": data}
    if manifest["kind"] == "Profile" and _email_fields(manifest):
        spec = manifest["spec"]
        return {**manifest, "spec": {**spec, "owner": {**spec["owner"], "name": credentials.email}}}
    return _replace_in_workload(manifest)


def _replace_in_secret(secret: Manifest, credentials: Credentials) -> Manifest:
    places = list(_places(secret))
    if not places:
        return secret
    keys = {place.key for place in places}
    result = {key: value for key, value in secret.items() if key != "data"}
    if rest := {key: value for key, value in (secret.get("data") or {}).items() if key not in keys}:
        result["data"] = rest
    new = {place.key: getattr(credentials, place.credential) for place in places}
    result["stringData"] = {**(secret.get("stringData") or {}), **new}
    return result


def _replace_in_workload(workload: Manifest) -> Manifest:
    if not _allows_empty_password(workload):
        return workload
    template = _template(workload)
    spec = template["spec"]
    spec = {**spec, "containers": [_with_root_password(container) for container in spec["containers"]]}
    return {**workload, "spec": {**workload["spec"], "template": {**template, "spec": spec}}}


def _template(workload: Manifest) -> dict[str, Any]:
    spec = workload.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    return template if workload["kind"] in ("Deployment", "StatefulSet") and isinstance(template, dict) else {}


def _allows_empty_password(workload: Manifest) -> bool:
    """Whether it is one of the release's databases and starts without a password; anybody else's is left alone."""
    containers = (_template(workload).get("spec") or {}).get("containers") or ()
    names = {variable.get("name") for container in containers for variable in container.get("env") or ()}
    is_pipelines = (workload["metadata"].get("namespace"), workload["metadata"]["name"]) == ("kubeflow", "mysql")
    return _EMPTY_PASSWORD in names and (is_pipelines or _ROOT_PASSWORD in names)


def _with_root_password(container: dict[str, Any]) -> dict[str, Any]:
    variables = container.get("env") or []
    kept = [variable for variable in variables if variable.get("name") != _EMPTY_PASSWORD]
    if len(kept) == len(variables):
        return container
    if not any(variable.get("name") == _ROOT_PASSWORD for variable in kept):
        kept.append({"name": _ROOT_PASSWORD, "valueFrom": {"secretKeyRef": dict(_MYSQL_SECRET)}})
    return {**container, "env": kept}


def _email_fields(manifest: Manifest) -> list[str]:
    if manifest["kind"] == "Profile":
        owner = (manifest.get("spec") or {}).get("owner") or {}
        return ["spec.owner.name"] if owner.get("name") == KNOWN_EMAIL else []
    if manifest["kind"] != "ConfigMap":
        return []
    data = manifest.get("data") or {}
    return [f"data.{key}" for key, text in data.items() if isinstance(text, str) and _EMAIL.search(text)]


def _with_email(text: str, email: str) -> str:
    if text == KNOWN_EMAIL:
        return email
    # An address may hold what means something in YAML; JSON's quotes hold in both.
    quoted = email if _PLAIN_EMAIL.fullmatch(email) else json.dumps(email, ensure_ascii=False)
    return _EMAIL.sub(lambda _: quoted, text)


def _texts(node: Any, secret: bool = False) -> Iterator[str]:
    """Every text inside an object, and the decoded data of a Secret."""
    if isinstance(node, dict):
        secret = secret or node.get("kind") == "Secret"
        for value in node.values():
            yield from _texts(value, secret)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value, secret)
    elif isinstance(node, str):
        yield _decoded(node) if secret else node


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _bcrypt_base64(data: bytes) -> bytes:
    """bcrypt's own base64: other digits, no padding."""
    standard = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    own = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return base64.b64encode(data).rstrip(b"=").translate(bytes.maketrans(standard, own))
