"""Nothing that everybody knows reaches a cluster, and the parts that must agree agree."""

import base64
import copy
import hashlib
import re
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.kubeflow.credentials import (
    GENERATED,
    SALT_SEED,
    Credentials,
    assert_none_left,
    checksum,
    find_known,
    password_hash,
    replace,
)
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import ALONE, WHOLE

ROOT = Path(__file__).parents[3]


def credentials(**changed: Any) -> Credentials:
    generated = {spec.name: f"generated-{spec.name}" for spec in GENERATED}
    login = {"email": "ada@lovelace.org", "password_hash": "$2b$12$hash"}
    return Credentials(**{**generated, **login, **changed})


@pytest.fixture(scope="module", params=WHOLE, ids=lambda path: path.name)
def objects(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(request.param)


def get(objects: list[Manifest], kind: str, namespace: str | None, name: str) -> Manifest:
    (found,) = [
        m
        for m in objects
        if m["kind"] == kind and m["metadata"].get("namespace") == namespace and re.match(name, m["metadata"]["name"])
    ]
    return found


def secret_value(secret: Manifest, key: str) -> Any:
    plain = secret.get("stringData", {})
    return plain[key] if key in plain else base64.b64decode(secret["data"][key]).decode()


def test_every_known_credential_is_found(objects: list[Manifest]) -> None:
    wanted = {known.credential for known in find_known(objects)}
    assert wanted == {spec.name for spec in GENERATED} | {"email", "password_hash"}


@pytest.mark.parametrize("platform", ALONE, ids=lambda path: path.name)
def test_pipelines_alone_have_no_login_and_lose_what_else_is_known(platform: Path) -> None:
    objects = render(platform)
    wanted = {known.credential for known in find_known(objects)}
    assert wanted == {"object_store_access_key", "object_store_secret_key", "mysql_password"}
    assert find_known(replace(objects, credentials())) == []


def test_none_is_left_after_the_replacement_and_all_are_named_before(objects: list[Manifest]) -> None:
    with pytest.raises(UserError) as caught:
        assert_none_left(objects)
    for known in find_known(objects):
        assert known.credential == "email" or known.object in str(caught.value)
    assert "Deployment kubeflow/mysql lets MySQL start without a password" in str(caught.value)
    replaced = replace(objects, credentials())
    assert_none_left(replaced)
    assert find_known(replaced) == []


def test_names_order_and_everything_else_stay(objects: list[Manifest]) -> None:
    before = copy.deepcopy(objects)
    replaced = replace(objects, credentials())
    assert objects == before, "the given objects are changed"
    identity = [(m["apiVersion"], m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]) for m in objects]
    assert identity == [
        (m["apiVersion"], m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]) for m in replaced
    ]
    changed = {(new["kind"], new["metadata"]["name"]) for old, new in zip(objects, replaced, strict=True) if old != new}
    kinds = {kind for kind, _ in changed}
    assert kinds == {"ConfigMap", "Deployment", "Profile", "Secret"}
    assert {name for kind, name in changed if kind == "Deployment"} <= {"dex", "katib-mysql", "mysql"}


def test_both_ends_of_the_login_get_the_same_client_secret(objects: list[Manifest]) -> None:
    replaced = replace(objects, credentials(oidc_client_secret="shared"))
    dex = get(replaced, "Secret", "auth", "dex-oidc-client")
    proxy = get(replaced, "Secret", "oauth2-proxy", "oauth2-proxy")
    assert secret_value(dex, "OIDC_CLIENT_SECRET") == secret_value(proxy, "client-secret") == "shared"
    assert secret_value(dex, "OIDC_CLIENT_ID") == secret_value(proxy, "client-id")
    assert "client-secret" not in proxy.get("data", {})


def test_the_owner_of_the_profile_and_the_login_follow_the_address(objects: list[Manifest]) -> None:
    replaced = replace(objects, credentials(email="ada@lovelace.org"))
    (profile,) = [m for m in replaced if m["kind"] == "Profile"]
    assert profile["spec"]["owner"]["name"] == "ada@lovelace.org"
    config = yaml.safe_load(get(replaced, "ConfigMap", "auth", "dex")["data"]["config.yaml"])
    assert [entry["email"] for entry in config["staticPasswords"]] == ["ada@lovelace.org"]
    before = yaml.safe_load(get(objects, "ConfigMap", "auth", "dex")["data"]["config.yaml"])
    before["staticPasswords"][0]["email"] = "ada@lovelace.org"
    assert config == before


