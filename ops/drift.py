"""What is no longer as the last `up` left it: which of the stack's own fields, by whom, and since when.

An object's fields belong to whoever wrote them last, and the API server keeps account of that. The state has the
account as it was after the stack's own apply. So what the stack owned then and owns no more, somebody has changed or
removed: also what a comparison of values misses, such as a rule that was added to a role. Of AWS the engine's refresh
tells.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType

from infra.kubeflow.taken import taken
from ops import fields, run
from ops.existing import place_of
from ops.fields import FieldPath
from ops.interrupted import MANAGER
from ops.reaching import reached
from ops.relocated import at_its_address
from ops.run import Session
from ops.unanswered import open_secret
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Resource = Mapping[str, Any]

# Which of the engine's own hints an object carries is between it and the plugin; a gate lays others over them.
_HINTS = "f:pulumi.com/"
_ANNOTATIONS = ("f:metadata", "f:annotations")
_REPLICAS = ("f:spec", "f:replicas")
_UNREAD = ("pulumi:", "random:")
"""Types that are nowhere but in the state."""
_GONE = frozenset({OpType.DELETE, OpType.DISCARD})
_NAMED = 5
"""Resources that a line names."""


class Api(Protocol):
    """What this needs of a cluster: metadata of all objects of a kind; none of a kind that is not served."""

    def metadata(self, api_version: str, kind: str) -> list[Manifest]: ...

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field that differs: who wrote it (a field manager), and when that wrote last.

    Both are empty where nobody knows: of what is gone the API server keeps no account, and AWS's is CloudTrail.
    """

    path: str
    by: str = ""
    since: str = ""

    def __str__(self) -> str:
        return self.path + (f" by {self.by}" if self.by else "") + (f" since {self.since}" if self.since else "")


@dataclass(frozen=True, kw_only=True)
class Drifted:
    """A resource that is not as the stack says. `paths` are those of its fields in the cluster."""

    urn: str
    type: str
    change: Literal["changed", "deleted"]
    fields: tuple[Field, ...] = ()
    paths: tuple[FieldPath, ...] = ()

    @property
    def name(self) -> str:
        """The resource's name in the engine, the end of its URN."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def title(self) -> str:
        """What it is called for a person."""
        return f"{self.type.rpartition(':')[2]} {self.name}"

    def __str__(self) -> str:
        told = f": {', '.join(map(str, self.fields))}" if self.fields else ""
        return f"{self.title} {self.change}{told}"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """All that differs; `unseen` says of which kinds the cluster shows the caller nothing, and why."""

    found: tuple[Drifted, ...] = ()
    unseen: tuple[str, ...] = ()


def look(session: Session) -> Drift:
    """Compares what is there with the state. Changes nothing; OSError where the cluster does not answer."""
    with session.timed("look at what changed by itself"):
        state = session.resources or (
            (at_its_address(session.stack, session.ground.kubeconfig).deployment or {}).get("resources") or ()
        )
        resources = [one for one in state if one.get("custom") and not one.get("delete")]
        objects = [one for one in resources if _is_object(one)]
        found: list[Drifted] = []
        unseen: list[str] = []
        if objects:
            with reached(session) as api:
                if api is not None:
                    found, unseen = in_cluster(objects, api)
        known = {one["urn"] for one in objects}
        told = Told()
        if others := [
            str(one["urn"]) for one in resources if one["urn"] not in known and not one["type"].startswith(_UNREAD)
        ]:
            run.look(session, others, told)
    return Drift(found=(*told.found, *found), unseen=tuple(unseen))


def in_cluster(objects: Sequence[Resource], api: Api) -> tuple[list[Drifted], list[str]]:
    """What differs of the objects of a state, and which kinds the cluster does not show; a request a kind."""
    by_kind: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for one in objects:
        by_kind[one["inputs"]["apiVersion"], one["inputs"]["kind"]].append(one)
    scaled = frozenset(_scaled(objects))
    found, unseen = [], []
    for (api_version, kind), ours in sorted(by_kind.items()):
        try:
            live = {place_of(one): one for one in api.metadata(api_version, kind)}
        except UserError as error:
            unseen.append(f"{kind}: {error}")
            continue
        for one in ours:
            there = live.get(place_of(one["inputs"]))
            if there is None:
                found.append(Drifted(urn=one["urn"], type=one["type"], change="deleted"))
            elif differing := _lost(one, there, scaled) and _differing(one, api, scaled):
                found.append(differing)
    return found, unseen


def take_up(session: Session, drift: Drift) -> None:
    """Has the state know of what differs, so that the session's next `up` puts it right.

    The engine reads what is gone, and what is in AWS. Of an object's fields the state forgets what was sent: the plugin
    would read the changed ones, too, but not what was added to a list.
    """
    changed = {one.urn: one.paths for one in drift.found if one.paths}
    if others := [one.urn for one in drift.found if one.urn not in changed]:
        run.refresh(session, others)
    if changed:
        exported = session.stack.export_stack()
        known = forgotten(exported.deployment or {}, changed)
        session.stack.import_stack(automation.Deployment(version=exported.version, deployment=known))
    first = "\n".join(f"  {one}" for one in drift.found[:_NAMED])
    more = f"\n  and {len(drift.found) - _NAMED} more" if len(drift.found) > _NAMED else ""
    session.say(f"Not as the stack says, and put right by this:\n{first}{more}")


def forgotten(deployment: Mapping[str, Any], changed: Mapping[str, Collection[FieldPath]]) -> dict[str, Any]:
    """A deployment that does not know these fields of its objects, by URN."""
    resources = []
    for one in deployment.get("resources") or ():
        if one["urn"] in changed and not one.get("delete"):
            inputs, outputs = one["inputs"], one["outputs"]
            for path in changed[one["urn"]]:
                known = _known(path, one["inputs"])
                inputs, outputs = fields.without(known, inputs), fields.without(known, outputs)
            one = {**one, "inputs": inputs, "outputs": outputs}
        resources.append(one)
    return {**deployment, "resources": resources}


@dataclass
class Told:
    """Takes the engine's events of a refresh, and keeps what differs of what is ours."""

    found: list[Drifted] = field(default_factory=list)

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        if event.res_outputs_event is None:
            return
        step = event.res_outputs_event.metadata
        if step.op in _GONE:
            self.found.append(Drifted(urn=step.urn, type=step.type, change="deleted"))
        elif paths := [path for path, one in (step.detailed_diff or {}).items() if not _theirs(path, one.diff_kind)]:
            told = tuple(Field(path=path) for path in sorted(paths))
            self.found.append(Drifted(urn=step.urn, type=step.type, change="changed", fields=told))


