"""What a person names as a pipeline: one of ours, a compiled file, or `MODULE:FUNCTION`."""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler, dsl

from ordering.errors import UserError
from pipelines import catalog, package
from pipelines.catalog import Definition
from pipelines.package import Package
from pipelines.sdk import Execution

FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A pipeline that was found: how it is compiled, and its definition where it is one of ours.

    Steps of ours run in the image that is given; others bring their own.
    """

    name: str
    compile: Callable[[Execution], Package]
    definition: Definition | None = None


def find(text: str) -> Source:
    """The pipeline that the text names; UserError says what it must be."""
    if text.endswith(FILES) or os.sep in text:
        found = _read(Path(text))
        return Source(name=found.name, compile=lambda execution: found)
    module, colon, function = text.partition(":")
    if colon:
        made = compiled(_load(module, function), text)
        return Source(name=made.name, compile=lambda execution: made)
    definition = catalog.find(text)
    return Source(
        name=definition.name,
        compile=lambda execution: compiled(definition.pipeline(execution), text),
        definition=definition,
    )


def compiled(pipeline: Any, source: str) -> Package:
    """What kfp compiles a pipeline to; UserError when it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        try:
            compiler.Compiler().compile(pipeline, str(file))
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"{source!r} cannot be compiled: {' '.join(str(error).split())}") from None
        return package.load(file.read_text(), source, yaml.CSafeLoader)  # PyYAML wrote it


def _read(file: Path) -> Package:
    try:
        text = file.read_text()
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{str(file)!r} is not text; name a compiled pipeline in YAML or JSON.") from None
    return package.load(text, str(file))


def _load(module: str, function: str) -> Any:
    """The pipeline that a module has under a name; modules are looked for in the current folder, too."""
    text = f"{module}:{function}"
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # whatever a person's own module raises while it is imported
        said = " ".join(str(error).split())
        raise UserError(f"{text!r}: module {module!r} cannot be imported ({type(error).__name__}: {said}).") from None
    if found is None:
        raise UserError(f"{text!r}: module {module!r} has no {function!r}.")
    if isinstance(found, dsl.base_component.BaseComponent):
        return found
    if not callable(found):
        raise UserError(f"{text!r} is no function; name one that @dsl.pipeline decorates.")
    return dsl.pipeline(found)
