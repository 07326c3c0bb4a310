"""The dashboard's password, encrypted into a stack's settings."""

import os
import subprocess

from infra.errors import UserError
from infra.settings import password_fault
from ops.backend import backend
from ops.engine import pulumi_root
from ops.project import PROJECT_ROOT, is_local, project_name
from ops.stack import make


def set_password(stack: str, password: str) -> None:
    """Encrypt the password into Pulumi.STACK.yaml; the stack is made in its backend when it is not there yet.

    UserError for a password that `up` would refuse, for the stack `local`, whose password is public, and for what the
    engine refuses.
    """
    if is_local(stack):
        raise UserError("The stack local has a well-known password; make another stack for one of your own.")
    if not password.strip():
        raise UserError("The password is empty; type one, or set DASHBOARD_PASSWORD.")
    if fault := password_fault(password.strip()):
        raise UserError(f"The password {fault}; choose another. Nothing was changed.")
    root = pulumi_root()
    environment = dict(backend(stack).environment)
    make(stack, env=environment)
    done = subprocess.run(
        [root / "bin" / "pulumi", "config", "set", "--secret", f"{project_name()}:dashboardPassword", "--stack", stack],
        input=password,
        text=True,
        capture_output=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        check=False,
    )
    if done.returncode != 0:
        raise UserError(f"The password was not set: {done.stderr.strip().splitlines()[-1]}")
