"""The settings that say who gets into a cluster which the stack creates."""

import re
from collections import Counter
from ipaddress import IPv4Network

from infra.aws import cidr, iam
from infra.settings import limits
from infra.settings.model import AccessSettings
from infra.settings.raw import RawSettings

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(user|role)/[\w+=,.@/-]+", re.ASCII)
_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:root")
_ROLE_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
_ROLE_NAME_LENGTH = 64


def read_access(raw: RawSettings, stack: str, region: str) -> AccessSettings:
    """Administrators, viewers, and the administrator's role."""
    administrators, viewers = (_principals(raw, key, region) for key in ("clusterAdministrators", "clusterViewers"))
    for arn in sorted({*administrators} & {*viewers}):
        raw.problem("clusterViewers", f"{arn} is in clusterAdministrators, too; keep it in one of them.")
    named = list(dict.fromkeys((*administrators, *viewers)))
    names = Counter(iam.access_entry_name(arn) for arn in named)
    for name in (name for name, count in names.items() if count > 1):
        same = [arn for arn in named if iam.access_entry_name(arn) == name]
        key = "clusterAdministrators" if {*same} & {*administrators} else "clusterViewers"
        raw.problem(key, f"{' and '.join(same)} would share the access entry {name}; keep one of them.")
    return AccessSettings(
        administrators=administrators,
        viewers=viewers,
        role=_role(raw, stack),
        role_principals=_principals(raw, "clusterAdministratorPrincipals", region, account=True),
    )


def public_cidrs(raw: RawSettings) -> tuple[str, ...]:
    """Who reaches the public API endpoint; nobody is named where there is none."""
    blocks = raw.texts("clusterPublicAccessCidrs")
    if len(blocks) > limits.PUBLIC_BLOCKS:
        raw.problem("clusterPublicAccessCidrs", f"has {len(blocks)} blocks, and EKS takes {limits.PUBLIC_BLOCKS}.")
    for text in blocks:
        if fault := limits.block_fault(text):
            raw.problem("clusterPublicAccessCidrs", fault)
        elif any(IPv4Network(text).subnet_of(private) for private in cidr.PRIVATE_RANGES):
            raw.problem(
                "clusterPublicAccessCidrs",
                f"{text} is private, and the public endpoint never sees such an address; write your gateway's.",
            )
    return blocks


def _principals(raw: RawSettings, key: str, region: str, *, account: bool = False) -> tuple[str, ...]:
    """The users and roles of a setting, or with `account` a whole account, too; each once."""
    arns = raw.texts(key)
    for arn, count in Counter(arns).items():
        if not (_PRINCIPAL.fullmatch(arn) or (account and _ACCOUNT.fullmatch(arn))):
            kinds = "a user, a role or an account" if account else "a user or role"
            raw.problem(key, f"{arn!r} is not {kinds}; write an ARN like arn:aws:iam::123456789012:role/name.")
        elif fault := limits.principal_fault(arn, region):
            raw.problem(key, fault)
        elif count > 1:
            raw.problem(key, f"names {arn} twice; remove one.")
    return arns


def _role(raw: RawSettings, stack: str) -> str:
    role = raw.text("clusterAdministratorRole")
    if raw.sound("clusterAdministratorRole") and not _ROLE_NAME.fullmatch(role):
        fault = (
            f"{role!r} is not a role name."
            if role
            else ("is empty; write a role name, or remove the line to use the default.")
        )
        raw.problem("clusterAdministratorRole", fault)
    name = f"{role}-{stack}"
    if len(name) > _ROLE_NAME_LENGTH:
        raw.problem(
            "clusterAdministratorRole",
            f"{role!r} makes the role {name}, longer than {_ROLE_NAME_LENGTH} characters; shorten it.",
        )
    return role
