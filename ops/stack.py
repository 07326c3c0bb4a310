"""A stack on the engine: its environment, its outputs.

The engine is driven through Pulumi's Automation API with `infra/program.py` as an inline program, so the command line
tool alone is enough; the same program runs under plain `pulumi up` where the Python language host is installed.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import yaml
from pulumi import automation

from infra.declared import full_key
from infra.scratch import scratch
from ops.backend import Backend, backend, unusable
from ops.engine import Command
from ops.program import Program
from ops.project import PROJECT_ROOT, is_local, local_root, project_name, stack_file
from ops.section import without
from ops.settings import read_config
from ordering.errors import UserError

Missing = Literal["refuse", "make", "play"]
"""What becomes of a stack that its backend does not have: it is refused, made there, or played on an empty state."""

_FALL_BACK = {"PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true"}


class _OnCopy(Command):
    """The engine, whose operations read and write a copy of a stack's settings."""

    _OPERATIONS = ("up", "preview", "refresh", "destroy")

    def __init__(self, settings: Path) -> None:
        super().__init__()
        self._settings = settings

    def run(self, args: list[str], cwd: str, *given: Any, **more: Any) -> Any:
        """Runs the engine with these arguments."""
        if args[:2] == ["stack", "history"]:
            # It opens the settings, too, but knows no other place for them.
            cwd = str(self._settings.parent)
        of_it = ["--config-file", str(self._settings)] if args[0] in self._OPERATIONS else []
        return super().run([*args, *of_it], cwd, *given, **more)


class Workspace(automation.LocalWorkspace):
    """The project as the engine works in it, which neither writes a stack's settings nor selects a stack.

    The engine adds a salt or a key to those settings, and then writes all of them again, numbers as texts. Here it gets
    a copy, `settings`. What it adds is in the state as well, where `_FALL_BACK` finds it (pulumi 3.259,
    pkg/cmd/pulumi/stack/secrets.go).
    """

    def __init__(self, settings: Path, *, program: Program, env: Mapping[str, str], chosen: Backend) -> None:
        super().__init__(
            work_dir=str(PROJECT_ROOT),
            program=program,
            secrets_provider="passphrase" if "PULUMI_CONFIG_PASSPHRASE" in env else None,
            env_vars={**env, **_FALL_BACK},
            pulumi_command=_OnCopy(settings),
        )
        self._folder, self._chosen = settings.parent, chosen

    def select_stack(self, stack_name: str) -> None:
        """StackNotFoundError for a stack that the backend does not have."""
        self._in_folder("stack", "--show-name", "--stack", stack_name)

    def create_stack(self, stack_name: str) -> None:
        """Makes the stack in the backend."""
        provider = ["--secrets-provider", self.secrets_provider] if self.secrets_provider else []
        self._in_folder("stack", "init", stack_name, "--no-select", *provider)

    def remove_stack(self, stack_name: str, force: bool | None = None, preserve_config: bool | None = None) -> None:
        """Removes a stack with what the backend keeps beside it; the state may have the stack itself as a resource."""
        self._in_folder("stack", "rm", "--yes", "--force", "--preserve-config", "--remove-backups", stack_name)

    def _in_folder(self, *arguments: str) -> None:
        try:
            self.pulumi_command.run(list(arguments), str(self._folder), self.env_vars)
        except (automation.StackNotFoundError, automation.StackAlreadyExistsError, automation.ConcurrentUpdateError):
            raise
        except automation.CommandError as error:
            raise unusable(self._chosen, error) from None


def environment(stack: str) -> dict[str, str]:
    """What the engine and the AWS clients of a stack need in their environment.

    For `local` this names the running stand-ins; it is what `localcloud` wrote when it started them.
    """
    chosen = dict(backend(stack).environment)
    if is_local(stack):
        from localcloud import laptop  # only this stack needs it

        chosen |= laptop.client_environment(local_root())
    return chosen


@contextmanager
def selected(
    stack: str,
    *,
    program: Program,
    chosen: Backend,
    env: Mapping[str, str],
    missing: Missing = "refuse",
    changes: Mapping[str, Any] | None = None,
) -> Iterator[automation.Stack]:
    """The stack of the chosen backend, ready to run the program in this environment, for the length of the block.

    `changes` are settings (key to value) that are otherwise than the stack's file has them, for the block alone.

    A stack that was made for the block and that has nothing at its end is removed again: whatever was refused has
    changed nothing. UserError for a stack without a settings file, or for one that is missing and refused.
    """
    with _workspace(stack, program=program, chosen=chosen, env=env, changes=changes) as workspace:
        try:
            found = automation.Stack.select(stack, workspace)
        except automation.StackNotFoundError:
            if missing == "refuse":
                raise stateless(stack) from None
        else:
            yield found
            return
        # What another stack's outputs are read from is the backend alone.
        if missing == "play" and not read_config(stack)[0].get(full_key(project_name(), "clusterStack")):
            with _played(stack, program=program, chosen=chosen, env=env) as made:
                yield made
        else:
            with _made(stack, workspace) as made:
                yield made


