"""What is left in AWS, and whose it is: the tags by which a stack's things are known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infra.aws import kept

Client = Callable[[str], Any]
"""Makes the client of an AWS service, in the stack's account and region."""


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something that exists: its id, which AWS needs to delete it, what it is, and its price in USD a month."""

    kind: str
    id: str
    what: str
    monthly: Decimal = Decimal(0)
    kept: bool = False
    """On purpose, by a destroy: the next `up` takes it over."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose things are looked for: a stack, and the cluster that it made."""

    project: str
    stack: str
    cluster: str
    region: str
    repository: str | None = None

    @property
    def names(self) -> kept.Names:
        """Those of what the stack keeps."""
        return kept.Names(project=self.project, stack=self.stack, region=self.region, repository=self.repository)

    @property
    def marks(self) -> list[dict[str, str]]:
        """Tags of which each set says so: by the cloud controller and the volume driver, the load balancer controller,
        the network plugin, and the stack itself."""
        return [
            {f"kubernetes.io/cluster/{self.cluster}": "owned"},
            {"elbv2.k8s.aws/cluster": self.cluster},
            {"cluster.k8s.amazonaws.com/name": self.cluster},
            {"pulumi:project": self.project, "pulumi:stack": self.stack},
        ]

    def owns(self, tags: Iterable[Mapping[str, str]]) -> bool:
        """Whether tags, as AWS lists them, have one of the marks."""
        given = {tag["Key"]: tag["Value"] for tag in tags}
        return any(mark.items() <= given.items() for mark in self.marks)


@dataclass(frozen=True)
class Place:
    """Whose things are looked for, and the VPCs that are the stack's."""

    owner: Owner
    vpcs: frozenset[str]


def pages(service: Any, method: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in service.get_paginator(method).paginate(**arguments):
        yield from page.get(key, ())  # the laptop's AWS knows no classic load balancers
