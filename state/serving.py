"""State in files, with a journal: each step of a run is appended, not the whole state written again.

At rest the files are those of Pulumi's own file backend, which plain `pulumi` reads and writes; the next run merges
what a killed one left in the journal.
"""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import tools
from infra.errors import UserError
from tools.leash import leash


@contextmanager
def serving(folder: Path, ended: Callable[[str], object] = len) -> Iterator[dict[str, str]]:
    """Serves the state in `folder` for the length of the block; yields the environment that leads the engine there.

    `ended` gets the server's last word: how often and how much it wrote, as JSON.
    """
    token = secrets.token_hex(16)
    command = [str(tools.ensure("journal")["journal"]), str(folder)]
    environment = {**os.environ, "JOURNAL_TOKEN": token}
    with (
        leash() as tie,
        subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment) as server,
    ):
        tie(server.pid)
        assert server.stdout is not None
        try:
            address = server.stdout.readline().decode().strip()
            if not address:
                raise UserError(f"The journal for the state in {folder} did not start; see the line above.")
            yield {"PULUMI_BACKEND_URL": address, "PULUMI_ACCESS_TOKEN": token}
        finally:
            server.terminate()
            ended(server.stdout.read().decode())


@contextmanager
def copied(folder: Path) -> Iterator[dict[str, str]]:
    """A copy of the state in `folder` for the length of the block, for a run that changes nothing.

    Yields the environment that leads the engine there. From files it reads the state by itself, and tells its events
    once: a server gets each of them, too, a tenth of the engine's work in a preview.
    """
    with TemporaryDirectory(prefix="kubeflow-preview-") as copy:
        done = subprocess.run([tools.ensure("journal")["journal"], folder, copy], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise UserError(f"The state in {folder} cannot be read: {done.stderr.strip().removeprefix('error: ')}")
        yield {"PULUMI_BACKEND_URL": Path(copy).as_uri()}
