"""Images of any registry: which digest a tag has, and copies of them, by the tool crane.

It signs in as Docker does, with what is in Docker's configuration; the stack's own registry is added for a run, in a
copy of that, so that no token of it stays on the machine.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tools
from infra.scratch import scratch
from ordering.errors import UserError

_PATIENCE_S = 3600
"""Seconds for one image: the largest have 10 GB."""

_HUB = "https://index.docker.io/v1/"
"""What Docker calls the Docker Hub among those where somebody signed in."""


class Crane:
    """The tool, with a Docker configuration of its own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder

    def digest(self, image: str) -> str:
        """The digest that a registry has for an image, with all its platforms; UserError where it does not say."""
        return self._run("digest", image, what=f"{_registry(image)} does not say which digest {image} has")

    def copy(self, source: str, to: str) -> None:
        """Copies an image with all its platforms; UserError when a registry refuses."""
        self._run("copy", source, to, what=f"{source} is not copied to {to}")

    def _run(self, *arguments: str, what: str) -> str:
        command = [str(self._program), *arguments]
        environment = {**os.environ, "DOCKER_CONFIG": str(self._folder)}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, env=environment)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{what}: no end after {_PATIENCE_S} seconds; look at the network, and run this again."
            ) from None
        if done.returncode:
            raise UserError(f"{what}: {_reason(done.stderr)}; sign in there with `docker login`, or look at its name.")
        return done.stdout.strip()


@contextmanager
def crane(signed_in: Mapping[str, str] | None = None) -> Iterator[Crane]:
    """The tool for as long as this lasts; `signed_in` are tokens (`user:password` in base 64) by registry."""
    home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    try:
        before = json.loads(home.read_text(encoding="utf-8"))
    except FileNotFoundError:
        before = {}
    except (OSError, ValueError) as error:
        raise UserError(f"{home} cannot be read ({error}); fix it, or name another folder in DOCKER_CONFIG.") from None
    with scratch() as folder:
        written = folder / "config.json"
        written.touch(mode=0o600)
        written.write_text(json.dumps(configuration(before, signed_in or {})), encoding="utf-8")
        yield Crane(tools.ensure("crane")["crane"], folder)


def configuration(before: Mapping[str, Any], signed_in: Mapping[str, str]) -> dict[str, Any]:
    """Docker's configuration with some registries added to those where somebody is signed in.

    A `credsStore` is asked for each registry that has no helper of its own, whatever stands beside it (docker/cli 29,
    cli/config/configfile, GetAuthConfig). So it is made the helper of those that it is known to have.
    """
    auths = dict(before.get("auths") or {})
    helpers = dict(before.get("credHelpers") or {})
    if store := before.get("credsStore"):
        helpers = {**dict.fromkeys([*auths, _HUB], store), **helpers}
    return {
        "auths": {**auths, **{registry: {"auth": token} for registry, token in signed_in.items()}},
        "credHelpers": {registry: helper for registry, helper in helpers.items() if registry not in signed_in},
    }


def _registry(image: str) -> str:
    return image.partition("/")[0]


def _reason(told: str) -> str:
    """The last of what crane says, without the time and the word before it."""
    lines = [line for line in told.strip().splitlines() if line.strip()] or ["it says nothing"]
    return lines[-1].removeprefix("Error: ").strip().rstrip(".")
