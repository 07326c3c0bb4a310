"""A destroy: first the engine's lock, then a look at what is protected, then the drain, then the engine's deletes.

And a last look at what AWS makes again after its deletion, and at what earlier lives of a database left.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pulumi import automation
from rich.console import Console

from infra import preflight
from infra.aws import kept, standing
from infra.declared import full_key
from infra.settings import SettingsError
from ops import forgetting, people, run
from ops.changes import DATABASE, last_snapshot
from ops.cluster import access_of, connected
from ops.drain import drain, scope_of
from ops.lifting import lift
from ops.project import is_local, project_name
from ops.registered import Registered, going
from ops.relocated import at_its_address
from ops.run import Session
from ops.settings import read_config, stack_settings
from ordering.errors import UserError

Resource = dict[str, Any]
Client = Callable[[str], Any]

_HOLDING = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:s3/bucket:Bucket",
        DATABASE,
    }
)
_KEEPERS = tuple(f"kubeflow:infra:{name}$" for name in ("Backup", "Database", "Files", "Registry", "Storage"))
"""What `storageOnDestroy` is about: these types in these components."""

_NAMED = 5
"""Protected resources that an error names."""


def configured(stack: str, key: str) -> str:
    """One of the stack's settings as text; empty for one that has neither value nor default."""
    return read_config(stack)[0].get(full_key(project_name(), key), "")


def check_settings(stack: str) -> None:
    """UserError for a stack whose settings protect it."""
    if configured(stack, "protect") == "true":
        raise UserError(
            f"The stack {stack} is protected: nothing was destroyed; set `protect: false` in Pulumi.{stack}.yaml and "
            f"run `make up STACK={stack}` first, if you really want to destroy it."
        )


def check_state(stack: str, state: Iterable[Mapping[str, Any]]) -> None:
    """UserError that names what the stack's state protects, whatever its settings say by now.

    The engine refuses these as well, but only once the cluster has been drained.
    """
    names = [str(one["urn"]).rsplit("::", 1)[-1] for one in state if one.get("protect")]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise UserError(
            f"The state of {stack} protects {', '.join(names[:_NAMED])}{more}: nothing was destroyed; run "
            f"`make up STACK={stack}` with `protect: false` in Pulumi.{stack}.yaml first, if you really want to "
            "destroy it."
        )


