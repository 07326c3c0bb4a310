"""The settings of an address that people open in a browser: a host, its certificate, and who may connect."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal, cast

from infra.aws import cidr
from infra.settings import limits
from infra.settings.raw import RawSettings

KEYS = ("addressHost", "addressZone", "addressCertificate", "addressScheme", "addressCidrs", "addressWaf")

# A certificate's first name has 64 characters (ACM API reference, RequestCertificate: DomainName).
_LONGEST_HOST = 64
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
# Route 53 API reference, ResourceId.
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+")

# A security group has 60 rules (Amazon VPC user guide, "Amazon VPC quotas"): two for each block, and some to spare.
_BLOCKS = 25


@dataclass(frozen=True, kw_only=True)
class AddressSettings:
    """Where the platform is opened: `https://host`.

    `zone` is the id of the Route 53 zone that gets the host's record, `certificate` the ARN of one that is there; at
    least one of them is set. `cidrs` may connect, and with `waf` AWS WAF looks at what they ask.
    """

    host: str
    zone: str | None
    certificate: str | None
    scheme: Literal["internet-facing", "internal"]
    cidrs: tuple[str, ...]
    waf: bool

    @property
    def url(self) -> str:
        """What a person types."""
        return f"https://{self.host}"


def read_address(raw: RawSettings, region: str, *, creates: bool, has_login: bool) -> AddressSettings | None:
    """The address, or None where none is wanted; `creates` says that the stack makes the cluster's network."""
    host, zone, certificate = (raw.text(key) for key in KEYS[:3])
    scheme = cast("Literal['internet-facing', 'internal']", raw.text("addressScheme", ("internet-facing", "internal")))
    cidrs, waf = raw.texts("addressCidrs"), raw.boolean("addressWaf")
    if not host:
        for key, given in zip(KEYS[1:3] + KEYS[4:], (zone, certificate, cidrs, waf), strict=True):
            if given:
                raw.problem(key, "is set, and addressHost is not; set that to the name that people open, or remove it.")
        return None
    _check_host(raw, host, creates=creates, has_login=has_login)
    if zone and not _ZONE.fullmatch(zone):
        raw.problem("addressZone", f"{zone!r} is not the id of a Route 53 zone; write one like Z0123456789ABCDEFGHIJ.")
    _check_certificate(raw, host, zone, certificate, region)
    _check_cidrs(raw, host, scheme, cidrs)
    return AddressSettings(
        host=host, zone=zone or None, certificate=certificate or None, scheme=scheme, cidrs=tuple(cidrs), waf=waf
    )


def _check_host(raw: RawSettings, host: str, *, creates: bool, has_login: bool) -> None:
    if not _HOST.fullmatch(host) or len(host) > _LONGEST_HOST:
        raw.problem(
            "addressHost",
            f"{host!r} is not a host that a certificate can be for; write one like kubeflow.example.com, in lower case "
            f"and with at most {_LONGEST_HOST} characters.",
        )
    elif not creates:
        raw.problem(
            "addressHost", f"{host} needs the VPC of a cluster to create; remove it, or set clusterMode to create."
        )
    elif not has_login:
        raw.problem(
            "addressHost", f"{host} would let in all who reach it, for Pipelines alone has no login; remove it."
        )


def _check_certificate(raw: RawSettings, host: str, zone: str, certificate: str, region: str) -> None:
    if not certificate:
        if not zone:
            raw.problem(
                "addressZone",
                f"is empty, so no certificate for {host} could be validated; set it to the id of the host's Route 53 "
                "zone, or addressCertificate to the ARN of a certificate.",
            )
        return
    found = _CERTIFICATE.fullmatch(certificate)
    if found is None:
        raw.problem("addressCertificate", f"{certificate!r} is not the ARN of a certificate in ACM.")
    elif found[1] != region and raw.sound("aws:region"):
        raw.problem(
            "addressCertificate",
            f"is in {found[1]}, and a load balancer in {region} takes one of its own region alone; request it there.",
        )


def _check_cidrs(raw: RawSettings, host: str, scheme: str, cidrs: tuple[str, ...]) -> None:
    if not cidrs and raw.sound("addressCidrs"):
        raw.problem(
            "addressCidrs",
            f"is empty, so nobody could connect to {host}; write the blocks that may, or 0.0.0.0/0 for everybody.",
        )
    if len(cidrs) > _BLOCKS:
        raw.problem("addressCidrs", f"has {len(cidrs)} blocks, and a security group has room for {_BLOCKS}.")
    for text in cidrs:
        if fault := limits.block_fault(text):
            raw.problem("addressCidrs", fault)
        elif scheme == "internet-facing" and any(IPv4Network(text).subnet_of(one) for one in cidr.PRIVATE_RANGES):
            raw.problem(
                "addressCidrs",
                f"{text} is private, and a load balancer on the internet never sees such an address; write your "
                "gateway's, or set addressScheme to internal.",
            )
    if len(set(cidrs)) < len(cidrs):
        raw.problem("addressCidrs", f"{', '.join(cidrs)} names a block twice; keep one.")
