"""What is sent with the release besides: kustomizations of this machine's, or of Git repositories at pinned commits."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from infra.settings.raw import RawSettings

KEY = "kubeflowAlso"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"(?:https|ssh|file)://[!-~]+")
_PASSWORD = re.compile(r"https://[^/]*@.*|\w+://[^/]*:[^/]*@.*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LOCAL, _GIT = {"name", "path"}, {"name", "path", "repository", "commit"}


@dataclass(frozen=True, kw_only=True)
class Also:
    """A kustomization in the folder `path`: of a Git `repository` at a `commit`, or of this machine without both.

    `namespace` is where its objects go, empty for where they say.
    """

    name: str
    path: str
    namespace: str
    repository: str | None
    commit: str | None


def read_also(raw: RawSettings) -> tuple[Also, ...]:
    """All that are named."""
    found = [also for item in raw.items(KEY) if (also := _read(raw, item)) is not None]
    for name in sorted(name for name, count in Counter(also.name for also in found).items() if count > 1):
        raw.problem(KEY, f"names {name!r} twice; give each a name of its own.")
    return tuple(found)


def _read(raw: RawSettings, item: Any) -> Also | None:
    texts = isinstance(item, dict) and all(isinstance(value, str) and value for value in item.values())
    if not texts or set(item) - {"namespace"} not in (_LOCAL, _GIT):
        wanted = "must have the texts name and path, and maybe both repository and commit, and a namespace."
        raw.problem(KEY, f"{json.dumps(item)} {wanted}")
        return None
    also = Also(
        name=item["name"],
        path=item["path"],
        namespace=item.get("namespace", ""),
        repository=item.get("repository"),
        commit=item.get("commit"),
    )
    fault = _fault(also)
    if fault:
        raw.problem(KEY, fault)
    return None if fault else also


def _fault(also: Also) -> str:
    if not _NAME.fullmatch(also.name):
        return f"{also.name!r} is not a name; use at most 40 lower-case letters, digits and dashes."
    if also.namespace and not _NAMESPACE.fullmatch(also.namespace):
        return f"{also.namespace!r} is not a namespace; use lower-case letters, digits and dashes."
    if also.repository is None or also.commit is None:
        return ""
    if not _REPOSITORY.fullmatch(also.repository):
        return f"{also.repository!r} is not the address of a Git repository; begin it with https:// or ssh://."
    if _PASSWORD.fullmatch(also.repository):
        return f"{also.name!r} has a password in its repository's address; let Git's own settings have that."
    if not _COMMIT.fullmatch(also.commit):
        return f"{also.commit!r} is not a commit of 40 hexadecimal digits; a branch or a tag can move."
    if also.path.startswith(("/", "-")) or ".." in also.path.split("/"):
        return f"{also.path!r} is not a folder of the repository; write it from the repository's root."
    return ""
