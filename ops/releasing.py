"""`make upgrade` and `make rollback`: what is asked before a release changes, the run, and what is asked afterwards."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from infra.kubeflow.images import images
from infra.kubeflow.release import RELEASES
from ops import ask, backup, health, inventory, rehearsal, run, summary, upgrading
from ops.bring_up import bring_up
from ops.cluster import ClusterApi
from ops.doctor.examine import examine
from ops.doctor.finding import Finding
from ops.existing import objects
from ops.health import Health
from ops.inventory import Inventory
from ops.preview import Preview
from ops.project import is_local, local_dir, project_name, read_section, stack_file
from ops.reaching import reached
from ops.run import Session
from ops.settings import read_config, sound_settings
from ops.stack import outputs
from ops.upgrading import Stand, Way
from ordering.errors import UserError

_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a person said on the command line."""

    yes: bool
    lose: Collection[str]
    keep: Collection[str]
    backup: backup.Wanted
    rehearse: bool
    pods: run.Pods


def upgrade(stack: str, to: str, wishes: Wishes, console: Console) -> Health:
    """Brings a stack to a newer release; UserError where something speaks against it, and nothing was changed then."""
    return _go(upgrading.up(_stand(stack), to, list(RELEASES)), stack, wishes, console)


def roll_back(stack: str, wishes: Wishes, console: Console) -> Health:
    """Brings a stack back to the release before, by the same rules."""
    return _go(upgrading.back(_stand(stack)), stack, wishes, console)


def _stand(stack: str) -> Stand:
    kubeflow = sound_settings(stack).kubeflow
    for name, value in (("kubeflowPath", kubeflow.path), ("KUBEFLOW_MANIFESTS", os.environ.get("KUBEFLOW_MANIFESTS"))):
        if value:
            raise UserError(
                f"{name} names the manifests of {stack} ({value}), whatever its release: take that away first."
            )
    ran = outputs(stack).get("kubeflow_release")
    if not ran:
        raise UserError(f"No run of {stack} has ended yet: bring it up first with `make up STACK={stack}`.")
    return Stand(stack=stack, named=kubeflow.release, before=kubeflow.release_before, ran=str(ran))


def _go(way: Way, stack: str, wishes: Wishes, console: Console) -> Health:
    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    _check_writable(stack, way)
    if way.begun:
        say(f"{stack} is on its way from {way.old} to {way.new}: this goes on.")
    else:
        say(f"{stack} goes from {way.old} to {way.new}.")
        _examined(stack, way, say)
    with run.session(stack, console=console, pods=wishes.pods, missing="refuse", changes=way.settings) as session:
        before: list[Inventory] = []
        store, saved = _store(session, stack), backup.title(stack, way.old, way.new, None)

        def agree(planned: Preview) -> None:
            with _answering(session) as api:
                found = inventory.look(session.resources, api)
                earlier = backup.newest(store, saved) if way.begun else None
                before.append(earlier or found)
                _images(session)
                told = "" if way.begun else _prepared(session, way, wishes, found, store, api)
            if planned.changes and not wishes.yes:
                _ask(stack, way, told)
            if not way.begun:
                if wishes.backup == "no":
                    _close(store, saved, wishes)
                _write(stack, way.settings)

        brought = bring_up(
            session,
            show=lambda planned: summary.print_planned(console, planned),
            agree=agree,
            lose=wishes.lose,
            keep=wishes.keep,
            look_first=True,
        )
        summary.print_up(console, session, brought.outputs)
        with session.timed("look whether all works"):
            found = _checked(session, before[0])
        if not found.wrong:
            _close(store, saved, wishes)
    health.refuse(found, stack)
    if way.at_its_end:
        _write(stack, way.at_its_end)
    say(f"{stack} runs {way.new}: {found}.")
    return found


def _examined(stack: str, way: Way, say: Callable[[str], None]) -> None:
    """UserError for what doctor finds with the old release or the new one."""
    broken: list[tuple[str, Finding]] = []
    for release, settings in ((way.old, {upgrading.RELEASE: way.old}), (way.new, way.settings)):
        found = examine(stack, settings)
        broken += [(release, one) for one in found if one.state == "broken"]
        for one in found:
            if one.state == "warning" and release == way.new:
                say(f"doctor, {release}: {one.check}: {one.found}")
    if broken:
        told = "; ".join(f"{one.check}: {one.found} ({one.advice})" for _, one in broken[:_NAMED])
        raise UserError(
            f"`make doctor` finds what would stop {stack} with {broken[0][0]}: {told}. Nothing was changed."
        )


