"""`make stack`: a settings file for one more stack, with names, addresses and tags that no other stack has."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

import tools
from infra.aws import cidr, iam
from infra.declared import defaults, full_key
from infra.kubeflow.capacity import requirements
from infra.kubeflow.load import load
from infra.settings import address
from ops.cost import bill, money, total
from ops.project import (
    PROJECT_ROOT,
    TEMPLATE_STACK,
    project_name,
    read_project,
    read_section,
    read_stacks,
    settings_path,
)
from ops.section import Section, parsed, section, unfit
from ops.settings import stack_settings
from ops.sizes import Size, smallest
from ordering.errors import UserError

LONGEST_NAME = iam.longest_stack_name(project_name())

_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")

# What every service of AWS takes as a tag's value.
_OWNER = re.compile(r"[\w.:/=+@-][\w .:/=+@-]{0,127}", re.ASCII)

# What belongs to one stack only: names in the account, the address that leads to it, what its database started from,
# the release that it came from, and what keeps it from being destroyed.
_OWN = frozenset(
    {
        "networkCidr",
        "tags",
        "clusterName",
        "registryRepository",
        *address.KEYS,
        "databaseSnapshot",
        "kubeflowReleaseBefore",
        "protect",
        "storageOnDestroy",
    }
)
_NODES = frozenset({"nodesInstanceType", "nodesMin", "nodesDesired", "nodesMax", "networkZones"})

_LARGE_BLOCK = IPv4Network("10.0.0.0/8")


@dataclass(frozen=True, kw_only=True)
class NewStack:
    """What a new stack has for itself; without a size it keeps its template's nodes.

    With one it has no more zones than nodes: a volume stays in its zone, where a node must be.
    """

    name: str
    cidr: IPv4Network
    owner: str
    size: Size | None = None
    zones: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def check_name(name: str, taken: Mapping[str, Any]) -> None:
    """UserError for a name that AWS, Kubernetes or Pulumi would refuse later, or that a stack has already."""
    if not _NAME.fullmatch(name):
        better = re.sub(r"-+", "-", re.sub(r"[^a-z0-9]", "-", name.lower())).strip("-0123456789")
        hint = f"; write {better}" if better and len(better) <= LONGEST_NAME else ""
        raise UserError(
            f"A stack cannot be called {name!r}: use lower-case letters, digits and single dashes, "
            f"a letter first{hint}."
        )
    if len(name) > LONGEST_NAME:
        raise UserError(f"The name {name!r} has {len(name)} characters; use at most {LONGEST_NAME}.")
    if name in taken:
        raise UserError(f"There is a stack {name!r} already (Pulumi.{name}.yaml); choose another name.")


def blocks(stacks: Mapping[str, Mapping[str, Any]], default: str) -> dict[str, IPv4Network]:
    """The address block of every stack that makes a VPC; `stacks` are parsed settings files, by name."""
    found = {}
    for name, settings in stacks.items():
        config = settings.get("config") or {}
        if _setting(config, "clusterMode") == "existing":
            continue
        text = str(_setting(config, "networkCidr") or default)
        try:
            found[name] = IPv4Network(text)
        except ValueError:
            raise UserError(f"networkCidr of the stack {name} is {text!r}; write a block like 10.0.0.0/16.") from None
    return found


def free_block(taken: Mapping[str, IPv4Network]) -> IPv4Network:
    """The first /16 of 10.0.0.0/8 that overlaps no stack's; UserError when all 256 are in use."""
    for block in _LARGE_BLOCK.subnets(new_prefix=cidr.LARGEST_PREFIX):
        if not any(block.overlaps(other) for other in taken.values()):
            return block
    raise UserError("Every /16 of 10.0.0.0/8 has a stack; destroy one and remove its file, or name a CIDR.")


def check_block(text: str, taken: Mapping[str, IPv4Network]) -> IPv4Network:
    """A block that a person chose; UserError when it is no VPC's, or when another stack has a part of it."""
    block = cidr.parse_vpc(text)
    for name, other in taken.items():
        if block.overlaps(other):
            raise UserError(
                f"{block} overlaps {other} of the stack {name}; take {free_block(taken)}, or leave CIDR out."
            )
    return block


