"""The plane's keys: what each certificate is good for, and for whom to read."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import DNSName, load_pem_x509_certificate
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from localcloud.plane import certificates
from ordering.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plane") / "certificates"
    certificates.ensure(path)
    return path


def load(folder: Path, name: str) -> x509.Certificate:
    return load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def store(folder: Path, authority: str) -> Store:
    return Store([load(folder, authority)])


@pytest.mark.parametrize("name", ["localhost", "kubernetes.default.svc"])
def test_the_api_server_is_trusted_under_its_names(folder: Path, name: str) -> None:
    verifier = PolicyBuilder().store(store(folder, "ca")).build_server_verifier(DNSName(name))
    verifier.verify(load(folder, "kube-apiserver"), [])


@pytest.mark.parametrize("client", list(certificates.CLIENTS))
def test_clients_are_told_apart_and_may_do_everything(folder: Path, client: str) -> None:
    certificate = load(folder, client)
    certificate.verify_directly_issued_by(load(folder, "ca"))
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    [group] = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert (name.value, group.value) == (certificates.CLIENTS[client], "system:masters")


def test_a_webhook_certificate_does_not_open_the_api_server(folder: Path) -> None:
    """Who plays cert-manager holds the webhooks' authority; it must not thereby be able to issue itself a client."""
    key = load_pem_private_key((folder / "webhooks-ca.key").read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    webhooks = certificates.Authority(load(folder, "webhooks-ca"), key)
    certificate, _ = certificates.issue(webhooks, "admin", organisation="system:masters")
    certificate.verify_directly_issued_by(load(folder, "webhooks-ca"))
    with pytest.raises(ValueError, match=r"[Ii]ssuer"):
        certificate.verify_directly_issued_by(load(folder, "ca"))


def test_a_server_certificate_holds_its_names_only(folder: Path) -> None:
    authority = certificates.make_authority("webhooks")
    certificate, _ = certificates.issue(authority, "webhook", dns_names=["webhook.default.svc"])
    trusted = PolicyBuilder().store(Store([authority.certificate]))
    trusted.build_server_verifier(DNSName("webhook.default.svc")).verify(certificate, [])
    with pytest.raises(VerificationError):
        trusted.build_server_verifier(DNSName("other.default.svc")).verify(certificate, [])


def test_keys_are_for_their_owner(folder: Path) -> None:
    keys = list(folder.glob("*.key"))
    assert len(keys) == 12
    assert [key.name for key in keys if stat.S_IMODE(key.stat().st_mode) != 0o600] == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_they_outlive_a_second_call(folder: Path) -> None:
    before = (folder / "ca.crt").read_bytes()
    certificates.ensure(folder)
    assert (folder / "ca.crt").read_bytes() == before


def test_an_interrupted_making_is_made_again(tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "c")
    before = (tmp_path / "c" / "ca.crt").read_bytes()
    (tmp_path / "c" / "complete").unlink()
    (tmp_path / "c" / "kwok.key").unlink()
    certificates.ensure(tmp_path / "c")
    assert (tmp_path / "c" / "ca.crt").read_bytes() != before
    assert (tmp_path / "c" / "kwok.key").exists()


def test_expired_ones_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as short:
        short.setattr(certificates, "_LIFETIME", datetime.timedelta(hours=1))
        certificates.ensure(tmp_path / "c")
    before = (tmp_path / "c" / "ca.crt").read_bytes()
    certificates.ensure(tmp_path / "c")
    assert (tmp_path / "c" / "ca.crt").read_bytes() != before


def test_a_clock_that_is_back_before_they_begin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.ensure(tmp_path)
    before = (tmp_path / "ca.crt").read_bytes()

    three_days_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)

    class Earlier(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Earlier":
            return cls.fromtimestamp(three_days_ago.timestamp(), tz)

    monkeypatch.setattr("localcloud.plane.certificates.datetime.datetime", Earlier)
    with pytest.raises(UserError, match=r"are not yet valid: this machine's clock says .* Set the clock"):
        certificates.ensure(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == before
