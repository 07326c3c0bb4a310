"""Smaller node groups that still hold a release, for a stack that one person plays with."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from infra.aws.instances import Instance, instance
from infra.kubeflow.capacity import Load, Requirements, check_capacity
from infra.settings import NodeSettings
from ordering.errors import UserError

SMALL_TYPES = ("m5.large", "m5.xlarge", "m5.2xlarge")
"""What is tried: one family, so that a node differs in size alone from what the default stack has."""

HEADROOM = Fraction(5, 4)
"""A platform that fills its nodes runs nobody's pipeline, and sums of pods hide that each must fit one node."""

AMPLE = 4
"""So many times the smallest node group is more than a release needs."""

# One node is a single zone, and volumes are bound to theirs.
FEWEST, MOST = 2, 12


@dataclass(frozen=True)
class Size:
    """A node group: so many nodes of one EC2 instance type."""

    instance_type: str
    nodes: int

    def __str__(self) -> str:
        return f"{self.nodes} x {self.instance_type}"


def smallest(needed: Requirements, types: Iterable[str] = SMALL_TYPES) -> Size:
    """The node group with the fewest vCPUs that holds a platform and a quarter more; UserError when none does.

    Within one family price follows vCPUs; of two with the same, the one with fewer nodes leaves more room on each.
    """
    wanted = replace(needed, total=_scaled(needed.total))
    known = [found for name in types if (found := instance(name)) is not None]
    fitting = [(one, count) for one in known if (count := _fewest(wanted, one)) is not None]
    if not fitting:
        raise UserError(
            f"No small size holds this release, which needs {needed.total}; leave SIZE out, and set nodesInstanceType "
            "and nodesDesired by hand."
        )
    best, count = min(fitting, key=lambda pair: (pair[0].vcpus * pair[1], pair[1]))
    return Size(best.name, count)


def proposal(needed: Requirements, nodes: NodeSettings) -> str:
    """What to write in place of a node group that is far larger than a platform needs; empty for any other."""
    have = instance(nodes.instance_type)
    try:
        size = smallest(needed)
    except UserError:
        return ""
    want = instance(size.instance_type)
    if have is None or want is None or have.vcpus * nodes.desired < AMPLE * want.vcpus * size.nodes:
        return ""
    return f"{size} would do: set nodesInstanceType, nodesDesired and nodesMin"


def _fewest(wanted: Requirements, one: Instance) -> int | None:
    for count in range(FEWEST, MOST + 1):
        try:
            check_capacity(wanted, instance_type=one.name, nodes=count)
        except UserError:
            continue
        return count
    return None


def _scaled(load: Load) -> Load:
    def more(value: int) -> int:
        return int(value * HEADROOM) + 1

    return Load(more(load.pods), more(load.cpu), more(load.memory))
