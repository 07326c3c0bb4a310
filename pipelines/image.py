"""The image that steps run in: what goes in, the tag that its content gives it, and building and pushing it."""

import base64
import hashlib
import importlib.metadata
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ordering.errors import UserError
from pipelines.defaults import IMAGE_REPOSITORY

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = ROOT / "images" / "pipeline"
LOCK = ROOT / "requirements.txt"

# What steps import; everything else in the image is there because one of these needs it.
PACKAGES = ("boto3", "kfp", "numpy", "pandas", "scikit-learn")

# EKS's managed nodes of the default instance type, and the Python that the Dockerfile starts from.
PLATFORM = "linux/amd64"
_ENVIRONMENT = {
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.14",
    "python_version": "3.11",
    "sys_platform": "linux",
}


_ECR = re.compile(r"(?P<registry>\d{12}\.dkr\.ecr\.(?P<region>[\w-]+)\.[\w.]+)/(?P<name>\S+)")


def requirements(lock: str, packages: Iterable[str] = PACKAGES) -> str:
    """The part of the project's lock file, hashes and all, that the image needs: the packages and what they need."""
    pinned: dict[str, str] = {}
    for entry in _entries(lock):
        requirement = Requirement(entry.split("\\", 1)[0])
        if _applies(requirement, extra=""):
            pinned[canonicalize_name(requirement.name)] = entry
    seen: set[tuple[str, str]] = set()
    queue = [(package, "") for package in packages]
    while queue:
        name, extra = queue.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for need in map(Requirement, importlib.metadata.requires(name) or ()):
            if _applies(need, extra):
                queue += [(canonicalize_name(need.name), wanted) for wanted in ("", *need.extras)]
    return "".join(pinned[name] for name in sorted({name for name, _ in seen}))


def tag(context: Path = CONTEXT) -> str:
    """The image's tag: the first 12 hexadecimal digits of the SHA-256 of the names and contents in its folder."""
    digest = hashlib.sha256()
    for file in sorted(path for path in context.iterdir() if path.is_file()):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def reference(repository: str | None) -> str:
    """The image's full name in a repository; a local name where there is none. What has a tag or a digest is one."""
    if repository and (":" in repository.rpartition("/")[2] or "@" in repository):
        return repository
    return f"{repository or IMAGE_REPOSITORY}:{tag()}"


def build_and_push(repository: str, say: Callable[[str], None]) -> str:
    """Build the image and push it to an ECR repository, unless it is there already; give its full name.

    Raises UserError when nothing here can build images, or when the build, the sign-in or the push fails.
    """
    image = reference(repository)
    found = _ECR.match(repository)
    if not found:
        raise UserError(f"Repository {repository!r} is not in ECR; its name must be ACCOUNT.dkr.ecr.REGION…/NAME.")
    registry = found["registry"]
    try:
        client = boto3.client("ecr", region_name=found["region"])
        if _is_pushed(client, found["name"]):
            say(f"{image} is there already.")
            return image
        builder = find_builder()
        token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"Registry {registry} cannot be used: {' '.join(str(error).split())}") from None
    user, _, password = base64.b64decode(token).decode().partition(":")
    _run([builder, "login", "--username", user, "--password-stdin", registry], stdin=password)
    say(f"Building {image} with {builder}.")
    if builder == "docker":
        _run(["docker", "buildx", "build", "--platform", PLATFORM, "--tag", image, "--push", str(CONTEXT)])
    else:
        _run(["podman", "build", "--platform", PLATFORM, "--tag", image, str(CONTEXT)])
        _run(["podman", "push", image])
    return image


def find_builder() -> str:
    """`docker` or `podman`, whichever can build here: the client, its builder and its engine must all be there."""
    found = []
    for program, checks in {
        "docker": (["docker", "buildx", "version"], ["docker", "info"]),
        "podman": (["podman", "info"],),
    }.items():
        problem = next(filter(None, map(_problem, checks)), None)
        if problem is None:
            return program
        found.append(problem)
    raise UserError(
        f"Nothing here can build an image ({'; '.join(found)}); start Docker with buildx, or install podman."
    )


def _problem(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return f"there is no {command[0]}"
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` does not answer"
    return None if done.returncode == 0 else f"`{' '.join(command)}` fails"


def _run(command: Sequence[str], stdin: str | None = None) -> None:
    done = subprocess.run(command, input=stdin, text=True)
    if done.returncode:
        raise UserError(f"`{' '.join(command)}` failed with exit code {done.returncode}; its last lines above say why.")


def _is_pushed(client: Any, name: str) -> bool:
    try:
        client.describe_images(repositoryName=name, imageIds=[{"imageTag": tag()}])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return True


def _applies(requirement: Requirement, extra: str) -> bool:
    """Whether a requirement counts in the image, as its marker says."""
    return requirement.marker is None or requirement.marker.evaluate(_ENVIRONMENT | {"extra": extra})


def _entries(lock: str) -> Iterable[str]:
    """The lock file's entries, each a requirement with its hashes and without comments."""
    entry: list[str] = []
    for line in lock.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        if not line.startswith(" ") and entry:
            yield "\n".join(entry) + "\n"
            entry = []
        entry.append(line)
    if entry:
        yield "\n".join(entry) + "\n"


if __name__ == "__main__":
    (CONTEXT / "requirements.txt").write_text(requirements(LOCK.read_text()))
