"""A stack on the engine: its environment, its outputs.

The engine is driven through Pulumi's Automation API with `infra/program.py` as an inline program, so the command line
tool alone is enough; the same program runs under plain `pulumi up` where the Python language host is installed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi import automation

from infra.errors import UserError
from ops.backend import backend
from ops.engine import pulumi_root
from ops.program import Program
from ops.project import PROJECT_ROOT, is_local, local_root, project_name, stack_file


def environment(stack: str) -> dict[str, str]:
    """What the engine and the AWS clients of a stack need in their environment.

    For `local` this names the running stand-ins; it is what `localcloud` wrote when it started them.
    """
    chosen = dict(backend(stack).environment)
    if is_local(stack):
        from localcloud import laptop  # only this stack needs it

        chosen |= laptop.client_environment(local_root())
    return chosen


def select(
    stack: str, *, program: Program, engine_root: Path, env: Mapping[str, str], create: bool
) -> automation.Stack:
    """The stack, ready to run the program; with `create` it is made when it does not exist.

    Raises UserError for a stack without a settings file, or one that was never made.
    """
    stack_file(stack)
    options = automation.LocalWorkspaceOptions(
        work_dir=str(PROJECT_ROOT),
        secrets_provider="passphrase" if "PULUMI_CONFIG_PASSPHRASE" in env else None,
        env_vars=dict(env),
        pulumi_command=automation.PulumiCommand(root=str(engine_root)),
    )
    make = automation.create_or_select_stack if create else automation.select_stack
    try:
        try:
            return make(stack_name=stack, project_name=project_name(), program=program, opts=options)
        except automation.StackAlreadyExistsError:  # another first run made it after we had looked
            return make(stack_name=stack, project_name=project_name(), program=program, opts=options)
    except automation.StackNotFoundError:
        raise UserError(f"Stack {stack!r} has no state yet; `make up STACK={stack}` makes it.") from None


def outputs(stack: str) -> dict[str, Any]:
    """The stack's outputs, secrets in the clear: handle them as such."""
    selected = select(stack, program=Program(), engine_root=pulumi_root(), env=environment(stack), create=False)
    return {name: output.value for name, output in selected.outputs().items()}


def in_state(stack: str) -> list[str]:
    """The ids of what the stack's state has; none for a stack that has no state."""
    try:
        selected = select(stack, program=Program(), engine_root=pulumi_root(), env=environment(stack), create=False)
    except UserError:
        return []
    resources = (selected.export_stack().deployment or {}).get("resources") or []
    return [str(one["id"]) for one in resources if one.get("id") and not one["type"].startswith("pulumi:")]