def _prepared(
    session: Session, way: Way, wishes: Wishes, found: Inventory, store: backup.Store, api: ClusterApi
) -> str:
    """Saves, and rehearses, as far as that is wanted; returns what a person has to know before they agree."""
    stack, told = session.stack.name, []
    if wishes.backup == "no":
        told.append("There is no backup (BACKUP=no).")
    else:
        with session.timed("back up"):
            saved = backup.save(
                store,
                backup.title(stack, way.old, way.new, datetime.now(UTC)),
                session.resources,
                found,
                inventory.secrets(found, session.resources, api),
                api,
                databases=wishes.backup == "yes",
                run_pods=not is_local(stack),
            )
        session.say(str(saved))
        undumped = [*saved.undumped, *managed(session)]
        if undumped and wishes.backup == "yes":
            lacks = f"The backup lacks {'; '.join(undumped)}"
            if wishes.yes and not is_local(stack):
                raise UserError(
                    f"{lacks}, and nobody was asked; nothing was changed. BACKUP=objects goes on without databases."
                )
            told.append(f"{lacks}.")
    if not wishes.rehearse:
        return " ".join([*told, "Nothing was rehearsed (REHEARSE=yes does)."])
    with session.timed("rehearse"):
        own = frozenset(at.namespace for at, _ in objects(session.resources)) | {"default"}
        metadata = [one["metadata"] for one in api.metadata("v1", "PersistentVolumeClaim")]
        part = rehearsal.Part(
            old=way.old,
            new=way.new,
            config=_taken(stack),
            objects=rehearsal.disguised(found, own),
            claims=[(one["namespace"], one["name"]) for one in metadata],
            keep=list(wishes.keep),
        )
        played = rehearsal.rehearse(part, session.say)
    session.say(str(played))
    if played.faults:
        more = f" and {len(played.faults) - _NAMED} more" if len(played.faults) > _NAMED else ""
        raise UserError(
            f"The rehearsal shows what would go wrong: {'; '.join(played.faults[:_NAMED])}{more}. Nothing was changed; "
            "REHEARSE=no goes on all the same."
        )
    return " ".join(told)


def managed(session: Session) -> list[str]:
    """Says where a managed database is kept; returns it where RDS does not keep it either."""
    assert session.program.given is not None, "the program has run in the preview"
    database = session.program.given.settings.database
    if database is None:
        return []
    if database.backup_days:
        days = f"{database.backup_days} day{'' if database.backup_days == 1 else 's'}"
        session.say(f"The managed database is not in it: RDS keeps it as of any second of the last {days}.")
        return []
    return ["the managed database, of which RDS keeps no backups (databaseBackupDays is 0)"]


def _taken(stack: str) -> dict[str, Any]:
    section = {key.rpartition(":")[2]: value for key, value in read_section(stack_file(stack)).items()}
    return {key: section[key] for key in rehearsal.TAKEN if key in section}


def _store(session: Session, stack: str) -> backup.Store:
    """The stack's bucket, or a folder where it has none."""
    name = session.stack.outputs().get("bucket")
    if name is None or not name.value:
        return backup.Folder(local_dir() / "backups")
    return backup.Bucket(str(name.value), read_config(stack)[0].get("aws:region", ""))


def _close(store: backup.Store, saved: str, wishes: Wishes) -> None:
    """Has nobody take what was saved of this way so far for what was there before a run that goes on.

    Killed before it, the same command closes it. Where no backup is wanted, a store that does not answer stops nothing.
    """
    with suppress(UserError) if wishes.backup == "no" else nullcontext():
        backup.close(store, saved)


def _images(session: Session) -> None:
    """Says how much the nodes have to pull."""
    given = session.program.given
    assert given is not None, "the program has run in the preview"
    old, new = images(one for _, one in objects(session.resources)), images(given.release.objects)
    fresh = new.keys() - old.keys()
    session.say(f"{len(fresh)} of the {len(new)} images are new to the cluster (`make images RELEASE=…` lists them).")


def _ask(stack: str, way: Way, told: str) -> None:
    ask.for_name(
        stack,
        notice=" ".join(
            part for part in (told, f"This brings {stack} from {way.old} to {way.new}, as shown above.") if part
        ),
        nobody=f"Nobody answered, and nothing was changed; YES=1 brings {stack} to {way.new} without asking.",
        refused="nothing was changed.",
    )


def _check_writable(stack: str, way: Way) -> None:
    """UserError for settings that could not be written later, when the release has changed."""
    path = stack_file(stack)
    text = path.read_text(encoding="utf-8")
    for settings in (way.at_its_end,) if way.begun else (way.settings, way.at_its_end):
        text = upgrading.written(text, project_name(), settings, path.name)


def _write(stack: str, settings: Mapping[str, str]) -> None:
    """Has the stack's settings name the new release, whatever becomes of the run: whoever runs it next goes on."""
    path = stack_file(stack)
    text = upgrading.written(path.read_text(encoding="utf-8"), project_name(), settings, path.name)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _checked(session: Session, before: Inventory) -> Health:
    exported = session.stack.export_stack().deployment or {}
    state, pending = exported.get("resources") or [], exported.get("pending_operations") or []
    with _answering(session) as api:

        def look() -> Health:
            after = inventory.look(state, api)
            return health.examine(api, after.ours, before, after, pending)

        return health.wait(look)


@contextmanager
def _answering(session: Session) -> Iterator[ClusterApi]:
    try:
        with reached(session) as api:
            if api is None:
                raise UserError(f"{session.stack.name} has no cluster yet: bring it up first.")
            yield api
    except OSError as error:
        raise UserError(f"The cluster does not answer ({error}): run the same command again.") from None
