"""Where a pipeline reads and writes when a person does not say: the stack's bucket, or a folder of this machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ordering.errors import UserError
from pipelines import samples
from pipelines.catalog import Definition
from pipelines.defaults import DATASETS_PREFIX, models_prefix, object_uri
from pipelines.steps.shared import write_bytes


def in_bucket(
    definition: Definition, given: Mapping[str, Any], bucket: str, namespace: str | None = None
) -> dict[str, Any]:
    """The arguments, with what is missing in the bucket: samples, which are put there first, and names for results.

    Results belong to the profile whose namespace is given, or to everybody.

    Raises UserError when a sample cannot be put there.
    """
    return _complete(
        definition,
        given,
        sample_at=lambda name: object_uri(bucket, DATASETS_PREFIX, name),
        result_at=lambda name: object_uri(bucket, models_prefix(namespace), name),
    )


def on_this_machine(definition: Definition, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arguments, with what is missing in a folder: samples, which are put there first, and names for results."""
    return _complete(
        definition,
        given,
        sample_at=lambda name: str(folder / name),
        result_at=lambda name: str(folder / name),
    )


def _complete(
    definition: Definition,
    given: Mapping[str, Any],
    *,
    sample_at: Callable[[str], str],
    result_at: Callable[[str], str],
) -> dict[str, Any]:
    arguments = {parameter: result_at(name) for parameter, name in definition.results.items()} | dict(given)
    for parameter, name in definition.inputs.items():
        if parameter not in arguments:
            arguments[parameter] = sample_at(name)
            try:
                write_bytes(arguments[parameter], samples.content(name))
            except ValueError as error:
                raise UserError(f"The sample for {parameter!r} cannot be put in its place: {error}") from None
    return arguments