def settings_text(template: str, new: NewStack) -> str:
    """The new stack's file: the template's settings and their comments, without what is the template's own.

    Secrets are left out: they are encrypted for the template's stack. UserError for a template that is not written in
    lines which say what it says.
    """
    name = settings_path(TEMPLATE_STACK).name
    dropped = _OWN | _NODES if new.size else _OWN
    kept = {
        key: value
        for key, value in parsed(template, name)["config"].items()
        if key.rpartition(":")[2] not in dropped and not _is_secret(value)
    }
    lines = f"{template}\n".splitlines(keepends=True)
    found = section(lines)
    entries = _entries(lines, found) if found else {}
    indentation = found.indent if found else "  "
    own: dict[str, Any] = {
        "networkCidr": str(new.cidr),
        "tags": {**new.tags, "stack": new.name, "owner": new.owner},
        "storageOnDestroy": "empty",
    }
    if new.size:
        own |= {
            "nodesInstanceType": new.size.instance_type,
            "nodesMin": new.size.nodes,
            "nodesDesired": new.size.nodes,
            "nodesMax": new.size.nodes + 2,
            "networkZones": list(new.zones[: new.size.nodes]),
        }
    project = project_name()
    added = yaml.safe_dump({f"{project}:{key}": value for key, value in own.items()}, sort_keys=False)
    text = (
        f"# The stack of {new.owner}, made from {TEMPLATE_STACK} by `make stack`. Its own are its name, addresses and\n"
        "# tags, and that its destroy keeps nothing.\n"
        f"config:\n{''.join(entries.get(key, '') for key in kept)}{indent(added, indentation)}"
    )
    try:
        says = parsed(text, name)["config"]
    except UserError:
        says = {}
    if any(key not in says or says[key] != value for key, value in kept.items()):
        raise unfit(name)
    return text


def create(
    name: str, *, folder: Path, owner: str, block: str | None = None, size: Size | None = None
) -> tuple[Path, NewStack]:
    """Write Pulumi.NAME.yaml; returns its path and what it says. UserError, and no file, for whatever is wrong."""
    stacks = read_stacks(folder)
    check_name(name, stacks)
    if not _OWNER.fullmatch(owner):
        raise UserError(f"The owner {owner!r} cannot be a tag; write a name or an e-mail address as OWNER.")
    if TEMPLATE_STACK not in stacks:
        raise UserError(f"Pulumi.{TEMPLATE_STACK}.yaml, which new stacks are made from, is missing.")
    given, config = defaults(read_project(folder)), stacks[TEMPLATE_STACK]["config"]
    taken = blocks(stacks, given[f"{project_name()}:networkCidr"])
    new = NewStack(
        name=name,
        cidr=check_block(block, taken) if block else free_block(taken),
        owner=owner,
        size=size,
        zones=tuple(_setting(config, "networkZones") or json.loads(given[f"{project_name()}:networkZones"])),
        tags=_setting(config, "tags") or {},
    )
    path = settings_path(name, folder)
    text = settings_text(settings_path(TEMPLATE_STACK, folder).read_text(), new)
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"There is a stack {name!r} already ({path.name}); choose another name.") from None
    return path, new


def left_out(path: Path, folder: Path) -> list[str]:
    """The settings of the template that the new stack in this file has not."""
    template, own = (read_section(one) for one in (settings_path(TEMPLATE_STACK, folder), path))
    return [key.rpartition(":")[2] for key in template if key not in own]


def small_size() -> Size:
    """The smallest node group for the release that the template's stack installs."""
    os.environ.setdefault("KUSTOMIZE", str(tools.ensure("kustomize")["kustomize"]))
    kubeflow = stack_settings(TEMPLATE_STACK).settings.kubeflow
    found = load(
        release=kubeflow.release,
        path=kubeflow.path,
        sample=False,
        root=PROJECT_ROOT,
        kubernetes_version=None,
    )
    return smallest(requirements(found.objects))


def idle_cost(name: str, folder: Path) -> str:
    """What a stack costs while nobody uses it, in words; why that is not known, where it is not."""
    try:
        found = bill(stack_settings(name, root=folder).settings)
    except UserError as error:
        return f"not known: {error}"
    amount = money(total(found.lines).on_demand)
    note = f" ({found.note.rstrip('.')})" if found.note else ""
    return f"{amount} USD a month while it is up{note}, so destroy it when it is not used"


def _entries(lines: list[str], found: Section) -> dict[str, str]:
    """The lines of each key, with the comments above it."""
    entries: dict[str, str] = {}
    key, pending = "", ""
    for at in range(found.start, found.end):
        line = lines[at]
        if at in found.keys:
            key = found.keys[at]
            entries[key], pending = pending + line, ""
        elif not line.strip() or line.lstrip().startswith("#"):
            pending += line
        elif key:
            entries[key], pending = entries[key] + pending + line, ""
    return entries


def _is_secret(value: Any) -> bool:
    """Whether a value has something encrypted in it."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_is_secret, value.values()))
    return isinstance(value, list) and any(map(_is_secret, value))


def _setting(config: Mapping[str, Any], key: str) -> Any:
    project = project_name()
    return next((value for name, value in config.items() if full_key(project, name) == f"{project}:{key}"), None)
