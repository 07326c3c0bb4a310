"""Registries from which ECR fetches by itself what is pulled, and what it calls them in a stack's registry.

ECR user guide, "Sync an upstream registry with an Amazon ECR private registry". From others, gcr.io and nvcr.io among
them, it does not fetch.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

_LONGEST_PREFIX = 30
"""Characters of the prefix of a rule (ECR API reference, "CreatePullThroughCacheRule")."""


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A registry: its short name here, the host that ECR asks, and whether that wants credentials."""

    short: str
    url: str
    needs_secret: bool = False


UPSTREAMS = {
    "public.ecr.aws": Upstream(short="ecr", url="public.ecr.aws"),
    "registry.k8s.io": Upstream(short="k8s", url="registry.k8s.io"),
    "quay.io": Upstream(short="quay", url="quay.io"),
    "docker.io": Upstream(short="hub", url="registry-1.docker.io", needs_secret=True),
    "ghcr.io": Upstream(short="ghcr", url="ghcr.io", needs_secret=True),
}

_LONGEST = _LONGEST_PREFIX - 1 - max(len(one.short) for one in UPSTREAMS.values())
_DIGITS = 8


def prefix(stack: str) -> str:
    """What the names of a stack's repositories for images of others start with, before the first slash.

    The stack's own name (`Settings.name`), or, where ECR would not take that, its beginning and a hash.

    >>> prefix("kubeflow-dev"), prefix("kubeflow-a_name_of_somebody_s_own")
    ('kubeflow-dev', 'kubeflow-a-name-19a27fed')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
    if plain == stack and len(plain) <= _LONGEST:
        return plain
    digest = hashlib.sha256(stack.encode()).hexdigest()[:_DIGITS]
    return f"{plain[: _LONGEST - _DIGITS - 1].rstrip('-')}-{digest}"


def cached(region: str, secrets: Collection[str]) -> dict[str, str]:
    """The registries that ECR fetches from, with their short names; `secrets` are those that it has credentials for.

    It fetches nothing in China and in GovCloud (ECR user guide, as above).
    """
    if region.startswith(("cn-", "us-gov-")):
        return {}
    return {
        registry: upstream.short
        for registry, upstream in UPSTREAMS.items()
        if not upstream.needs_secret or registry in secrets
    }
