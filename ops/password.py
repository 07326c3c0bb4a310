"""The dashboard's password, encrypted into a stack's settings."""

import os
import subprocess

from infra.settings import password_fault
from ops.backend import backend
from ops.engine import Command
from ops.project import PROJECT_ROOT, is_local, project_name, stack_file
from ops.stack import make
from ordering.errors import UserError


def check_stack(stack: str) -> None:
    """UserError for a stack that does not exist, and for `local`, whose password is public."""
    if is_local(stack):
        raise UserError("The stack local has a well-known password; make another stack for one of your own.")
    stack_file(stack)


def set_password(stack: str, password: str) -> None:
    """Encrypt the password into Pulumi.STACK.yaml; the stack is made in its backend when it is not there yet.

    UserError for a password that `up` would refuse, for the stack `local`, whose password is public, and for what the
    engine refuses.
    """
    check_stack(stack)
    if not password.strip():
        raise UserError("The password is empty; type one, or set DASHBOARD_PASSWORD.")
    if fault := password_fault(password.strip()):
        raise UserError(f"The password {fault}; choose another. Nothing was changed.")
    engine = Command()
    chosen = backend(stack)
    make(stack, chosen)
    done = subprocess.run(
        [engine.command, "config", "set", "--secret", f"{project_name()}:dashboardPassword", "--stack", stack],
        input=password,
        text=True,
        capture_output=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, **chosen.environment, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        check=False,
    )
    if done.returncode != 0:
        raise UserError(f"The password was not set: {done.stderr.strip().splitlines()[-1]}")
