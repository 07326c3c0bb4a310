"""The local plane's keys and certificates: one authority for the API server and its clients, one for webhooks."""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ordering.errors import UserError

_LIFETIME = datetime.timedelta(days=3650)
_MARGIN = datetime.timedelta(days=1)

# Members of system:masters may do everything; the names tell them apart in the audit log.
CLIENTS = {
    "admin": "admin",
    "kube-controller-manager": "system:kube-controller-manager",
    "kube-scheduler": "system:kube-scheduler",
    "kwok": "kwok",
    "controllers": "controllers",
}
API_SERVER_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
)
# 172.20.0.1 is the address of the Service `kubernetes` in EKS's range 172.20.0.0/16.
API_SERVER_ADDRESSES = ("127.0.0.1", "172.20.0.1")


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_authority(name: str) -> Authority:
    """A new self-signed authority, valid for ten years from yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    usage = _usage(signs_certificates=True)
    return Authority(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def issue(
    authority: Authority,
    name: str,
    *,
    organisation: str | None = None,
    dns_names: Sequence[str] = (),
    addresses: Sequence[str] = (),
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate of the authority for servers (when it has names or addresses) and clients, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    builder = (
        _builder(x509.Name(attributes), authority.certificate.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if dns_names or addresses:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        alternatives: list[x509.GeneralName] = [x509.DNSName(value) for value in dns_names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(value)) for value in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(authority.key, hashes.SHA256()), key


def ensure(folder: Path) -> None:
    """Write all keys and certificates (PEM) into the folder, unless they are there and good for another day.

    UserError where the clock stands before they were made: nobody would accept them.
    """
    if _good(folder):
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "complete").unlink(missing_ok=True)
    cluster = make_authority("kubeflow-local-plane")
    _write(folder, "ca", cluster.certificate, cluster.key)
    webhooks = make_authority("kubeflow-local-webhooks")
    _write(folder, "webhooks-ca", webhooks.certificate, webhooks.key)
    serving = issue(cluster, "kube-apiserver", dns_names=API_SERVER_NAMES, addresses=API_SERVER_ADDRESSES)
    _write(folder, "kube-apiserver", *serving)
    # An authority of its own: who may talk to the API server must not thereby be able to talk to etcd.
    store = make_authority("kubeflow-local-etcd")
    _write(folder, "etcd-ca", store.certificate, store.key)
    _write(folder, "etcd", *issue(store, "etcd", dns_names=["localhost"], addresses=["127.0.0.1"]))
    _write(folder, "etcd-client", *issue(store, "kube-apiserver"))
    for file, name in CLIENTS.items():
        _write(folder, file, *issue(cluster, name, organisation="system:masters"))
    tokens = ec.generate_private_key(ec.SECP256R1())
    _write_key(folder / "service-accounts.key", tokens)
    public = tokens.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "service-accounts.pub").write_bytes(public)
    (folder / "complete").touch()


def _good(folder: Path) -> bool:
    if not (folder / "complete").exists():
        return False
    certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    now = datetime.datetime.now(datetime.UTC)
    if now < certificate.not_valid_before_utc:
        raise UserError(
            f"The certificates of the control plane are not yet valid: this machine's clock says {now:%Y-%m-%d %H:%M}, "
            f"and they begin at {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. Set the clock; if it is right, "
            "type `make down`, which forgets the local stack, and `make up`."
        )
    return certificate.not_valid_after_utc > now + _MARGIN


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _MARGIN)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / f"{name}.key", key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
