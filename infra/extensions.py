"""A team's own file, `extensions.py` beside Pulumi.yaml: it changes arguments of any resource and adds resources.

`change` is registered with `pulumi.runtime.register_resource_transform`. The engine (3.259, pkg/resource/deploy/
source_eval.go) then calls it for each resource, whichever process registers it: so also for the children of
`eks.Cluster`, which the eks plugin makes.
"""

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pulumi

from infra.settings import Settings
from ordering.errors import UserError

if TYPE_CHECKING:
    from infra.components import Components  # a second of imports, which no command needs but the program

FILE = "extensions.py"

Change = Callable[[pulumi.ResourceTransformArgs], Any]
Add = Callable[[Settings, "Components"], None]

# What the file may define, and what each function is called with.
_FUNCTIONS = {"change": ("args",), "add": ("settings", "made")}


class Extensions:
    """The functions of one file. Without any, nothing is changed and nothing is added.

    `failure` is the first error of `change`: the engine calls it, and reports what it raises with inner details.
    """

    def __init__(self, path: Path, change: Change | None = None, add: Add | None = None) -> None:
        self._path, self._change, self._add = path, change, add
        self.failure: UserError | None = None

    def register(self) -> None:
        """Has `change` called for each resource that is registered from now on."""
        if self._change is not None:
            pulumi.runtime.register_resource_transform(self._transform)

    def add(self, settings: Settings, made: "Components") -> None:
        """Adds the team's resources; UserError when `add` raises."""
        if self._add is None:
            return
        try:
            self._add(settings, made)
        except Exception as error:
            raise self._raised("`add`", error) from error

    async def _transform(self, args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        called = f"`change`, called for {args.type_} {args.name},"
        try:
            assert self._change is not None
            result = self._change(args)
            if inspect.isawaitable(result):
                result = await result
        except Exception as error:
            self.failure = self.failure or self._raised(called, error)
            raise self.failure from error
        if result is not None and not isinstance(result, pulumi.ResourceTransformResult):
            self.failure = self.failure or UserError(
                f"{FILE}: {called} returned {type(result).__name__}; return a pulumi.ResourceTransformResult, "
                "or None to leave the resource as it is."
            )
            raise self.failure
        return result

    def _raised(self, called: str, error: Exception) -> UserError:
        return UserError(f"{FILE}: {called} failed with {_reason(error, self._path)}; correct it, or remove the file.")


def load(root: Path) -> Extensions:
    """The extensions in the folder of Pulumi.yaml; UserError when the file cannot be used as it is."""
    path = root / FILE
    if not path.is_file():
        return Extensions(path)
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise UserError(f"{FILE} cannot be loaded: {_reason(error, path)}; correct it, or remove the file.") from None
    found = {name: getattr(module, name) for name in _FUNCTIONS if hasattr(module, name)}
    signatures = [f"{name}({', '.join(arguments)})" for name, arguments in _FUNCTIONS.items()]
    if not found:
        raise UserError(f"{FILE} has no function {' or '.join(signatures)}; define one of them, or remove the file.")
    for name, function in found.items():
        if not _takes(function, len(_FUNCTIONS[name])):
            wanted = signatures[list(_FUNCTIONS).index(name)]
            raise UserError(f"{FILE}: `{name}` cannot be called as {wanted}; define it with these arguments.")
    return Extensions(path, found.get("change"), found.get("add"))


def _takes(function: object, arguments: int) -> bool:
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*[None] * arguments)
    except TypeError:
        return False
    return True


def _reason(error: BaseException, path: Path) -> str:
    """An error in one line: its type, its text, and the line of the file that it comes from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    return f"{type(error).__name__}{f': {text}' if text else ''}{f' (line {line})' if line else ''}"
