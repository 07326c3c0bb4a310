"""Names that a program leaves to the provider.

A name that is left out altogether is made in Check and kept in the inputs: the resource's own and seven hex digits
(pulumi-terraform-bridge, tfbridge/names.go). One that only a prefix was given for is in no plan and in no input, as a
default that conflicts with what is set is left out (tfbridge/schema.go): it is made with the resource, of the prefix, a
time and a counter (terraform-plugin-sdk, helper/id), and only the outputs tell it.
"""

import hashlib
import itertools
import re
from datetime import UTC, datetime
from secrets import token_hex

from localcloud.providers.kinds import Kind
from localcloud.providers.schema import InvalidPropertyError
from localcloud.providers.values import UNKNOWN, Properties

SUFFIX = 26
"""Characters that follow a prefix."""

_counter = itertools.count(1)


def choose(kind: Kind, resource: str, inputs: Properties, before: Properties, seed: bytes) -> None:
    """Put a name into the inputs where the program gives none, the one from before if it still fits.

    Raises InvalidPropertyError where it would be too long, and where a name and a prefix are given.
    """
    rule = kind.autoname
    if rule is None:
        return
    if rule.prefix_property in inputs:
        if rule.property in inputs:
            raise InvalidPropertyError(
                rule.prefix_property,
                f"{kind.token} `{resource}`: `{rule.prefix_property}` is {inputs[rule.prefix_property]!r}, and "
                f"`{rule.property}` is set too; set one of them",
            )
        return
    if rule.property in inputs:
        return
    prefix = f"{rule.before}{resource}-"
    prefix = prefix.lower() if rule.lower else prefix
    old = before.get(rule.property)
    if isinstance(old, str) and re.fullmatch(re.escape(prefix) + "[0-9a-f]{7}", old):
        inputs[rule.property] = old
        return
    suffix = hashlib.sha256(seed).hexdigest()[:7] if seed else token_hex(4)[:7]
    name = prefix + suffix
    if len(name) > rule.longest:
        raise InvalidPropertyError(
            rule.property,
            f"{kind.token} `{resource}`: the name made for it, {name}, is longer than {rule.longest} characters; "
            f"set `{rule.property}`",
        )
    inputs[rule.property] = name


def named(kind: Kind, inputs: Properties, state: Properties) -> Properties:
    """The inputs with the name that a prefix stands for: the one in the outputs, or a new one."""
    rule = kind.autoname
    if rule is None or rule.property in inputs or not isinstance(inputs.get(rule.prefix_property), str):
        return inputs
    known = state.get(rule.property)
    if known is None or known is UNKNOWN:
        now = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f")[:18]
        known = f"{inputs[rule.prefix_property]}{now}{next(_counter) % 16**8:08x}"
    return {**inputs, rule.property: known}
