"""The rules as a pack for Pulumi's analyzer: `pulumi preview --policy-pack policy`. It starts a server and blocks.

The analyzer runs this folder, not the package, and the rules share code with the program: both are found from the
checkout that the folder is in.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import (  # type: ignore[import-not-found]
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError  # type: ignore[import-not-found]

from policy import RULES, UNKNOWN, Resource, Rule, plain

_LEVELS = {"mandatory": EnforcementLevel.MANDATORY, "advisory": EnforcementLevel.ADVISORY}


def known(props: Any) -> Any:
    """Inputs as rules take them: the SDK's own mappings raise at a value that is not known yet."""
    if isinstance(props, Mapping):
        return {key: _known(props, key) for key in props}
    if isinstance(props, Sequence) and not isinstance(props, str):
        return [_known(props, index) for index in range(len(props))]
    return plain(props)


def _known(props: Any, key: Any) -> Any:
    try:
        return known(props[key])
    except UnknownValueError:
        return UNKNOWN


def validation(rule: Rule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    """A rule as the SDK calls it."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = Resource(
            type=args.resource_type, urn=args.urn, inputs=known(args.props), protect=bool(args.opts.protect)
        )
        for message in rule.find(resource):
            report(message)

    return validate


PolicyPack(
    name="kubeflow",
    policies=[
        ResourceValidationPolicy(
            name=rule.name,
            description=rule.description,
            enforcement_level=_LEVELS[rule.level],
            validate=validation(rule),
        )
        for rule in RULES
    ],
)