def _theirs(path: str, kind: str) -> bool:
    """Whether it is a tag that somebody added: EKS and people put theirs on what is ours."""
    return path.startswith("tagsAll") or (path.startswith(("tags.", "tags[")) and kind.startswith("add"))


def _is_object(resource: Resource) -> bool:
    """Whether it is an object whose fields the plugin's apply has made ours."""
    return str(resource["type"]).startswith("kubernetes:") and bool(
        _mine((resource.get("outputs") or {}).get("metadata"), resource)
    )


def _mine(metadata: Any, resource: Resource) -> frozenset[FieldPath]:
    manager = (resource.get("outputs") or {}).get(MANAGER)
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    return fields.owned(entries or (), manager) if isinstance(manager, str) else frozenset()


def _lost(one: Resource, there: Manifest, scaled: Collection[tuple[str, str, str]]) -> list[FieldPath]:
    """The fields that were ours and are no more, but for those that others may write."""
    inputs = open_secret(one["inputs"])
    lost = fields.outermost(_mine(one["outputs"]["metadata"], one) - _mine(there["metadata"], one))
    theirs = tuple(taken(inputs))
    return [
        path
        for path in lost
        if not (path[:2] == _ANNOTATIONS and path[-1].startswith(_HINTS))
        and not (path == _REPLICAS and (inputs["kind"], *place_of(inputs)) in scaled)
        and not fields.text(path, inputs).startswith(theirs or ("\0",))
    ]


def _differing(one: Resource, api: Api, scaled: Collection[tuple[str, str, str]]) -> Drifted | None:
    """An object with the fields that differ; None where whoever wrote them wrote what was there."""
    inputs, (namespace, name) = open_secret(one["inputs"]), place_of(one["inputs"])
    live = api.get(inputs["apiVersion"], inputs["kind"], namespace, name)
    if live is None:
        return Drifted(urn=one["urn"], type=one["type"], change="deleted")
    entries = live["metadata"].get("managedFields") or ()
    paths, told = [], []
    for path in _lost(one, live, scaled):
        # Of one that is not in the inputs any more a run was cut short that was to put it right.
        if (wanted := fields.at(path, inputs)) is fields.MISSING or wanted != fields.at(path, live):
            by = fields.writer(entries, path) or {}
            paths.append(path)
            shown = fields.text(path, inputs)
            told.append(Field(path=shown, by=str(by.get("manager", "")), since=str(by.get("time", ""))))
    if not paths:
        return None
    return Drifted(urn=one["urn"], type=one["type"], change="changed", fields=tuple(told), paths=tuple(paths))


def _known(path: FieldPath, inputs: Any) -> FieldPath:
    """The path, as far as the state has it in the open: what is inside a secret goes with all of that."""
    if fields.at(path, open_secret(inputs)) is fields.MISSING:
        return path  # forgotten already, by a run that was cut short
    ends = range(len(path), 0, -1)
    return next(path[:end] for end in ends if fields.at(path[:end], inputs) is not fields.MISSING)


def _scaled(objects: Iterable[Resource]) -> Iterator[tuple[str, str, str]]:
    """Whose replicas an autoscaler of the stack sets, as `infra.kubeflow.scaled` has it: kind, namespace and name."""
    for one in objects:
        inputs = one["inputs"]
        if target := (inputs.get("spec") or {}).get("scaleTargetRef"):
            yield str(target.get("kind") or "Deployment"), place_of(inputs)[0], str(target["name"])