def make(stack: str, chosen: Backend) -> None:
    """Makes the stack in the chosen backend, unless it is there."""
    chosen.prepare()
    with _workspace(stack, program=Program(), chosen=chosen, env=chosen.environment) as workspace:
        _create_or_select(stack, workspace)


def outputs(stack: str) -> dict[str, Any]:
    """The stack's outputs, secrets in the clear: handle them as such."""
    chosen = backend(stack)
    if chosen.folder is not None and not chosen.folder.is_dir():
        raise stateless(stack)
    with selected(stack, program=Program(), chosen=chosen, env=environment(stack)) as found:
        return {name: output.value for name, output in found.outputs().items()}


def in_state(stack: str) -> list[dict[str, Any]]:
    """What the stack's state has, secrets in the clear; nothing for a stack that has no state."""
    chosen = backend(stack)
    if chosen.folder is not None and not chosen.folder.is_dir():
        return []
    with _workspace(stack, program=Program(), chosen=chosen, env=environment(stack)) as workspace:
        try:
            found = automation.Stack.select(stack, workspace)
        except automation.StackNotFoundError:
            return []
        return (found.export_stack().deployment or {}).get("resources") or []


@contextmanager
def _workspace(
    stack: str,
    *,
    program: Program,
    chosen: Backend,
    env: Mapping[str, str],
    changes: Mapping[str, Any] | None = None,
) -> Iterator[Workspace]:
    """The workspace, with copies of the project's file and the stack's settings for as long as the block lasts."""
    settings = stack_file(stack)
    with scratch() as folder:
        for path in (PROJECT_ROOT / "Pulumi.yaml", settings):
            shutil.copyfile(path, folder / path.name)
        if changes:
            _change(folder / settings.name, changes)
        yield Workspace(folder / settings.name, program=program, env=env, chosen=chosen)


def _change(settings: Path, changes: Mapping[str, Any]) -> None:
    content = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
    project = project_name()
    changed = {full_key(project, key): value for key, value in changes.items()}
    content["config"] = without(content.get("config") or {}, project, changed) | changed
    settings.write_text(yaml.safe_dump(content), encoding="utf-8")


@contextmanager
def _made(stack: str, workspace: Workspace) -> Iterator[automation.Stack]:
    """A stack that is made, and removed again where nothing came of it."""
    made, ours = _create_or_select(stack, workspace)
    try:
        yield made
    finally:
        # A backend that does not answer any more keeps an empty stack, which the next `up` goes on with.
        with suppress(automation.CommandError):
            if ours and _is_empty(made):
                workspace.remove_stack(stack)


@contextmanager
def _played(stack: str, *, program: Program, chosen: Backend, env: Mapping[str, str]) -> Iterator[automation.Stack]:
    """A stack on an empty state of its own, in files that go with the block."""
    with scratch() as state:
        played = {**_any_passphrase(), **env, "PULUMI_BACKEND_URL": state.as_uri()}
        with _workspace(stack, program=program, chosen=chosen, env=played) as workspace:
            yield automation.Stack.create(stack, workspace)


def _create_or_select(stack: str, workspace: Workspace) -> tuple[automation.Stack, bool]:
    """The stack, and whether it was made here: somebody else may have made it a moment ago."""
    try:
        return automation.Stack.create(stack, workspace), True
    except automation.StackAlreadyExistsError:
        return automation.Stack.select(stack, workspace), False


def _any_passphrase() -> dict[str, str]:
    """A passphrase for an empty state in files, unless the person has one, which opens the settings, too."""
    chosen = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
    return {} if any(name in os.environ for name in chosen) else {chosen[0]: ""}


def stateless(stack: str) -> UserError:
    """What to say of a stack that nobody has brought up."""
    return UserError(f"Stack {stack!r} has no state yet; `make up STACK={stack}` makes it.")


def _is_empty(stack: automation.Stack) -> bool:
    deployment = stack.export_stack().deployment or {}
    return not _resources(stack) and not deployment.get("pending_operations")


def _resources(stack: automation.Stack) -> list[dict[str, Any]]:
    """What the state has, without the stack itself and the providers."""
    resources = (stack.export_stack().deployment or {}).get("resources") or []
    return [one for one in resources if not str(one["type"]).startswith("pulumi:")]
