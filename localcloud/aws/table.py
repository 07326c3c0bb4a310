"""All types of the aws stand-in, by token."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from localcloud.aws import (
    address,
    backup,
    budget,
    certificates,
    cognito,
    database,
    eks,
    eks_parts,
    files,
    firewall,
    iam,
    images,
    monitoring,
    network,
    pod_identity,
    routes,
    security,
    services,
    storage,
    template,
)
from localcloud.aws.session import region
from localcloud.providers.kinds import Call, Kind
from localcloud.providers.values import Properties


def _regional(kind: Kind) -> Kind:
    """Every type but IAM's and Route 53's has a `region`, the provider's by default; moving it makes a new resource."""
    return replace(
        kind, read=_with_region(kind.read), replaces=kind.replaces | {"region"}, computed=kind.computed | {"region"}
    )


def _with_region(read: Callable[[Call], Properties | None]) -> Callable[[Call], Properties | None]:
    def with_region(call: Call) -> Properties | None:
        live = read(call)
        return None if live is None else {**live, "region": region(call)}

    return with_region


_modules = (
    network,
    routes,
    security,
    template,
    eks,
    eks_parts,
    pod_identity,
    services,
    storage,
    files,
    images,
    address,
    firewall,
    certificates,
    cognito,
    database,
    backup,
    monitoring,
)
KINDS: dict[str, Kind] = {
    **{kind.token: _regional(kind) for kind in chain.from_iterable(module.KINDS for module in _modules)},
    **{kind.token: kind for kind in (*iam.KINDS, *certificates.GLOBAL, *budget.GLOBAL)},
}