def check_kept(stack: str, state: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the state keeps though the settings say `empty`, by name.

    UserError for what the settings keep and the state does not. The engine does what the state says, and that is what
    the settings said at the last `up`.
    """
    setting = configured(stack, "storageOnDestroy")
    held = [one for one in state if one.get("type") in _HOLDING and not _is_others(one)]
    retained = [str(one["id"]) for one in held if _stays(one)]
    emptied = [str(one["id"]) for one in held if not _stays(one)]
    if setting == "keep" and emptied:
        raise UserError(
            f"storageOnDestroy is keep, and was empty at the last `up`, so {', '.join(emptied)} would be deleted with "
            f"all that is in it: nothing was destroyed; run `make up STACK={stack}` first, or set it to empty again."
        )
    return retained if setting == "empty" else []


def _stays(holding: Mapping[str, Any]) -> bool:
    """Whether its content outlives it: a database goes, and leaves a snapshot."""
    if holding["type"] == DATABASE:
        return bool(last_snapshot(holding.get("inputs") or {}))
    return bool(holding.get("retainOnDelete"))


def check_access(stack: str, state: Iterable[Mapping[str, Any]]) -> None:
    """UserError where the stack's own cluster is there and does not let the caller delete what is in it."""
    inside = any(str(one.get("type", "")).startswith("kubernetes:") for one in state)
    if is_local(stack) or not inside or configured(stack, "clusterMode") != "create":
        return
    try:
        settings = stack_settings(stack).settings
    except SettingsError:  # which are no reason to keep a stack
        return
    caller = preflight.check_aws(settings.region)
    living = standing.look(settings, caller)
    found = standing.standing(living, caller, settings.cluster.access)
    if found not in ("creator", "administrator"):
        raise UserError(f"Nothing was destroyed. {standing.sentence(found, living, caller, settings)}")


def destroy(
    session: Session, console: Console, *, stuck: Callable[[str], people.Answer], forget: bool = False
) -> list[Resource]:
    """Takes a stack down; returns what its state had. UserError, and nothing is touched, where that is refused.

    `stuck` decides what becomes of objects of people's that do not go.

    `forget` is the person's word that a cluster which does not answer is gone for good. But for what is forgotten then,
    the engine holds the stack from before the first look at the state until the end, so no other run can come between.
    """
    state: list[Resource] = []

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    registered = Registered(say)

    def first() -> None:
        state.extend(_resources(session))
        check_state(session.stack.name, state)
        if staying := check_kept(session.stack.name, state):
            say(
                f"{' and '.join(staying)} will be kept: storageOnDestroy was keep at the last `up`; to have them "
                f"deleted, stop this, run `make up STACK={session.stack.name}`, and destroy then."
            )
        check_access(session.stack.name, state)
        drain_cluster(session, say, state, stuck, registered)

    region = read_config(session.stack.name)[0].get("aws:region")

    def client(service: str) -> Any:
        return boto3.client(service, region_name=region)  # type: ignore[call-overload]

    with session.tracker.waits.first("what the state says, and whether the cluster answers", say):
        line, resources = forget_cluster(session, client, forget=forget), _resources(session)
    if line:
        say(line)
    # In an empty state the engine would make the stack itself, only to run this.
    with registered.watched():
        run.destroy(session, first if resources else None)
    for line in (*logs_again(client, state), *snapshots_too(client, session.stack.name, state)):
        say(line)
    return state


def forget_cluster(session: Session, client: Client, *, forget: bool) -> str | None:
    """Takes the objects of a cluster that is gone out of the state, and says so; None where the cluster answers.

    UserError for a cluster that does not answer and may yet live, and for one that answers and is to be forgotten.
    """
    # A local cluster that came back on another port is there.
    stack, exported = session.stack.name, at_its_address(session.stack, session.ground.kubeconfig)
    state = (exported.deployment or {}).get("resources") or []
    access = access_of(state)
    if access is None or not any(str(one.get("type", "")).startswith("kubernetes:") for one in state):
        return None
    reason = forgetting.unreachable(access)
    if reason is None:
        if forget:
            raise UserError(f"The cluster of {stack} answers: nothing was destroyed; leave FORGET out.")
        return None
    check_state(stack, state)
    check_kept(stack, state)
    whose = forgetting.check(stack, reason, cluster=_in_eks(stack, state), client=client, forget=forget)
    left, count = forgetting.forgotten(exported.deployment or {})
    session.stack.import_stack(automation.Deployment(version=exported.version, deployment=left))
    return (
        f"{reason}. {whose}, so its {count} Kubernetes objects are forgotten; what it created in AWS may outlive it: "
        f"`make leftovers STACK={stack}` lists it."
    )


def _in_eks(stack: str, state: Iterable[Mapping[str, Any]]) -> str | None:
    """The name of a stack's own cluster in EKS; None for a cluster that is not the stack's."""
    names = [str(one["id"]) for one in state if one.get("type") == "aws:eks/cluster:Cluster" and one.get("id")]
    if names:
        return names[-1]
    if configured(stack, "clusterMode") != "create":
        return None
    return configured(stack, "clusterName") or f"{project_name()}-{stack}"


def logs_again(client: Client, state: Iterable[Mapping[str, Any]]) -> list[str]:
    """Deletes the log groups of a state that are there once more, and says so.

    EKS writes a deleted cluster's logs for minutes, and makes their group for that.
    """
    said = []
    for one in state:
        name = str(one.get("id") or "")
        if one.get("type") != "aws:cloudwatch/logGroup:LogGroup" or not name.startswith("/aws/eks/"):
            continue
        try:
            client("logs").delete_log_group(logGroupName=name)
            said.append(f"EKS had made the log group {name} again: deleted it once more.")
        except (ClientError, BotoCoreError) as error:
            if "ResourceNotFoundException" not in str(error):
                said.append(f"Whether EKS has made the log group {name} again is not known: {error}")
    return said


def snapshots_too(client: Client, stack: str, state: Iterable[Mapping[str, Any]]) -> list[str]:
    """Deletes what earlier destroys kept of a database that left nothing itself, and says so."""
    if all(one.get("type") != DATABASE or _is_others(one) or _stays(one) for one in state):
        return []
    region, said = read_config(stack)[0]["aws:region"], []
    try:
        for one in kept.snapshots(
            client, kept.Names(project=project_name(), stack=stack, region=region, repository=None)
        ):
            name = one["DBSnapshotIdentifier"]
            client("rds").delete_db_snapshot(DBSnapshotIdentifier=name)
            said.append(f"Deleted the database's snapshot {name}, which an earlier destroy had kept.")
    except (ClientError, BotoCoreError) as error:
        said.append(f"Snapshots of the database may be left ({error}); `make leftovers STACK={stack}` lists them.")
    return said


def _is_others(holding: Mapping[str, Any]) -> bool:
    """Whether it is in none of the stack's own components, so that `storageOnDestroy` says nothing about it."""
    return not any(part in str(holding["urn"]) for part in _KEEPERS)


def _resources(session: Session) -> list[Resource]:
    return (session.stack.export_stack().deployment or {}).get("resources") or []


def drain_cluster(
    session: Session,
    say: Callable[[str], None],
    state: list[Resource],
    stuck: Callable[[str], people.Answer],
    registered: Registered,
) -> None:
    """Empty the stack's cluster of what people made of its kinds, then of what holds something in AWS.

    And last of what would refuse the rest: the stack's own policies, and what operators registered behind its Services.

    UserError when it stops answering meanwhile, or something does not go. Workloads with claims end only in the second
    part: a controller that finishes the first may need its database.
    """
    stack = session.stack.name
    if not any(str(one.get("type", "")).startswith("kubernetes:") for one in state):
        return
    access = access_of(state)
    if access is None:
        return
    ours, whole = going(state), configured(stack, "clusterMode") == "create"
    waits = session.tracker.waits
    waits.before = "what people made, and what holds something in AWS, is looked for"

    def told(line: str) -> None:
        waits.before = ""  # a drain tells of itself, once it has begun to
        say(line)

    try:
        with session.timed("drain"), connected(access) as api:
            people.clear(api, state, people.Waiting(report=told, stuck=stuck))
            drain(api, scope_of(state, whole=whole), report=told)
            lift(api, ours.objects, told)
            registered.begin(api, ours, lambda: connected(access), whole=whole)
    except OSError as error:
        raise UserError(
            f"The cluster stopped answering ({error}) while it was being drained: nothing else was destroyed; run the "
            "same command again."
        ) from None
