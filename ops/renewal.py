"""What it takes to renew nodes: how many run at once, told before it happens."""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.aws.instances import instance
from ops.steps import Step

GROUP, _TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"

# What EKS updates a group for by new nodes (EKS API reference, UpdateNodegroupVersion).
_ROLLING = ("launchTemplate", "releaseVersion", "version")
_NAMED = 3
"""Causes that a sentence names."""


def rolling_peak(desired: int, zones: int) -> int:
    """How many nodes run at once while EKS updates a group of so many in so many zones.

    It starts up to two a zone before it takes the first away (EKS user guide, "Understand each phase of node updates").
    """
    return desired + 2 * zones


def replacing_peak(before: int, after: int) -> int:
    """How many run at once while a group takes the place of another, which goes last."""
    return before + after


def sentences(steps: Iterable[Step]) -> list[str]:
    """One for each group of nodes that is renewed by these steps."""
    known = list(steps)
    template = [path for step in known if step.type == _TEMPLATE and step.change == "update" for path in step.paths]
    return [told for step in known if step.type == GROUP and (told := _sentence(step, template))]


def at_peak(step: Step) -> int:
    """How many nodes of a group run at once while this is done to it."""
    before, after = _desired(step.old), _desired(step.new)
    if step.change == "replace":
        return replacing_peak(before, after)
    if step.change == "update" and _rolling(step):
        return rolling_peak(after, len(step.new.get("subnetIds") or step.old.get("subnetIds") or ()))
    return max(before, after)


def _rolling(step: Step) -> list[str]:
    return [path for path in step.paths if _top(path) in _ROLLING]


def _sentence(step: Step, template: list[str]) -> str:
    before, after, peak = _desired(step.old), _desired(step.new), at_peak(step)
    if step.change == "replace":
        how, causes = f"{after} new ones come first", list(step.causes or step.paths)
    elif step.change == "update" and (rolling := _rolling(step)):
        how = "EKS starts up to two a zone more, and empties the old ones in turn"
        causes = template if template and any(_top(path) == "launchTemplate" for path in rolling) else rolling
    else:
        return ""
    why = ", ".join(dict.fromkeys(map(_top, causes)))
    return (
        f"All {before} nodes of {step.name} are renewed because of {why}: {how}, so {peak} run at the peak"
        f"{_vcpus(step, peak)}; every pod moves, and one with a volume is away meanwhile."
    )


def _vcpus(step: Step, nodes: int) -> str:
    """What the peak is in vCPUs, the larger type counted for all, which `make doctor` compares with the quota."""
    types = [*(step.old.get("instanceTypes") or ()), *(step.new.get("instanceTypes") or ())]
    sizes = [known.vcpus for name in types if (known := instance(str(name)))]
    return f" ({nodes * max(sizes)} vCPUs of the account's quota)" if sizes else ""


def _desired(group: Mapping[str, Any]) -> int:
    return int((group.get("scalingConfig") or {}).get("desiredSize") or 0)


def _top(path: str) -> str:
    return path.replace("[", ".").partition(".")[0]
