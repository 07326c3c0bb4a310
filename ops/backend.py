"""Where the state of a stack is kept."""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation

from ops.engine import Command, killed, told
from ops.project import PROJECT_ROOT, is_local, local_dir, project_name, read_project
from ordering.errors import UserError
from state import serving

# The passphrase of the `local` stack alone, whose secrets are public: its salt in Pulumi.local.yaml was made with it.
LOCAL_PASSPHRASE = "local"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Where state goes, as an environment for the engine and a sentence for people.

    `url` is that of a backend that somebody chose, `folder` is set for state in files of our own, `made` where a
    passphrase was made for them that is to be kept there.
    Nothing is written before `prepare`, so whoever only reads changes nothing.
    """

    environment: Mapping[str, str]
    note: str
    url: str = ""
    folder: Path | None = None
    made: Path | None = None

    def prepare(self) -> None:
        """Makes a place for state in files, for a run that keeps some; OSError where nothing can be written."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        if self.made is not None:
            passphrase = self.environment["PULUMI_CONFIG_PASSPHRASE"]
            # Its owner alone may read it.
            with (
                suppress(FileExistsError),
                open(os.open(self.made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file,
            ):
                file.write(passphrase)
            if self.made.read_text(encoding="utf-8") != passphrase:
                raise UserError(f"Another run has made {self.made} at this moment; run the same command again.")


def kept_in_files(chosen: Backend) -> AbstractContextManager[serving.Served]:
    """Serves state that is in files of our own, with a journal; any other backend keeps it by itself."""
    chosen.prepare()
    return nullcontext(serving.Served()) if chosen.folder is None else serving.serving(chosen.folder)


def copied_from_files(stack: str, chosen: Backend) -> AbstractContextManager[serving.Served]:
    """What a preview of a stack reads: a copy of state that is in files of our own; any other backend as it is."""
    if chosen.folder is None:
        return nullcontext(serving.Served())
    return serving.copied(chosen.folder, project_name(), stack)


PULUMI_CLOUD = "https://api.pulumi.com"


def backend(stack: str, env: Mapping[str, str] = os.environ) -> Backend:
    """The backend of a stack: what the person chose or logged in to, else files of the project's own.

    The order is the engine's own: PULUMI_BACKEND_URL, `backend.url` of Pulumi.yaml, `pulumi login`; an access
    token alone means Pulumi Cloud. The `local` stack always has its state in the local folder: it dies with the control
    plane there. UserError where CI would keep state in files, which end with the runner.
    """
    if is_local(stack):
        return _file_backend("State is in files of this checkout.", None)
    if url := env.get("PULUMI_BACKEND_URL"):
        return Backend(environment={}, url=url, note=f"State is at {url} (PULUMI_BACKEND_URL).")
    if url := (read_project().get("backend") or {}).get("url"):
        return Backend(environment={}, url=url, note=f"State is at {url} (Pulumi.yaml).")
    if current := _logged_in(Path(env.get("PULUMI_HOME") or Path.home() / ".pulumi") / "credentials.json"):
        return Backend(environment={}, url=current, note=f"State is at {current} (pulumi login).")
    if env.get("PULUMI_ACCESS_TOKEN"):
        url = env.get("PULUMI_API") or PULUMI_CLOUD
        return Backend(environment={}, url=url, note=f"State is at {url} (PULUMI_ACCESS_TOKEN).")
    if env.get("CI", "").lower() not in ("", "0", "false"):
        raise UserError(
            f"CI is set and no Pulumi backend is chosen, so the state of {stack} would end with this machine: set "
            "PULUMI_BACKEND_URL, or PULUMI_ACCESS_TOKEN for Pulumi Cloud."
        )
    return _file_backend("Nobody is logged in to a Pulumi backend, so state is in files of this checkout.", env)


def stacks_in_use(name: str) -> list[str]:
    """The stacks that a shared backend has; none for state in files of this checkout."""
    chosen = backend(name)
    if chosen.folder is not None:
        return []
    workspace = automation.LocalWorkspace(
        work_dir=str(PROJECT_ROOT),
        env_vars=dict(chosen.environment),
        pulumi_command=Command(),
    )
    try:
        return [summary.name.rpartition("/")[2] for summary in workspace.list_stacks()]
    except automation.CommandError as error:
        raise unusable(chosen, error) from None


def unusable(chosen: Backend, error: automation.CommandError) -> UserError:
    """Why the engine cannot work with a backend, in its own words."""
    if ended := killed(error):
        return UserError(ended)
    reason = " ".join(told(error).split()).rstrip(".")
    return UserError(
        f"{chosen.note} The engine cannot use it: {reason}; see that it is there, and `pulumi login` to it."
    )


def _logged_in(credentials: Path) -> str | None:
    """Where `pulumi login` went, as its own file says."""
    if not credentials.is_file():
        return None
    try:
        current = json.loads(credentials.read_text(encoding="utf-8")).get("current")
    except (ValueError, AttributeError, RecursionError):
        current = 0
    if not isinstance(current, str | None):
        raise UserError(f"{credentials} is damaged; remove it, and run `pulumi login` again.")
    return current or None


def _file_backend(note: str, env: Mapping[str, str] | None) -> Backend:
    """State in files of our own, encrypted with the person's passphrase; that of the laptop's for no environment."""
    folder = local_dir() / "state"
    kept = local_dir() / "passphrase"
    given = LOCAL_PASSPHRASE if env is None else env.get("PULUMI_CONFIG_PASSPHRASE")
    made = given is None and not kept.exists()
    if given is None:
        given = secrets.token_urlsafe(32) if made else kept.read_text(encoding="utf-8")
    return Backend(
        environment={"PULUMI_BACKEND_URL": folder.as_uri(), "PULUMI_CONFIG_PASSPHRASE": given},
        note=f"{note} ({_shown(folder)})",
        folder=folder,
        made=kept if made else None,
    )


def _shown(folder: Path) -> str:
    return str(folder.relative_to(PROJECT_ROOT)) if folder.is_relative_to(PROJECT_ROOT) else str(folder)