@given(st.from_regex(r"[!-~]{1,12}@[a-z0-9]{1,8}\.[a-z]{2,4}", fullmatch=True))
def test_any_address_survives_the_yaml_around_it(email: str) -> None:
    text = "staticPasswords:\n- email: user@example.com\n  username: user # user@example.com.au stays\n"
    config: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dex"}, "data": {"c": text}}
    (replaced,) = replace([config], credentials(email=email))
    assert yaml.safe_load(replaced["data"]["c"]) == {"staticPasswords": [{"email": email, "username": "user"}]}
    assert "user@example.com.au stays" in replaced["data"]["c"]


def test_mysql_takes_its_password_from_the_secret_that_its_clients_read(objects: list[Manifest]) -> None:
    replaced = replace(objects, credentials(mysql_password="root-password"))
    assert secret_value(get(replaced, "Secret", "kubeflow", "mysql-secret"), "password") == "root-password"
    assert secret_value(get(replaced, "Secret", "kubeflow", "mysql-secret"), "username") == "root"
    (container,) = get(replaced, "Deployment", "kubeflow", "mysql$")["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [
        {"name": "MYSQL_ROOT_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "mysql-secret", "key": "password"}}}
    ]


def test_somebody_elses_database_is_left_alone() -> None:
    variables = [{"name": "MYSQL_ALLOW_EMPTY_PASSWORD", "value": "true"}]
    template = {"spec": {"containers": [{"name": "db", "env": variables}]}}
    metadata = {"name": "mysql", "namespace": "elsewhere"}
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}
    assert replace([other], credentials()) == [other]


def test_what_is_not_known_yet_is_passed_on_untouched(objects: list[Manifest]) -> None:
    later = object()
    replaced = replace(objects, credentials(password_hash=later, cookie_secret=later))
    assert get(replaced, "Secret", "auth", "dex-passwords")["stringData"]["DEX_USER_PASSWORD"] is later
    assert get(replaced, "Secret", "oauth2-proxy", "oauth2-proxy")["stringData"]["cookie-secret"] is later
    assert_none_left(replaced)


def test_a_checksum_follows_the_content_and_can_be_guessed_by_nobody_who_lacks_the_seed() -> None:
    assert len({checksum("a", "seed"), checksum("b", "seed"), checksum("a", "other")}) == 3
    assert checksum("a", "seed") == checksum("a", "seed")
    assert checksum("a", "") != hashlib.sha256(b"a").hexdigest()[:16]


def test_a_known_value_is_refused_wherever_it_turns_up() -> None:
    base = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert_none_left([{**base, "data": {"a": "minio and test are words, 1234 is a number"}}])
    for text in ("password=12341234", 'key: "12341234"', "12341234"):
        with pytest.raises(UserError, match="ConfigMap x holds the release's password"):
            assert_none_left([{**base, "data": {"a": f"first line\n{text}\n"}}])
    encoded = base64.b64encode(b"12341234").decode()
    with pytest.raises(UserError, match="Secret x holds the release's password"):
        assert_none_left([{**base, "kind": "Secret", "data": {"a": encoded}}])


def test_the_hash_is_stable_and_opens_with_the_password_alone() -> None:
    seed = "x" * SALT_SEED.length
    first = password_hash("correct horse", seed)
    assert first == password_hash("correct horse", seed)
    assert bcrypt.checkpw(b"correct horse", first.encode())
    assert not bcrypt.checkpw(b"battery staple", first.encode())
    assert first != password_hash("correct horse", "another seed")
    assert first.startswith("$2b$12$")


def test_a_password_that_would_be_cut_is_refused() -> None:
    with pytest.raises(UserError, match="72 bytes"):
        password_hash("ü" * 37, "seed")


def test_the_cookie_secret_is_of_a_length_that_the_proxy_takes() -> None:
    (cookie,) = [spec for spec in GENERATED if spec.name == "cookie_secret"]
    assert cookie.length in (16, 24, 32)
    assert len(base64.urlsafe_b64decode("A" * cookie.length)) in (16, 24, 32)
