"""A stack on the engine: its backend, its environment, its outputs.

The engine is driven through Pulumi's Automation API with `__main__.py` as an inline program, so the command line tool
alone is enough; the same program runs under plain `pulumi up` where the Python language host is installed.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from infra.errors import UserError
from ops.engine import pulumi_root
from ops.paths import PROJECT_ROOT, local_dir, local_root
from ops.program import Program

LOCAL_STACK = "local"

# The passphrase of the `local` stack alone, whose secrets are public: its salt in Pulumi.local.yaml was made with it.
LOCAL_PASSPHRASE = "local"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Where state goes, as an environment for the engine and a sentence for people.

    `folder` is set for state in files of our own.
    """

    environment: Mapping[str, str]
    note: str
    folder: Path | None = None


def is_local(stack: str) -> bool:
    """Whether the stack runs on a laptop, without an account."""
    return stack == LOCAL_STACK


def project_name() -> str:
    """The project's name, as Pulumi.yaml has it."""
    return str(yaml.safe_load((PROJECT_ROOT / "Pulumi.yaml").read_text())["name"])


def stack_names() -> list[str]:
    """The stacks that have a settings file in the project's folder."""
    return sorted(path.name.split(".")[1] for path in PROJECT_ROOT.glob("Pulumi.*.yaml"))


def backend(stack: str) -> Backend:
    """The backend of a stack: what the person chose or logged in to, else files of the project's own.

    The `local` stack always has its state in the local folder: it dies with the control plane there.
    """
    if is_local(stack):
        return _file_backend(LOCAL_PASSPHRASE, "State is in files of this checkout.")
    if os.environ.get("PULUMI_BACKEND_URL"):
        return Backend(environment={}, note=f"State is at {os.environ['PULUMI_BACKEND_URL']} (PULUMI_BACKEND_URL).")
    credentials = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "credentials.json"
    current = json.loads(credentials.read_text()).get("current") if credentials.is_file() else None
    if current:
        return Backend(environment={}, note=f"State is at {current} (pulumi login).")
    return _file_backend(
        _own_passphrase(), "Nobody is logged in to a Pulumi backend, so state is in files of this checkout."
    )


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
    """The stack, ready to run `__main__.py`; with `create` it is made when it does not exist.

    Raises UserError for a stack without a settings file, or one that was never made.
    """
    if stack not in stack_names():
        known = ", ".join(stack_names())
        raise UserError(f"There is no stack {stack!r} (known: {known}); make it with `make stack NAME={stack}`.")
    options = automation.LocalWorkspaceOptions(
        work_dir=str(PROJECT_ROOT),
        secrets_provider="passphrase" if "PULUMI_CONFIG_PASSPHRASE" in env else None,
        env_vars=dict(env),
        pulumi_command=automation.PulumiCommand(root=str(engine_root)),
    )
    make = automation.create_or_select_stack if create else automation.select_stack
    try:
        return make(stack_name=stack, project_name=project_name(), program=program, opts=options)
    except automation.StackNotFoundError:
        raise UserError(f"Stack {stack!r} has no state yet; `make up STACK={stack}` makes it.") from None


def outputs(stack: str) -> dict[str, Any]:
    """The stack's outputs, secrets in the clear: handle them as such."""
    selected = select(stack, program=Program(), engine_root=pulumi_root(), env=environment(stack), create=False)
    return {name: output.value for name, output in selected.outputs().items()}


def _file_backend(passphrase: str, note: str) -> Backend:
    folder = local_dir() / "state"
    folder.mkdir(parents=True, exist_ok=True)
    env = {"PULUMI_BACKEND_URL": folder.as_uri(), "PULUMI_CONFIG_PASSPHRASE": passphrase}
    return Backend(environment=env, note=f"{note} ({_shown(folder)})", folder=folder)


def _shown(folder: Path) -> str:
    return str(folder.relative_to(PROJECT_ROOT)) if folder.is_relative_to(PROJECT_ROOT) else str(folder)


def _own_passphrase() -> str:
    """The person's passphrase, or one made once for this checkout and readable by its owner alone."""
    given = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    if given is not None:
        return given
    file = local_dir() / "passphrase"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()
