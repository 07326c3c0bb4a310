"""What AWS refuses of a setting's value, each as the end of a sentence, or None: known before anything is made."""

import re
from collections.abc import Collection
from ipaddress import IPv4Network

from infra.aws import iam

# Amazon EKS user guide, "View and manage Amazon EKS and Fargate service quotas".
PUBLIC_BLOCKS = 40

# IAM, CreateRole and CreateUser.
_ROLE_LENGTH, _PATH_LENGTH = 64, 512

# What both an S3 bucket and an ECR repository take in their names, once it is in lower case.
_IN_NAMES = re.compile(r"[a-z0-9]+((\.|-+)[a-z0-9]+)*")


def name_fault(project: str, stack: str) -> str | None:
    """What is wrong with a stack's name for the bucket and the repository that are named after it."""
    if _IN_NAMES.fullmatch(f"{project}-{stack}".lower()):
        return None
    return (
        f"The stack's name {stack!r} cannot be in the names of a bucket and a repository; use letters, digits, dashes "
        "and single dots, with a letter or digit at the end."
    )


def same_tags(tags: Collection[str]) -> str | None:
    """Two names of tags that IAM takes for one (IAM user guide, "Rules for tagging in IAM and AWS STS")."""
    seen: dict[str, str] = {}
    for name in tags:
        if other := seen.get(name.lower()):
            return f"has {other!r} and {name!r}, and IAM takes no two names that differ in case only; keep one."
        seen[name.lower()] = name
    return None


def block_fault(text: str) -> str | None:
    """What is wrong with an address block as AWS takes it: written with its prefix."""
    try:
        block = IPv4Network(text)
    except ValueError:
        return f"{text!r} is not an IPv4 block; write one like 203.0.113.0/24."
    return None if str(block) == text else f"{text!r} is not written as AWS takes it; write {block}."


def principal_fault(arn: str, region: str) -> str | None:
    """What is wrong with the ARN of a user, a role or an account, which has the right characters."""
    partition = iam.partition(region)
    if not arn.startswith(f"arn:{partition}:"):
        return f"{arn!r} is of another part of AWS than {region}; write one that begins with arn:{partition}:iam::."
    if arn.endswith(":root"):
        return None
    path, _, name = arn.rpartition(":")[2].partition("/")[2].rpartition("/")
    if not 1 <= len(name) <= _ROLE_LENGTH or len(path) > _PATH_LENGTH - 2 or "//" in arn:
        return f"{arn!r} names no user or role: a name has 1 to {_ROLE_LENGTH} characters."
    return None
